"""Small random functional models, to try bounds on what nobody thought of."""

from __future__ import annotations

import keras
import numpy as np

from gloro_tf.layers import MinMax

layers, ops = keras.layers, keras.ops

ACTIVATIONS = (
    "relu relu6 leaky_relu elu celu selu tanh hard_tanh tanh_shrink soft_shrink softsign softplus "
    "log_sigmoid squareplus sparse_plus sigmoid hard_sigmoid sparse_sigmoid silu hard_silu gelu "
    "mish"
).split()


def random_graph(seed: int, linear: bool = False, dtype: str = "float64") -> keras.Model:
    """Builds a small functional model with random structure and random weights.

    Branches (sum, difference, mean, concatenation, maximum, operators on tensors), layers used
    twice, nested models, convolutions of all settings, overlapping and 'same' pools, batch
    normalisations with random statistics, activations and dense heads; 5x5x2 images, or vectors
    of 8 features for one seed in four.

    Args:
        seed: int. The same seed gives the same model.
        linear: bool. Whether to draw only affine layers, for which `explicit_matrix` gives the
            truth. Defaults to `False`.
        dtype: str. Precision in which the model runs. Defaults to `"float64"`.

    Returns:
        A `keras.Model` with outputs of shape `(batch, units)`.
    """
    return _Maker(seed, linear, dtype).model()


