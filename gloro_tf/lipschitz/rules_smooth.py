"""Rules of smooth activations, which declare their constants, and of the N-activation."""

import numpy as np

from gloro_tf import layers
from gloro_tf.lipschitz.factors import FLOAT32_ROUNDOFF, Constant, Translation, float64
from gloro_tf.lipschitz.registry import register


def _size(input_shape):
    return int(np.prod(input_shape[1:]))


def _flushed(input_shape):
    """What values that are too small for float32, and are taken for 0, add up to."""
    return 2.0**-100 * np.sqrt(_size(input_shape))


@register(layers.SoftHuber)
@register(layers.SmoothMinMax)
@register(layers.PairNorm)
def bent(layer, input_shape):
    return Constant(layer.lipschitz, terms=24, absolute=_flushed(input_shape))


@register(layers.L2Pooling2D)
def l2_pooling(layer, input_shape):
    terms = 24 + layer.pool_size**2
    return Constant(layer.lipschitz, terms=terms, absolute=_flushed(input_shape))


@register(layers.LogCosh)
def log_cosh(layer, input_shape):
    """Near zero it is a difference of numbers of size `log(2) / beta`."""
    error = 16 * FLOAT32_ROUNDOFF / layer.beta * np.sqrt(_size(input_shape))
    return Constant(layer.lipschitz, terms=16, absolute=error)


@register(layers.Softplus)
def softplus(layer, input_shape):
    at_zero = np.log(2) / layer.beta * np.sqrt(_size(input_shape)) * (1 + 1e-12)
    return Constant(layer.lipschitz, at_zero, terms=16)


@register(layers.UnitSlope)
def unit_slope(layer, input_shape):
    return Constant(layer.lipschitz, terms=40, absolute=_flushed(input_shape))


@register(layers.NActivation)
def n_activation(layer, input_shape):
    def length():
        kinks = np.maximum(np.abs(float64(layer.first)), np.abs(float64(layer.second)))
        return 2 * np.sqrt(np.sum(kinks**2) * _size(input_shape) / input_shape[-1])

    return Translation(length)
