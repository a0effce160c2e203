"""Moves square patches of pixels into channels."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.layers._checks import check_positive
from gloro_tf.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class SpaceToDepth(keras.layers.Layer):
    """Cuts `(height, width, channels)` into patches and lays each out along the channels.

    A permutation of the entries, so distances stay as they are. A dense layer after it is a
    convolution whose kernel and stride are the patch ("patchify").

    Args:
        block: int. Side of a patch, in pixels; must divide height and width.
        **kwargs: Base `keras.layers.Layer` arguments.

    The output has shape `(batch, height / block, width / block, block * block * channels)`, the
    channels in the order row, column, channel.
    """

    def __init__(self, block: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.block = check_positive("block", block)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape: Shape) -> None:
        height, width = input_shape[1:3]
        if None in (height, width) or height % self.block or width % self.block:
            raise ValueError(
                f"`block` must divide the height and width of the input. Received: "
                f"block={self.block} for input_shape={tuple(input_shape)}"
            )

    def call(self, inputs: Tensor) -> Tensor:
        _, height, width, channels = inputs.shape
        rows, columns, block = height // self.block, width // self.block, self.block
        x = ops.reshape(inputs, (-1, rows, block, columns, block, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, rows, columns, block * block * channels))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = input_shape
        return (
            batch,
            height // self.block,
            width // self.block,
            None if channels is None else channels * self.block**2,
        )

    def get_config(self) -> Config:
        return {**super().get_config(), "block": self.block}
