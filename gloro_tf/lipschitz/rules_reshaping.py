"""Rules of pooling, of layers that move or copy entries, and of the identity at inference."""

import math

import keras
import numpy as np

from gloro_tf.layers import SpaceToDepth
from gloro_tf.lipschitz.conv_geometry import ConvGeometry
from gloro_tf.lipschitz.factors import Constant
from gloro_tf.lipschitz.registry import UnsupportedLayerError, register
from gloro_tf.lipschitz.rules_linear import _pair, _plane
from gloro_tf.ops import certified_norm

layers = keras.layers


def _register_all(names, rule):
    for name in names:
        if hasattr(layers, name):
            register(getattr(layers, name))(rule)


_register_all(
    ["Flatten", "Reshape", "Permute"]
    + [f"{kind}{n}D" for kind in ("Cropping", "ZeroPadding") for n in (1, 2, 3)],
    lambda layer, input_shape: Constant(1.0),
)
register(SpaceToDepth)(lambda layer, input_shape: Constant(1.0))
_register_all(
    ["Identity", "Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout"]
    + ["SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "ActivityRegularization"]
    + ["RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "RandomContrast"],
    lambda layer, input_shape: Constant(1.0, identity=True),
)


def _pool_geometry(layer, input_shape):
    size, _ = _plane(layer, input_shape)
    return ConvGeometry(size, _pair(layer.pool_size), _pair(layer.strides), layer.padding)


@register(layers.MaxPooling1D)
@register(layers.MaxPooling2D)
def max_pooling(layer, input_shape):
    """An entry reaches at most `ceil(pool / stride)` windows along an axis (and no more than
    there are), and a maximum moves no further than its largest entry does."""
    geometry = _pool_geometry(layer, input_shape)
    axes = zip(geometry.kernel_size, geometry.strides, geometry.output, strict=True)
    copies = math.prod(min(-(-k // s), m) for k, s, m in axes)
    return Constant(np.nextafter(math.sqrt(copies), np.inf) if copies > 1 else 1.0)


@register(layers.AveragePooling1D)
@register(layers.AveragePooling2D)
def average_pooling(layer, input_shape):
    """Averages count real cells only ('same' borders), and are separable along the axes."""
    geometry = _pool_geometry(layer, input_shape)
    if keras.backend.backend() == "torch" and any(_uneven(geometry, axis) for axis in (0, 1)):
        raise UnsupportedLayerError(
            f"'{layer.name}': with uneven 'same' padding Keras on torch averages replicated borders, "
            "another function than on TensorFlow and JAX. Use padding='valid' after `ZeroPadding2D`, "
            "or another backend."
        )
    norm = math.prod(certified_norm(_average_matrix(geometry, axis)) for axis in (0, 1))
    return Constant(norm * (1 + 1e-14), terms=math.prod(geometry.kernel_size) + 1)


def _uneven(geometry, axis):
    """Whether 'same' padding needs an odd number of cells."""
    reach = (geometry.output[axis] - 1) * geometry.strides[axis] + geometry.kernel_size[axis]
    return (reach - geometry.size[axis]) % 2 == 1 and reach > geometry.size[axis]


def _average_matrix(geometry, axis):
    matrix = np.zeros((geometry.size[axis], geometry.output[axis]))
    for tap in range(geometry.kernel_size[axis]):
        matrix[geometry._reads(axis, tap)] += 1
    return matrix / matrix.sum(axis=0)


@register(layers.GlobalAveragePooling1D)
@register(layers.GlobalAveragePooling2D)
def global_average_pooling(layer, input_shape):
    size, _ = _plane(layer, input_shape)
    cells = math.prod(size)
    return Constant(np.nextafter(1 / math.sqrt(cells), np.inf), terms=cells + 1)


@register(layers.GlobalMaxPooling1D)
@register(layers.GlobalMaxPooling2D)
def global_max_pooling(layer, input_shape):
    return Constant(1.0)


@register(layers.UpSampling1D)
@register(layers.UpSampling2D)
def upsampling(layer, input_shape):
    if getattr(layer, "interpolation", "nearest") != "nearest":
        raise UnsupportedLayerError(
            f"'{layer.name}': only nearest-neighbour upsampling has a rule. Received: "
            f"interpolation='{layer.interpolation}'. Use `interpolation='nearest'`."
        )
    copies = math.prod(_pair(layer.size))
    return Constant(np.nextafter(math.sqrt(copies), np.inf))


@register(layers.RepeatVector)
def repeat_vector(layer, input_shape):
    return Constant(np.nextafter(math.sqrt(layer.n), np.inf))
