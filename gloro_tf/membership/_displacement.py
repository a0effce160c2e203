"""What a pair of weights, the target's and the proxies', says about membership."""

import keras
import numpy as np
from keras import ops

from gloro_tf.membership._logistic import decide, fit_logistic


class Linear:
    """`a W + b W~` for each feature and `c b + d b~` for the bias: a regression on four sums."""

    def __init__(self):
        self.weights = np.array([1.0, -1.0, 1.0, -1.0, 0.0])

    def fit(self, sides, inside):
        self.weights = fit_logistic(_sums(sides), inside, self.weights)

    def score(self, sides):
        return decide(_sums(sides), self.weights)


class MLP:
    """Subtraction plus a small network of both weights, the same for all features of a slice."""

    def __init__(self, units=8, epochs=60, rate=3e-3):
        self.units, self.epochs, self.rate, self.model = units, epochs, rate, None

    def fit(self, sides, inside):
        self.linear = Linear()
        self.linear.fit(sides, inside)
        inputs = self._inputs(sides, scale=True)
        features = keras.Input(inputs[0].shape[1:])
        pairs, base = keras.Input(inputs[1].shape[1:]), keras.Input((1,))
        hidden = keras.layers.Dense(self.units, "tanh")(pairs)
        extra = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")(hidden)
        total = keras.layers.Dot(axes=1)([features, keras.layers.Flatten()(extra)])
        self.model = keras.Model([features, pairs, base], keras.layers.Add()([total, base]))
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.AdamW(self.rate, weight_decay=1e-2), loss)
        self.model.fit(
            list(inputs), inside.astype("float32"), batch_size=64, epochs=self.epochs, verbose=0
        )

    def score(self, sides):
        if self.model is None:
            return Linear().score(sides)
        tensors = [ops.convert_to_tensor(part) for part in self._inputs(sides)]
        return ops.convert_to_numpy(self.model(tensors))[:, 0].astype("float64")

    def _inputs(self, sides, scale=False):
        features, weights, _ = sides
        if scale:
            self.deviation = weights.std() + 1e-12
        pairs = np.moveaxis(weights, 0, -1) / self.deviation
        base = self.linear.score(sides)[:, None]
        return tuple(part.astype("float32") for part in (features, pairs, base))


DISPLACEMENTS = {"linear": Linear, "mlp": MLP}


def _sums(sides):
    """The four numbers that a linear displacement sees, `(n, 4)`."""
    features, weights, biases = sides
    return np.column_stack([*(weights * features).sum(axis=-1), *biases])
