"""Callbacks that move a number of the model along a schedule."""

import keras

from gloro_tf.callbacks.schedule import Schedule


class _Scheduler(keras.callbacks.Callback):
    """Sets a value before every training step, from the position of that step alone."""

    def __init__(self, schedule):
        super().__init__()
        self.schedule = schedule if isinstance(schedule, Schedule) else Schedule(schedule)
        self._epoch = 0

    def apply(self, value):
        raise NotImplementedError

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self.apply(self.schedule(epoch, self.params["epochs"]))

    def on_train_batch_begin(self, batch, logs=None):
        steps = self.params.get("steps")
        if steps:
            self.apply(self.schedule(self._epoch + batch / steps, self.params["epochs"]))

    def on_train_end(self, logs=None):
        epochs = self.params["epochs"]
        self.apply(self.schedule(epochs, epochs))


class EpsilonSchedule(_Scheduler):
    """Scales the radius that training asks for: `training epsilon = epsilon * schedule`.

    The radius that evaluation and certificates use stays as it is.

    Args:
        schedule: `Schedule` or its text, e.g. `"0.1 linear 50% 1.5"`.
    """

    def apply(self, value):
        self.model.epsilon_scale.assign(value)


class TradesSchedule(_Scheduler):
    """Sets the weight of the TRADES loss.

    Args:
        schedule: `Schedule` or its text, e.g. `"0 linear 100% 2"`.
    """

    def apply(self, value):
        self.model.trades_weight.assign(value)


class LearningRateSchedule(_Scheduler):
    """Scales the optimiser's learning rate: the rate at the beginning of training times the schedule.

    Args:
        schedule: `Schedule` or its text, e.g. `"0 linear 2% 1 cosine 100% 0"`.
        rate: float. The learning rate at 1.
    """

    def __init__(self, schedule, rate):
        super().__init__(schedule)
        self.rate = rate

    def apply(self, value):
        self.model.optimizer.learning_rate = self.rate * value
