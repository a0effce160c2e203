"""Sorting activations over groups of features."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.layers._checks import check_groups, check_positive
from gloro_tf.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class GroupSort(keras.layers.Layer):
    """Sorts the features of each group in descending order.

    For every input a permutation, so 1-Lipschitz in L2 with gradients of full norm. Feature `k` of
    group `g` is entry `k * groups + g` of the last axis (halves for groups of two, as in
    `MinMax`, which does the same faster).

    Args:
        group_size: int. At least 2; 0 sorts the whole axis. Defaults to 2.
        **kwargs: Base `keras.layers.Layer` arguments.

    Reference:
        [Anil et al., Sorting out Lipschitz function approximation](https://arxiv.org/abs/1811.05381),
        section 4.
    """

    def __init__(self, group_size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group_size = 0 if group_size == 0 else check_positive("group_size", group_size)

    def build(self, input_shape: Shape) -> None:
        check_groups("GroupSort", input_shape, self.group_size or 1)

    def call(self, inputs: Tensor) -> Tensor:
        size = self.group_size or inputs.shape[-1]
        lead = (-1, *inputs.shape[1:-1])
        x = ops.reshape(inputs, (*lead, size, inputs.shape[-1] // size))
        return ops.reshape(ops.flip(ops.sort(x, axis=-2), axis=-2), (*lead, inputs.shape[-1]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {**super().get_config(), "group_size": self.group_size}
