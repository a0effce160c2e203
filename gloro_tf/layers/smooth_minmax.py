"""A smooth MinMax."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from gloro_tf.layers._checks import check_groups, check_width
from gloro_tf.layers.scalar_activations import bend
from gloro_tf.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class SmoothMinMax(keras.layers.Layer):
    """MinMax whose kink is rounded: halves `a`, `b` become `(u + psi(v), u - psi(v)) / sqrt(2)`.

    Here `u = (a + b) / sqrt(2)`, `v = (a - b) / sqrt(2)`, `psi(v) = sqrt(v^2 + delta^2) - delta`. The
    Jacobian has the singular values 1 and `|v| / sqrt(v^2 + delta^2)`, so it is 1-Lipschitz; sums of
    pairs are kept, and it differs from `MinMax` by at most `delta / sqrt(2)` an entry.

    Args:
        delta: float. Defaults to 0.1.
        **kwargs: Base `keras.layers.Layer` arguments.

    Raises:
        ValueError: if the last axis is odd or unknown.
    """

    lipschitz = 1.0

    def __init__(self, delta: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.delta = check_width("delta", delta)

    def build(self, input_shape: Shape) -> None:
        check_groups("SmoothMinMax", input_shape, 2)

    def call(self, inputs: Tensor) -> Tensor:
        first, second = ops.split(inputs, 2, axis=-1)
        middle, half = (first + second) / 2, (first - second) / 2
        apart = bend([half], self.delta / math.sqrt(2))
        return ops.concatenate([middle + apart, middle - apart], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {**super().get_config(), "delta": self.delta}
