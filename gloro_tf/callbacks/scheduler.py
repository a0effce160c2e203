"""Callbacks that move a number of the model along a schedule."""

from __future__ import annotations

from typing import Any

import keras

from gloro_tf.callbacks.schedule import Schedule


class Scheduler(keras.callbacks.Callback):
    """Sets a value before every training step, from the position of that step alone.

    Args:
        schedule: `Schedule` or its text.
    """

    name, factor = "schedule", 1.0

    def __init__(self, schedule: Schedule | str) -> None:
        super().__init__()
        self.schedule = schedule if isinstance(schedule, Schedule) else Schedule(schedule)
        self._epoch, self._value = 0, None

    def variable(self, model: keras.Model) -> keras.Variable:
        """The variable that the schedule moves.

        Args:
            model: the `keras.Model` in training.
        """
        raise NotImplementedError

    def value_at(self, position: float, epochs: int) -> float:
        """What the variable is at a position, in epochs of a run of so many epochs.

        Args:
            position: float. Epochs done, fractions included.
            epochs: int. Epochs of the whole run.
        """
        return self.factor * self.schedule(position, epochs)

    def apply(self, value: float) -> None:
        """Moves the variable to a value of the schedule.

        Args:
            value: float.
        """
        self.variable(self.model).assign(self.factor * value)

    def _move(self, position):
        self._value = self.schedule(position, self.params["epochs"])
        self.apply(self._value)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.schedule.turning_points(self.params["epochs"])

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch
        self._move(epoch)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        steps = self.params.get("steps")
        if steps:
            self._move(self._epoch + batch / steps)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs[self.name] = self._value

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._move(self.params["epochs"])


class EpsilonSchedule(Scheduler):
    """Scales the radius that training asks for: `training epsilon = epsilon * schedule`.

    The radius that evaluation and certificates use stays as it is.

    Args:
        schedule: `Schedule` or its text, e.g. `"0.1 linear 50% 1.5"`.

    The epoch's logs get its last value as `schedule/epsilon`.
    """

    name = "schedule/epsilon"

    def variable(self, model: keras.Model) -> keras.Variable:
        return model.epsilon_scale


class TradesSchedule(Scheduler):
    """Sets the weight of the TRADES loss.

    Args:
        schedule: `Schedule` or its text, e.g. `"0 linear 100% 2"`.

    The epoch's logs get its last value as `schedule/trades`.
    """

    name = "schedule/trades"

    def variable(self, model: keras.Model) -> keras.Variable:
        return model.trades_weight


class LearningRateSchedule(Scheduler):
    """Sets the optimiser's learning rate: `rate * schedule`.

    Args:
        schedule: `Schedule` or its text, e.g. `"0 linear 2% 1 cosine 100% 0"`.
        rate: float. The learning rate where the schedule is 1.

    The epoch's logs get the schedule's last value as `schedule/learning_rate`.
    """

    name = "schedule/learning_rate"

    def __init__(self, schedule: Schedule | str, rate: float) -> None:
        super().__init__(schedule)
        self.rate = self.factor = rate

    def variable(self, model: keras.Model) -> keras.Variable:
        return model.optimizer._learning_rate

    def apply(self, value: float) -> None:
        self.model.optimizer.learning_rate = self.rate * value
