"""What every supported Keras layer does, as pieces; float64, from the layer's own weights."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from gloro_tf.geometric_projections._pieces import (
    Affine,
    Gather,
    Halves,
    Kinks,
    Scale,
    check_size,
)
from gloro_tf.layers import BetaAbs, CholeskyDense, MinMax, SpaceToDepth, UnitNormHead
from gloro_tf.lipschitz.conv_geometry import ConvGeometry

layers, activations = keras.layers, keras.activations
_RULES: dict[type, Callable[..., Any]] = {}


class NotPiecewiseLinearError(TypeError):
    """Raised for a layer or activation that is not piecewise linear, or that has no rule."""


def pieces_of(layer, input_shape, output_shape):
    """The pieces of one layer, for shapes without the batch axis.

    Raises:
        NotPiecewiseLinearError: for smooth activations and layers without a rule.
    """
    for base in type(layer).__mro__:
        if base in _RULES:
            return _RULES[base](layer, tuple(input_shape), tuple(output_shape))
    raise NotPiecewiseLinearError(
        f"`model` must be a chain of piecewise-linear layers. Received: {type(layer).__name__} "
        f"'{layer.name}'. Supported are: {', '.join(sorted(c.__name__ for c in _RULES))}."
    )


def _rule(*classes):
    def decorator(function):
        _RULES.update(dict.fromkeys(classes, function))
        return function

    return decorator


def _numpy(value):
    return keras.ops.convert_to_numpy(value).astype("float64")


def _bend(layer, shape, negative, positive=1.0):
    size = math.prod(shape)
    slopes = [np.broadcast_to(np.asarray(s, "float64"), shape) for s in (negative, positive)]
    return [Kinks(*[s.reshape(size).copy() for s in slopes])]


# ---- activations


def _activation(layer, shape):
    """The pieces of a layer's `activation` argument; a softmax is kept for the end to drop."""
    function = getattr(layer, "activation", None)
    if function in (None, activations.linear):
        return []
    if function is activations.softmax:
        return [layer]
    if function is activations.relu:
        return _bend(layer, shape, 0.0)
    if function is activations.leaky_relu:
        return _bend(layer, shape, np.float32(0.2))
    if function is keras.ops.abs or function is keras.ops.absolute:
        return _bend(layer, shape, -1.0)
    raise NotPiecewiseLinearError(
        "`model` must be piecewise linear: relu, leaky_relu, abs or MinMax. Received: layer "
        f"'{layer.name}' with activation '{getattr(function, '__name__', function)}'. A smooth "
        "network has no linear regions to project on; use the global certificate of `GloroModel`."
    )


@_rule(layers.Activation)
def _activation_layer(layer, shape, output_shape):
    return _activation(layer, shape)


@_rule(layers.Softmax)
def _softmax(layer, shape, output_shape):
    return [layer]


@_rule(layers.ReLU)
def _relu(layer, shape, output_shape):
    if layer.max_value is not None or layer.threshold:
        raise NotPiecewiseLinearError(
            f"'{layer.name}': only ReLU without `max_value` and `threshold` is supported. "
            f"Received: max_value={layer.max_value}, threshold={layer.threshold}."
        )
    return _bend(layer, shape, np.float32(layer.negative_slope))


@_rule(layers.LeakyReLU)
def _leaky_relu(layer, shape, output_shape):
    return _bend(layer, shape, np.float32(layer.negative_slope))


@_rule(layers.PReLU)
def _prelu(layer, shape, output_shape):
    return _bend(layer, shape, _numpy(layer.alpha))


@_rule(BetaAbs)
def _beta_abs(layer, shape, output_shape):
    flips = np.arange(shape[-1]) < int(layer.beta * shape[-1])
    return _bend(layer, shape, np.where(flips, -1.0, 1.0))


@_rule(MinMax)
def _minmax(layer, shape, output_shape):
    """`max = s + |d|` and `min = s - |d|`, with half the sum and half the difference of a pair."""
    numbers = np.arange(math.prod(shape)).reshape(shape)
    first, second = (part.reshape(-1) for part in np.split(numbers, 2, axis=-1))
    pairs = len(first)
    slope = np.concatenate([np.ones(pairs), -np.ones(pairs)])
    back = np.zeros((2 * pairs, 2 * pairs))
    check_size(2 * pairs, 2 * pairs)
    rows = np.arange(pairs)
    back[rows, first] = back[rows, second] = back[pairs + rows, first] = 1.0
    back[pairs + rows, second] = -1.0
    return [Halves(first, second), Kinks(slope, np.ones(2 * pairs)), Affine.of(back)]


# ---- affine layers


def _on_last_axis(kernel, bias, shape):
    """A dense kernel at each position of the axes before the last."""
    cells = math.prod(shape[:-1])
    check_size(cells * kernel.shape[0], cells * kernel.shape[1])
    bias = None if bias is None else np.tile(_numpy(bias), cells)
    return Affine.of(np.kron(np.eye(cells), kernel) if cells > 1 else kernel, bias)


@_rule(layers.Dense)
def _dense(layer, shape, output_shape):
    affine = _on_last_axis(_numpy(layer.kernel), layer.bias, shape)
    return [affine, *_activation(layer, output_shape)]


@_rule(CholeskyDense)
def _cholesky_dense(layer, shape, output_shape):
    return [_on_last_axis(_numpy(layer.orthogonal_kernel), layer.bias, shape)]


@_rule(UnitNormHead)
def _unit_norm_head(layer, shape, output_shape):
    return [_on_last_axis(_numpy(layer.unit_kernel()), layer.bias, shape)]