class _Maker:
    def __init__(self, seed, linear, dtype):
        self.rng = np.random.default_rng([seed, 11])
        self.linear, self.dtype, self.seed = linear, dtype, seed

    def model(self):
        shape = (8,) if self.rng.random() < 0.25 else (5, 5, 2)
        inputs = keras.Input(shape, dtype=self.dtype)
        x = inputs
        for _ in range(self.rng.integers(1, 5)):
            x = self.merge(x) if self.rng.random() < 0.5 else self.block(x)
        if len(x.shape) == 4:
            x = self.flatten(x)
        if self.rng.random() < 0.7:
            x = self.dense(x, int(self.rng.integers(2, 6)))
        model = keras.Model(inputs, x, name=f"random_{self.seed}")
        for variable in model.variables:
            self.fill(variable)
        return model

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def fill(self, variable):
        """Random weights of about unit gain, and positive variances."""
        shape = variable.shape
        if "variance" in variable.name:
            return variable.assign(self.rng.uniform(0.05, 4.0, shape))
        fan_in = max(1, int(np.prod(shape[:-1])))
        variable.assign(self.rng.normal(size=shape) * self.pick(0.5, 1.0, 2.0) / np.sqrt(fan_in))

    def make(self, layer_class, *args, **kwargs):
        return layer_class(*args, dtype=self.dtype, **kwargs)

    def activation(self):
        return None if self.linear or self.rng.random() < 0.5 else self.pick(*ACTIVATIONS)

    def same(self, x):
        """A layer that keeps the shape of `x`."""
        if len(x.shape) == 2:
            return self.make(layers.Dense, x.shape[-1], activation=self.activation())
        return self.make(
            layers.Conv2D,
            x.shape[-1],
            self.pick(1, 2, 3, (1, 3)),
            padding="same",
            activation=self.activation(),
            use_bias=self.pick(True, False),
        )

    def dense(self, x, units):
        return self.make(layers.Dense, units, use_bias=self.pick(True, False))(x)

    def flatten(self, x):
        kinds = [layers.Flatten, layers.Flatten, layers.GlobalAveragePooling2D]
        kinds += [] if self.linear else [layers.GlobalMaxPooling2D]
        return self.make(self.pick(*kinds))(x)

    # ---- one input

    def block(self, x):
        kinds = [self.norm, self.nested, self.shared, self.scaled]
        kinds += [] if self.linear else [self.nonlinearity] * 3
        kinds += [self.conv, self.conv, self.pool, self.reshaping] if len(x.shape) == 4 else [
            lambda x: self.dense(x, int(self.rng.integers(3, 9)))
        ]  # fmt: skip
        return self.pick(*kinds)(x)

    def norm(self, x):
        kwargs = {"center": self.pick(True, False), "scale": self.pick(True, False)}
        return self.make(layers.BatchNormalization, **kwargs)(x)

    def nested(self, x):
        inner = keras.Input(x.shape[1:], dtype=self.dtype)
        y = self.same(inner)(inner)
        y = layers.Add(dtype=self.dtype)([inner, y]) if self.rng.random() < 0.5 else y
        model = keras.Model(inner, y)
        return model(model(x)) if self.rng.random() < 0.5 else model(x)

    def shared(self, x):
        layer = self.same(x)
        return layer(layer(x))

    def scaled(self, x):
        if self.rng.random() < 0.5:
            return self.make(layers.Rescaling, float(np.float32(self.rng.normal())), 0.3)(x)
        return self.pick(lambda x: x * -1.25 + 0.5, lambda x: 0.5 - x / 0.75)(x)

    def nonlinearity(self, x):
        if x.shape[-1] % 2 == 0 and self.rng.random() < 0.3:
            return self.make(MinMax)(x)
        kind = self.pick(0, 1, 2, 3, 3, 3)
        if kind == 3:
            return self.make(layers.Activation, self.pick(*ACTIVATIONS))(x)
        options = [
            (layers.LeakyReLU, {"negative_slope": self.pick(0.1, 1.7)}),
            (layers.PReLU, {}),
            (layers.ELU, {"alpha": self.pick(0.5, 1.0, 2.0)}),
        ]
        layer, kwargs = options[kind]
        return self.make(layer, **kwargs)(x)

    def conv(self, x):
        side, channels = min(x.shape[1:3]), x.shape[-1]
        size, padding = self.pick(1, 2, 3, (2, 3)), self.pick("same", "valid")
        if padding == "valid" and np.max(size) > side:
            size = 1
        strides = int(self.pick(1, 1, 2, 3))
        common = {"padding": padding, "use_bias": self.pick(True, False)}
        kind = self.pick("plain", "plain", "dilated", "grouped", "depthwise", "separable", "up")
        if kind == "up" and side <= 3:
            return self.make(layers.Conv2DTranspose, 2, size, strides=strides, **common)(x)
        if kind == "depthwise":
            return self.make(layers.DepthwiseConv2D, size, strides=strides, **common)(x)
        if kind == "separable":
            return self.make(layers.SeparableConv2D, 3, size, strides=strides, **common)(x)
        if kind == "dilated" and (padding == "same" or side >= 5):
            common |= {"dilation_rate": 2, "activation": self.activation()}
            return self.make(layers.Conv2D, 2, size, **common)(x)
        groups = 2 if kind == "grouped" and channels % 2 == 0 else 1
        common |= {"groups": groups, "activation": self.activation()}
        return self.make(layers.Conv2D, 2 * groups, size, strides=strides, **common)(x)

    def pool(self, x):
        kinds = [layers.AveragePooling2D] if self.linear else [
            layers.AveragePooling2D, layers.MaxPooling2D
        ]  # fmt: skip
        size = int(self.rng.integers(1, min(3, *x.shape[1:3]) + 1))
        strides, padding = int(self.pick(1, 2, 3)), self.pick("same", "valid")
        return self.make(self.pick(*kinds), size, strides=strides, padding=padding)(x)

    def reshaping(self, x):
        if min(x.shape[1:3]) > 3:
            return self.make(layers.Cropping2D, ((1, 0), (0, 1)))(x)
        kinds = [(layers.ZeroPadding2D, 1), (layers.UpSampling2D, (2, 1))]
        layer, argument = self.pick(*kinds, (layers.Permute, (2, 1, 3)))
        return self.make(layer, argument)(x)

    # ---- several inputs

    def merge(self, x):
        branches = [x if self.rng.random() < 0.5 else self.same(x)(x), self.same(x)(x)]
        operators = [lambda a, b: a + b, lambda a, b: a - b]
        kinds = [layers.Add, layers.Subtract, layers.Average, layers.Concatenate]
        kinds += [] if self.linear else [layers.Maximum, layers.Minimum]
        if self.rng.random() < 0.2:
            return self.pick(*operators)(*branches)
        kind = self.pick(*kinds)
        if kind is not layers.Subtract and self.rng.random() < 0.4:
            branches.append(self.shared(x))
        return self.make(kind)(branches)
