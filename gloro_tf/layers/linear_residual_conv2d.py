"""The linear residual block of LiResNet."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.layers._checks import check_fraction, check_number, check_positive
from gloro_tf.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class LinearResidualConv2D(keras.layers.Layer):
    """A convolution whose kernel is the identity plus a small one: a linear residual block.

    `y = x + scale * gamma * (K * x) + b`, stride 1, padding 'same'. Nothing in it is nonlinear, so
    skip and branch are one convolution with kernel `I + scale * gamma[o] K[o, i]`, and that merged
    kernel is what is bounded, not `1 + ||K||`. In 16 bits the identity is added apart: there
    `1 + k` would round `k` away.

    With `centering`, training subtracts the mean of each channel of the branch over batch and
    positions, and inference a moving average of it: a bias.

    Args:
        kernel_size: int. Odd. Defaults to 3.
        scale: float. Fixed factor of the branch, `depth ** -0.5` in a LiResNet. Defaults to 1.
        centering: bool. Defaults to `False`.
        momentum: float. Of the moving average. Defaults to 0.9.
        **kwargs: Base `keras.layers.Layer` arguments.

    Inputs are `(batch, height, width, channels)`, the output has the same shape.

    Raises:
        ValueError: for an even `kernel_size`.

    Reference:
        [Hu et al., Unlocking Deterministic Robustness Certification on ImageNet](
        https://arxiv.org/abs/2301.12549), section 3 and equation 5; centering from
        [Hu et al., A Recipe for Improved Certifiable Robustness](https://arxiv.org/abs/2310.02513).
    """

    def __init__(
        self,
        kernel_size: int = 3,
        scale: float = 1.0,
        centering: bool = False,
        momentum: float = 0.9,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if check_positive("kernel_size", kernel_size) % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd. Received: kernel_size={kernel_size}")
        self.kernel_size = kernel_size
        self.scale = float(check_number("scale", scale, "a finite number"))
        self.centering, self.momentum = bool(centering), check_fraction("momentum", momentum)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape: Shape) -> None:
        channels, size = input_shape[-1], self.kernel_size
        normal = keras.initializers.RandomNormal(stddev=1 / (size * size * channels))
        shape = (size, size, channels, channels)
        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=normal, autocast=False
        )
        self.gamma = self.add_weight(
            name="gamma", shape=(channels,), initializer="ones", autocast=False
        )
        self.bias = self.add_weight(
            name="bias", shape=(channels,), initializer="zeros", autocast=False
        )
        if self.centering:
            self.moving_mean = self.add_weight(
                name="moving_mean",
                shape=(channels,),
                initializer="zeros",
                trainable=False,
                autocast=False,
                aggregation="mean",
            )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if self.compute_dtype == "float32":
            outputs = self._convolve(inputs, self.merged_kernel())
            branch_mean = lambda: _mean(outputs) - _mean(inputs)  # noqa: E731
        else:
            branch = self._convolve(inputs, ops.cast(self.branch_kernel(), inputs.dtype))
            outputs = inputs + branch
            branch_mean = lambda: _mean(branch)  # noqa: E731
        shift = self.shift()
        if self.centering and training:
            mean = ops.cast(branch_mean(), self.bias.dtype)
            step = (1 - self.momentum) * (ops.stop_gradient(mean) - self.moving_mean)
            self.moving_mean.assign(self.moving_mean + step)
            shift = self.bias - mean
        return outputs + ops.cast(shift, outputs.dtype)

    def _convolve(self, inputs, kernel):
        return ops.conv(inputs, kernel, padding="same", data_format="channels_last")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def branch_kernel(self) -> Tensor:
        """The kernel without the identity, `(size, size, channels, channels)` float32."""
        return ops.convert_to_tensor(self.kernel) * (self.scale * self.gamma)

    def merged_kernel(self) -> Tensor:
        """The kernel of skip and branch together, `(size, size, channels, channels)` float32."""
        channels, half = self.kernel.shape[-1], self.kernel_size // 2
        identity = ops.reshape(
            ops.eye(channels, dtype=self.kernel.dtype), (1, 1, channels, channels)
        )
        identity = ops.pad(identity, ((half, half), (half, half), (0, 0), (0, 0)))
        return self.branch_kernel() + identity

    def shift(self) -> Tensor:
        """What inference adds to every position, `(channels,)` float32."""
        bias = ops.convert_to_tensor(self.bias)
        return bias - self.moving_mean if self.centering else bias

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "scale": self.scale,
            "centering": self.centering,
            "momentum": self.momentum,
        }


def _mean(x):
    return ops.mean(ops.cast(x, "float32"), axis=(0, 1, 2))
