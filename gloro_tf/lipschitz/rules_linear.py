"""Rules of dense and convolution layers and of normalisations that are affine at inference."""

import keras
import numpy as np

from gloro_tf.layers import CholeskyDense, LinearResidualConv2D, UnitNormHead
from gloro_tf.lipschitz.conv_geometry import ConvGeometry
from gloro_tf.lipschitz.factors import Gain
from gloro_tf.lipschitz.operators import ConvOperator, DenseOperator
from gloro_tf.lipschitz.registry import UnsupportedLayerError, register
from gloro_tf.lipschitz.rules_activations import activation_factors

layers = keras.layers


def _weight(layer, attribute):
    def read():
        return getattr(layer, attribute)

    return read


def _bias(layer):
    return _weight(layer, "bias") if layer.use_bias else None


def _refuse_quantized(layer):
    if getattr(layer, "quantization_mode", None):
        raise UnsupportedLayerError(
            f"'{layer.name}' is quantized, which is another function than its float kernel. "
            "Certify the float model."
        )


@register(layers.Dense)
def dense(layer, input_shape):
    _refuse_quantized(layer)
    cells = int(np.prod(input_shape[1:-1]))
    shape = (input_shape[-1], layer.units)
    operator = DenseOperator(_weight(layer, "kernel"), _bias(layer), shape, cells)
    return [operator, *activation_factors(layer, cells * layer.units)]


@register(CholeskyDense)
def cholesky_dense(layer, input_shape):
    cells = int(np.prod(input_shape[1:-1]))
    shape = (input_shape[-1], layer.units)
    return DenseOperator(_weight(layer, "orthogonal_kernel"), _weight(layer, "bias"), shape, cells)


@register(UnitNormHead)
def unit_norm_head(layer, input_shape):
    shape = (input_shape[-1], layer.units)
    roundings = shape[0] + 16
    return DenseOperator(layer.unit_kernel, _weight(layer, "bias"), shape, 1, roundings)


def _plane(layer, shape):
    """`(height, width)` and channels of an input shape; 1-D inputs get a height of 1."""
    shape = tuple(shape[1:])
    first = layer.data_format == "channels_first"
    spatial, channels = (shape[1:], shape[0]) if first else (shape[:-1], shape[-1])
    return ((1, *spatial) if len(spatial) == 1 else spatial), channels


def _pair(value):
    value = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return (1, *value) if len(value) == 1 else value


def _convolution(layer, input_shape, kernel, groups, in_channels, out_channels, bias):
    size, _ = _plane(layer, input_shape)
    geometry = ConvGeometry(
        size,
        _pair(layer.kernel_size),
        _pair(layer.strides),
        layer.padding,
        _pair(layer.dilation_rate),
    )
    return ConvOperator(kernel, bias, geometry, in_channels, out_channels, groups)


def _kernel_2d(layer, attribute="kernel"):
    """Reads a kernel as `(height, width, in, out)`, 1-D ones with a height of 1."""

    def read():
        kernel = getattr(layer, attribute)
        return keras.ops.expand_dims(kernel, 0) if len(kernel.shape) == 3 else kernel

    return read


@register(layers.Conv1D)
@register(layers.Conv2D)
def convolution(layer, input_shape):
    _refuse_quantized(layer)
    channels = _plane(layer, input_shape)[1]
    operator = _convolution(
        layer, input_shape, _kernel_2d(layer), layer.groups, channels, layer.filters, _bias(layer)
    )
    return [operator, *activation_factors(layer, operator.output_size())]


@register(LinearResidualConv2D)
def linear_residual(layer, input_shape):
    _, height, width, channels = input_shape
    size = (layer.kernel_size, layer.kernel_size)
    geometry = ConvGeometry((height, width), size, (1, 1), "same")
    return ResidualOperator(layer, geometry, channels)


class ResidualOperator(ConvOperator):
    """The merged convolution of a `LinearResidualConv2D`.

    Identity and branch may cancel, so the rounding of the merged kernel scales with both parts,
    not with their sum.
    """

    kernel_roundings = 4

    def __init__(self, layer, geometry, channels):
        super().__init__(layer.merged_kernel, layer.shift, geometry, channels, channels)
        self.branch = layer.branch_kernel

    def absolute_norm(self):
        return 1.0 + self.schur(self.branch())


