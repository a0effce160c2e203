"""Variants of a small LiResNet that were tried and are not in the package."""

import keras
from keras import ops

import gloro_tf
from gloro_tf.layers import (
    CholeskyDense,
    L2Pooling2D,
    LinearResidualConv2D,
    MinMax,
    PairNorm,
    SpaceToDepth,
    UnitNormHead,
)

SLACK = 1e-4  # for a float32 factorisation; a benchmark's figure, not a proof


class BRO(keras.layers.Layer):
    """Block-reflector orthogonal convolution: `I - 2 V (V^H V + e I)^-1 V^H` at each frequency.

    Lai et al., 2025 (BRONet), section 4: 3x3 kernels of rank `channels / 2` that start near the
    first unit vectors, on the map with a border of one pixel of zeros, which is then cut off.
    """

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def build(self, input_shape):
        _, self.height, self.width, channels = input_shape
        self.rank = channels // 2
        normal = keras.initializers.RandomNormal(stddev=1 / (9 * channels))
        self.kernel = self.add_weight(
            name="kernel", shape=(channels, self.rank, 3, 3), initializer=normal
        )
        self.gamma = self.add_weight(name="gamma", shape=(self.rank,), initializer="ones")
        self.bias = self.add_weight(name="bias", shape=(channels,), initializer="zeros")

    def call(self, x):
        real, imaginary = self._reflectors()
        padded = ops.pad(ops.transpose(x, (0, 3, 1, 2)), ((0, 0), (0, 0), (1, 1), (1, 1)))
        a, b = _fft2(padded)
        a, b = (
            ops.transpose(part, (2, 3, 0, 1)) for part in (a, b)
        )  # frequencies, batch, channels
        y = (
            ops.matmul(a, real) - ops.matmul(b, imaginary),
            ops.matmul(a, imaginary) + ops.matmul(b, real),
        )
        y = _inverse_fft2(*(ops.transpose(part, (2, 3, 0, 1)) for part in y), self.width + 2)
        return ops.transpose(y[:, :, 1:-1, 1:-1], (0, 2, 3, 1)) + self.bias

    def _reflectors(self):
        """The transposed orthogonal matrix at each frequency, `(h, w, channels, channels)` twice."""
        kernel = self.kernel * (self.scale * self.gamma)[:, None, None]
        pad = ((0, 0), (0, 0), (0, self.height - 1), (0, self.width - 1))
        a, b = _fft2(ops.pad(kernel, pad))
        a, b = (ops.transpose(part, (2, 3, 0, 1)) for part in (a, b))
        a = a + ops.eye(a.shape[2], self.rank)
        # [[a, -b], [b, a]] is the real form of a + ib; products and inverses carry over.
        v = ops.concatenate([ops.concatenate([a, -b], -1), ops.concatenate([b, a], -1)], axis=-2)
        gram = ops.matmul(ops.swapaxes(v, -1, -2), v)
        ridge = 1e-7 * ops.mean(ops.diagonal(gram, axis1=-2, axis2=-1))
        lower = ops.cholesky(gram + ridge * ops.eye(2 * self.rank))
        root = ops.solve_triangular(lower, ops.swapaxes(v, -1, -2), lower=True)
        full = ops.matmul(ops.swapaxes(root, -1, -2), root[..., : a.shape[2]])
        real, imaginary = full[..., : a.shape[2], :], full[..., a.shape[2] :, :]
        real = ops.eye(a.shape[2]) - 2 * real
        return ops.swapaxes(real, -1, -2), ops.swapaxes(-2 * imaginary, -1, -2)

    def compute_output_shape(self, input_shape):
        return input_shape


@gloro_tf.lipschitz.register(BRO)
def _(layer, input_shape):
    return 1.0 + SLACK


def _fft2(x):
    """Half of the discrete Fourier transform of real `(..., height, width)`, as two arrays."""
    a, b = ops.rfft(x)
    a, b = (ops.swapaxes(part, -1, -2) for part in (a, b))
    a, b = ops.fft((a, b))
    return ops.swapaxes(a, -1, -2), ops.swapaxes(b, -1, -2)


def _inverse_fft2(a, b, width):
    # The inverse along the height is the conjugate of the transform of the conjugate.
    a, b = (ops.swapaxes(part, -1, -2) for part in (a, b))
    height = a.shape[-1]
    a, b = ops.fft((a, -b))
    a, b = ops.swapaxes(a, -1, -2) / height, -ops.swapaxes(b, -1, -2) / height
    return ops.irfft((a, b), fft_length=width)


def build(variant, depth=4, width=32, dense_depth=2, dense_width=256, classes=10):
    """A LiResNet, or one with another trunk, activation or neck."""
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Rescaling(1.0, offset=-0.5)(inputs)
    x = keras.layers.Conv2D(width, 5, 2, "same", kernel_initializer="orthogonal")(x)
    x = _activate(x, variant, width)
    for _ in range(depth):
        scale = depth**-0.5
        x = (
            BRO(scale)(x)
            if variant == "bro"
            else LinearResidualConv2D(scale=scale, centering=True)(x)
        )
        x = _activate(x, variant, width)
    if variant == "l2_pooling":
        x = L2Pooling2D(4)(x)
    else:
        x = CholeskyDense(width)(SpaceToDepth(4)(x))
    x = MinMax()(CholeskyDense(dense_width)(keras.layers.Flatten()(x)))
    for _ in range(dense_depth):
        x = MinMax()(CholeskyDense(dense_width, dense_depth**-0.5)(x))
    return keras.Model(inputs, UnitNormHead(classes)(x))


def _activate(x, variant, width):
    if variant == "pair_norm":
        return CholeskyDense(width)(PairNorm()(x))  # back to the width: rows stay orthonormal
    return MinMax()(x)