def _pair(value):
    value = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return (1, *value) if len(value) == 1 else value


def _channels_last(layer, shape):
    """`(height, width, channels)`, and the order that moves entries there from the layer's own."""
    size = math.prod(shape)
    if layer.data_format == "channels_last":
        return ((1, *shape) if len(shape) == 2 else shape), np.arange(size)
    order = np.moveaxis(np.arange(size).reshape(shape), 0, -1)
    return ((1, *order.shape) if order.ndim == 2 else order.shape), order.reshape(-1)


def _spatial(layer, shape, output_shape, affine):
    """An affine map written for channels last, in the layer's own order of entries."""
    if layer.data_format == "channels_last":
        return [affine]
    before, after = _channels_last(layer, shape)[1], _channels_last(layer, output_shape)[1]
    return [Gather(before), affine, Gather(np.argsort(after))]


@_rule(layers.Conv1D, layers.Conv2D)
def _convolution(layer, shape, output_shape):
    (height, width, channels), _ = _channels_last(layer, shape)
    kernel = _numpy(layer.kernel)
    kernel = kernel[None] if kernel.ndim == 3 else kernel
    groups, wide = layer.groups, layer.filters // layer.groups
    full = np.zeros((*kernel.shape[:2], channels, layer.filters))
    step = channels // groups
    for g in range(groups):
        part = slice(g * wide, (g + 1) * wide)
        full[:, :, g * step : (g + 1) * step, part] = kernel[..., part]
    geometry = ConvGeometry(
        (height, width),
        kernel.shape[:2],
        _pair(layer.strides),
        layer.padding,
        _pair(layer.dilation_rate),
    )
    check_size(math.prod(shape), math.prod(output_shape))
    bias = None if layer.bias is None else np.tile(_numpy(layer.bias), geometry.output_cells)
    affine = Affine.of(geometry.matrix(full), bias)
    return [*_spatial(layer, shape, output_shape, affine), *_activation(layer, output_shape)]


def _averages(layer, shape, output_shape, window, strides, padding):
    (height, width, channels), _ = _channels_last(layer, shape)
    geometry = ConvGeometry((height, width), window, strides, padding)
    check_size(math.prod(shape), math.prod(output_shape))
    counts = geometry.matrix(np.ones((*window, 1, 1)))
    affine = Affine.of(np.kron(counts / counts.sum(axis=0), np.eye(channels)), roundings=2)
    return _spatial(layer, shape, output_shape, affine)


@_rule(layers.AveragePooling1D, layers.AveragePooling2D)
def _average_pooling(layer, shape, output_shape):
    window, strides = _pair(layer.pool_size), _pair(layer.strides)
    return _averages(layer, shape, output_shape, window, strides, layer.padding)


@_rule(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D)
def _global_average_pooling(layer, shape, output_shape):
    (height, width, channels), order = _channels_last(layer, shape)
    cells = height * width
    matrix = np.kron(np.full((cells, 1), 1 / cells), np.eye(channels))
    return [Gather(order), Affine.of(matrix, roundings=1)]


def _per_feature(shape, axis, *values):
    """Values along one axis of the batch's shape, spread over all entries."""
    axis = axis - 1 if axis > 0 else axis % len(shape)
    view = [1] * len(shape)
    view[axis] = shape[axis]
    return [np.broadcast_to(np.reshape(v, view), shape).reshape(-1) for v in values]


@_rule(layers.BatchNormalization)
def _batch_normalization(layer, shape, output_shape):
    if not isinstance(layer.axis, int):
        raise NotPiecewiseLinearError(f"'{layer.name}': one axis is supported, not {layer.axis}.")
    scale = 1.0 / np.sqrt(_numpy(layer.moving_variance) + layer.epsilon)
    scale = scale * _numpy(layer.gamma) if layer.scale else scale
    beta = _numpy(layer.beta) if layer.center else np.zeros_like(scale)
    moved = _numpy(layer.moving_mean) * scale
    values = scale, beta - moved, np.abs(beta) + np.abs(moved)
    return [Scale(*_per_feature(shape, layer.axis, *values), roundings=8)]


@_rule(layers.Rescaling)
def _rescaling(layer, shape, output_shape):
    spread = [np.broadcast_to(np.asarray(v, "float64"), shape) for v in (layer.scale, layer.offset)]
    scale, offset = (v.reshape(-1) for v in spread)
    return [Scale(scale, offset, np.abs(offset), roundings=1)]


# ---- layers that only move entries, and the identity at inference


def _moves(names):
    return [getattr(layers, name) for name in names.split()]


@_rule(
    *_moves(
        "Flatten Reshape Permute Cropping1D Cropping2D ZeroPadding1D ZeroPadding2D "
        "UpSampling1D RepeatVector"
    ),
    SpaceToDepth,
)
def _movement(layer, shape, output_shape):
    """Reads off where every entry goes, by sending numbers through the layer."""
    numbers = np.arange(1, math.prod(shape) + 1, dtype="float32").reshape(1, *shape)
    if numbers.size > 2**24:
        check_size(numbers.size, numbers.size)
    moved = keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(numbers)))
    return [Gather(np.rint(moved).astype("int64").reshape(-1) - 1)]


@_rule(
    *_moves("Identity Dropout GaussianNoise GaussianDropout AlphaDropout SpatialDropout1D"),
    *_moves("SpatialDropout2D ActivityRegularization InputLayer"),
)
def _identity(layer, shape, output_shape):
    return []