def _depthwise(layer, input_shape, attribute, bias):
    channels = _plane(layer, input_shape)[1]
    raw = _kernel_2d(layer, attribute)

    def kernel():
        value = raw()
        height, width, inputs, multiplier = value.shape
        return keras.ops.reshape(value, (height, width, 1, inputs * multiplier))

    out_channels = channels * layer.depth_multiplier
    return _convolution(layer, input_shape, kernel, channels, channels, out_channels, bias)


@register(layers.DepthwiseConv1D)
@register(layers.DepthwiseConv2D)
def depthwise(layer, input_shape):
    operator = _depthwise(layer, input_shape, "kernel", _bias(layer))
    return [operator, *activation_factors(layer, operator.output_size())]


@register(layers.SeparableConv1D)
@register(layers.SeparableConv2D)
def separable(layer, input_shape):
    spread = _depthwise(layer, input_shape, "depthwise_kernel", None)
    cells = spread.geometry.output_cells
    raw = _kernel_2d(layer, "pointwise_kernel")
    mix = DenseOperator(
        lambda: raw()[0, 0], _bias(layer), (spread.out_channels, layer.filters), cells
    )
    return [spread, mix, *activation_factors(layer, cells * layer.filters)]


@register(layers.Conv1DTranspose)
@register(layers.Conv2DTranspose)
def transposed_convolution(layer, input_shape):
    if layer.output_padding is not None or max(_pair(layer.dilation_rate)) > 1:
        raise UnsupportedLayerError(
            f"'{layer.name}': transposed convolutions with `output_padding` or `dilation_rate` are "
            "not covered. Use `UpSampling2D` followed by a convolution."
        )
    size, channels = _plane(layer, layer.compute_output_shape(input_shape))
    inner, inner_channels = _plane(layer, input_shape)
    geometry = ConvGeometry(
        size, _pair(layer.kernel_size), _pair(layer.strides), layer.padding, output=inner
    )
    operator = ConvOperator(
        _kernel_2d(layer), _bias(layer), geometry, channels, inner_channels, transposed=True
    )
    return [operator, *activation_factors(layer, operator.output_size())]


@register(layers.BatchNormalization)
def batch_normalization(layer, input_shape):
    variables = [layer.moving_variance, layer.moving_mean]
    variables += [layer.gamma] if layer.scale else []
    variables += [layer.beta] if layer.center else []

    def scale(module, variance, mean, *rest):
        gamma = rest[0] if layer.scale else 1.0
        return gamma / module.sqrt(variance + layer.epsilon)

    def shift(variance, mean, *rest):
        beta = np.abs(rest[-1]) if layer.center else 0.0
        return beta + np.abs(mean * scale(np, variance, mean, *rest))

    cells = int(np.prod(input_shape[1:])) // input_shape[layer.axis]
    return Gain(scale, variables, shift, cells)


@register(layers.Normalization)
def normalization(layer, input_shape):
    cells = int(np.prod(input_shape[1:]))

    def scale(module, mean, variance):
        deviation = module.maximum(module.sqrt(variance), keras.config.epsilon())
        return deviation if layer.invert else 1.0 / deviation

    def shift(mean, variance):
        return np.abs(mean) * (1.0 if layer.invert else np.abs(scale(np, mean, variance)))

    return Gain(scale, [layer.mean, layer.variance], shift, cells)


@register(layers.Rescaling)
def rescaling(layer, input_shape):
    scale, offset = np.asarray(layer.scale, "float64"), np.asarray(layer.offset, "float64")
    cells = int(np.prod(input_shape[1:]))
    # Keras computes with the constant rounded to float32.
    scale = np.maximum(np.abs(scale), np.abs(scale.astype("float32").astype("float64")))
    return Gain(lambda module, s: s, [scale], lambda s: np.abs(offset) + 0 * s, cells)
