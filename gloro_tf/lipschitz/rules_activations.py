"""Rules of activations, as layers and as `activation=` arguments."""

import keras
import numpy as np

from gloro_tf.layers import BetaAbs, Centering, GroupSort, Householder, MinMax
from gloro_tf.lipschitz.factors import (
    FLOAT32_ROUNDOFF,
    Constant,
    Gain,
    Translation,
    float64,
)
from gloro_tf.lipschitz.registry import (
    UnsupportedLayerError,
    activation_entry,
    register,
    register_activation,
)

activations, layers = keras.activations, keras.layers

SOFTMAX_AT_END = (
    "Layer '{name}' puts a softmax at the end of the model. A certificate compares scores through "
    "Lipschitz constants of their differences; after a softmax every difference is at most 1 and "
    "nothing would be certified as it should. Remove it: train on logits, and apply softmax to "
    "what the model returns."
)

# name: (supremum of the absolute slope, rounded up; absolute value at zero; roundings)
_SLOPES = {
    "linear": (1.0, 0.0, 0),
    "relu": (1.0, 0.0, 0),
    "relu6": (1.0, 0.0, 0),
    "leaky_relu": (1.0, 0.0, 1),
    "elu": (1.0, 0.0, 16),
    "celu": (1.0, 0.0, 16),
    "selu": (1.7580993409, 0.0, 16),
    "tanh": (1.0, 0.0, 16),
    "hard_tanh": (1.0, 0.0, 0),
    "tanh_shrink": (1.0, 0.0, 16),
    "soft_shrink": (1.0, 0.0, 4),
    "softsign": (1.0, 0.0, 8),
    "softplus": (1.0, 0.6931471806, 16),
    "log_sigmoid": (1.0, 0.6931471806, 16),
    "squareplus": (1.0, 1.0, 16),
    "sparse_plus": (1.0, 0.25, 16),
    "sigmoid": (0.25, 0.5, 16),
    "hard_sigmoid": (0.1666667, 0.5, 8),
    "sparse_sigmoid": (0.5, 0.5, 8),
    "silu": (1.09983933, 0.0, 24),
    "hard_silu": (1.5, 0.0, 16),
    "gelu": (1.1289043, 0.0, 32),
    "mish": (1.0884983, 0.0, 32),
}
for _name, _entry in _SLOPES.items():
    if hasattr(activations, _name):
        register_activation(getattr(activations, _name), *_entry)


def activation_factors(layer, size):
    """The factors of a layer's `activation` argument, for an output of `size` entries."""
    function = getattr(layer, "activation", None)
    if function is None or function is activations.linear:
        return []
    if isinstance(function, keras.layers.Layer):
        raise UnsupportedLayerError(
            f"'{layer.name}' has a layer as its activation. Add that layer to the model instead."
        )
    if function is activations.softmax:
        return [SoftmaxFactor(layer.name, size)]
    constant, at_zero, terms = activation_entry(function, layer.name)
    absolute = _cancelled(constant, size) if function in _EXPONENTIAL else 0.0
    return [Constant(constant, at_zero * np.sqrt(size) * (1 + 1e-12), terms, absolute=absolute)]


_EXPONENTIAL = (activations.elu, activations.celu, activations.selu)


def _cancelled(scale, size):
    """The error of `scale * (exp(x) - 1)` near zero, where the subtraction cancels."""
    return 8 * FLOAT32_ROUNDOFF * scale * np.sqrt(size)


class SoftmaxFactor(Constant):
    """Softmax: 1-Lipschitz in L2 inside a model, refused at its end."""

    def __init__(self, name, size):
        super().__init__(1.0, np.sqrt(size), terms=64)
        self.message = SOFTMAX_AT_END.format(name=name)


def refuse_softmax(trace):
    """Raises `ValueError` where a model ends in a softmax."""
    output = trace.output
    for step in reversed(trace.steps):
        if step.output != output or not isinstance(step.rule, tuple):
            return
        for factor in step.rule:
            if isinstance(factor, SoftmaxFactor):
                raise ValueError(factor.message)
        if not all(factor.is_identity for factor in step.rule):
            return
        output = step.inputs[0]


def _size(input_shape):
    return int(np.prod(input_shape[1:]))


@register(layers.Activation)
def activation(layer, input_shape):
    return activation_factors(layer, _size(input_shape)) or [Constant(1.0, identity=True)]


@register(layers.Softmax)
def softmax(layer, input_shape):
    return SoftmaxFactor(layer.name, _size(input_shape))


@register(layers.ReLU)
def relu(layer, input_shape):
    if layer.threshold:
        raise UnsupportedLayerError(
            f"'{layer.name}': ReLU with a threshold jumps there, so no Lipschitz constant exists. "
            "Use `threshold=0`."
        )
    return Constant(max(1.0, abs(float(layer.negative_slope))), terms=1)


@register(layers.LeakyReLU)
def leaky_relu(layer, input_shape):
    return Constant(max(1.0, abs(float(layer.negative_slope))), terms=1)


@register(layers.PReLU)
def prelu(layer, input_shape):
    return Gain(lambda module, alpha: module.maximum(1.0, module.abs(alpha)), [layer.alpha])


@register(layers.ELU)
def elu(layer, input_shape):
    constant = max(1.0, abs(float(layer.alpha)))
    return Constant(constant, terms=16, absolute=_cancelled(constant, _size(input_shape)))


@register(MinMax)
def minmax(layer, input_shape):
    return Constant(1.0, terms=4)


@register(GroupSort)
@register(BetaAbs)
def permutation(layer, input_shape):
    return Constant(1.0)


@register(Householder)
def householder(layer, input_shape):
    """Reflects at `(sin, -cos)` rounded to float32, whose length is 1 to within a few units."""

    def scale(module, angle):
        return (1.0 + 2.0**-18) + 0.0 * angle  # NaN and infinity are met as in any weight

    return Gain(scale, [layer.angle])


@register(Centering)
def centering(layer, input_shape):
    def length():
        shift = float64(layer.shift())
        return np.sqrt(np.sum(shift**2) * _size(input_shape) / input_shape[-1])

    return Translation(length)
