"""Units that answer the length of a group of entries: smooth, and steep everywhere but at zero."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.layers._checks import check_groups, check_positive, check_width
from gloro_tf.layers.scalar_activations import bend
from gloro_tf.types import Config, Shape, Tensor

# Under the root: a window far below the largest has a length, and a gradient, of 0.
SMALLEST = 1e-37


@keras.saving.register_keras_serializable(package="gloro_tf")
class PairNorm(keras.layers.Layer):
    """`sqrt(a^2 + b^2)` of the first and second half of the features, which it halves.

    Smoothed as `sqrt(r^2 + delta^2) - delta`, so that its gradient is 0, and no NaN, at zero.
    1-Lipschitz; its gradient has length 1 far from zero.

    Args:
        delta: float. Defaults to 1e-6.
        **kwargs: Base `keras.layers.Layer` arguments.

    Raises:
        ValueError: if the last axis is odd or unknown.
    """

    lipschitz = 1.0

    def __init__(self, delta: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.delta = check_width("delta", delta)

    def build(self, input_shape: Shape) -> None:
        check_groups("PairNorm", input_shape, 2)

    def call(self, inputs: Tensor) -> Tensor:
        first, second = ops.split(inputs, 2, axis=-1)
        return bend([first, second], self.delta)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], input_shape[-1] // 2)

    def get_config(self) -> Config:
        return {**super().get_config(), "delta": self.delta}


@keras.saving.register_keras_serializable(package="gloro_tf")
class L2Pooling2D(keras.layers.Layer):
    """The length of each window of a channel, windows side by side; 1-Lipschitz.

    Args:
        pool_size: int. Side of the windows; what is left over at the end is dropped. Defaults to 2.
        delta: float. As in `PairNorm`.
        **kwargs: Base `keras.layers.Layer` arguments.
    """

    lipschitz = 1.0

    def __init__(self, pool_size: int = 2, delta: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool_size = check_positive("pool_size", pool_size)
        self.delta = check_width("delta", delta)

    def call(self, inputs: Tensor) -> Tensor:
        side = self.pool_size
        scale = ops.max(ops.abs(inputs), axis=(1, 2, 3), keepdims=True)
        scale = ops.stop_gradient(ops.maximum(scale, self.delta))
        mean = ops.average_pool(ops.square(inputs / scale), side, side, "valid", "channels_last")
        square, rest = mean * side * side, self.delta / scale
        length = ops.sqrt(ops.maximum(square + ops.square(rest), SMALLEST))
        return scale * (square / (length + rest))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = input_shape
        return (batch, height // self.pool_size, width // self.pool_size, channels)

    def get_config(self) -> Config:
        return {**super().get_config(), "pool_size": self.pool_size, "delta": self.delta}
