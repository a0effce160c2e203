"""Fits with every callback and prints, as JSON, the values that the training steps saw."""

import json
import sys

import keras
import numpy as np
from keras import ops

import gloro_tf


class Net(gloro_tf.GloroModel):
    """Adds what a compiled step computes with to a weight, so that it shows in the history."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if training:
            self.seen.update_state(ops.convert_to_tensor(self.epsilon_scale))
            self.weight_seen.update_state(ops.convert_to_tensor(self.trades_weight))
        return loss


class Optimizer(keras.optimizers.SGD):
    """Sums the learning rates that its steps used."""

    def build(self, variables):
        super().build(variables)
        self.count = len(variables)
        self.rates = self.add_variable((), "zeros", "float32", name="rates")

    def update_step(self, gradient, variable, learning_rate):
        self.assign_add(self.rates, ops.cast(learning_rate, "float32") / self.count)
        super().update_step(gradient, variable, learning_rate)


class Rates(keras.callbacks.Callback):
    """Logs the sum of the rates so far."""

    def on_epoch_end(self, epoch, logs=None):
        logs["rates"] = float(ops.convert_to_numpy(self.model.optimizer.rates))


def main():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(32, 6)).astype("float32"), np.arange(32) % 3
    net = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    model = Net(model=net, epsilon=0.1)
    for name in ("seen", "weight_seen"):
        setattr(model, name, keras.metrics.Mean(name))
    model.compile(Optimizer(0.5), loss="trades_kl.7", metrics=["vra"])
    history = model.fit(
        x,
        y,
        batch_size=8,
        epochs=4,
        verbose=0,
        callbacks=[
            gloro_tf.callbacks.EpsilonSchedule("0 linear 100% 8"),
            gloro_tf.callbacks.TradesSchedule("2 linear 2 0"),
            gloro_tf.callbacks.LearningRateSchedule("1 constant 50% 0.1", 0.5),
            gloro_tf.callbacks.LayerNorms(),
            Rates(),
            keras.callbacks.CSVLogger(sys.argv[1]),
        ],
    ).history
    final = [model.epsilon_scale, model.trades_weight, model.optimizer.learning_rate]
    history["final"] = [float(ops.convert_to_numpy(v)) for v in final]
    history["epsilon"] = model.epsilon
    print(json.dumps(history, default=float))


if __name__ == "__main__":
    main()
