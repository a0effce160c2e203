"""Smooth activations of single entries, each with its declared Lipschitz constant."""

from __future__ import annotations

import functools
import math
from typing import Any

import keras
from keras import ops

from gloro_tf.layers._checks import check_width
from gloro_tf.types import Config, Shape, Tensor

# Suprema of the absolute slopes, rounded up: GELU by the error function at sqrt(2), by its tanh form
# at 1.4185; SiLU and mish by numerical maximisation; `smoothness.steepest` measures them again.
SLOPES = {"gelu": 1.1289042, "gelu_tanh": 1.1289931, "silu": 1.0998394, "mish": 1.0884984}


class _Scalar(keras.layers.Layer):
    """A function of single entries; `lipschitz` bounds its slope."""

    lipschitz = 1.0

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@keras.saving.register_keras_serializable(package="gloro_tf")
class SoftHuber(_Scalar):
    """`delta (sqrt(1 + (x / delta)^2) - 1)`: a smooth absolute value, 1-Lipschitz.

    Args:
        delta: float. Half-width of the bend; the slope is at least `1 / sqrt(2)` outside of it.
            Defaults to 0.1.
        **kwargs: Base `keras.layers.Layer` arguments.
    """

    def __init__(self, delta: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.delta = check_width("delta", delta)

    def call(self, inputs: Tensor) -> Tensor:
        return bend([inputs], self.delta)

    def get_config(self) -> Config:
        return {**super().get_config(), "delta": self.delta}


class _Sharp(_Scalar):
    """One that approaches its kinked form as `beta` grows."""

    def __init__(self, beta: float = 10.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.beta = check_width("beta", beta)

    def get_config(self) -> Config:
        return {**super().get_config(), "beta": self.beta}


@keras.saving.register_keras_serializable(package="gloro_tf")
class LogCosh(_Sharp):
    """`log(cosh(beta x)) / beta`: a smooth absolute value with slope `tanh(beta x)`, 1-Lipschitz.

    Args:
        beta: float. Defaults to 10.
        **kwargs: Base `keras.layers.Layer` arguments.
    """

    def call(self, inputs: Tensor) -> Tensor:
        size = ops.abs(inputs)
        return size + (ops.softplus(-2 * self.beta * size) - math.log(2)) / self.beta


@keras.saving.register_keras_serializable(package="gloro_tf")
class Softplus(_Sharp):
    """`log(1 + exp(beta x)) / beta`: a smooth ReLU, 1-Lipschitz.

    Args:
        beta: float. Defaults to 10.
        **kwargs: Base `keras.layers.Layer` arguments.
    """

    def call(self, inputs: Tensor) -> Tensor:
        return ops.relu(inputs) + ops.softplus(-self.beta * ops.abs(inputs)) / self.beta


@keras.saving.register_keras_serializable(package="gloro_tf")
class UnitSlope(_Scalar):
    """GELU, SiLU or mish, divided by its Lipschitz constant, so that it is 1-Lipschitz.

    Args:
        activation: `"gelu"` (error function), `"gelu_tanh"`, `"silu"` or `"mish"`.
        **kwargs: Base `keras.layers.Layer` arguments.

    Raises:
        ValueError: for another `activation`.
    """

    def __init__(self, activation: str = "gelu", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if activation not in SLOPES:
            raise ValueError(
                f"`activation` must be one of {sorted(SLOPES)}. Received: activation={activation!r}"
            )
        self.activation = activation

    def call(self, inputs: Tensor) -> Tensor:
        function = {
            "gelu": lambda x: ops.gelu(x, approximate=False),
            "gelu_tanh": lambda x: ops.gelu(x, approximate=True),
            "silu": ops.silu,
            "mish": lambda x: x * ops.tanh(ops.softplus(x)),
        }[self.activation]
        return function(inputs) / SLOPES[self.activation]

    def get_config(self) -> Config:
        return {**super().get_config(), "activation": self.activation}


def bend(parts, delta, scale=None):
    """`sqrt(sum of squares + delta^2) - delta` without cancellation or overflow.

    Args:
        parts: list of tensors of one shape.
        delta: float.
        scale: optional tensor, at least as large as all parts; divided out before squaring.
    """
    if scale is None:
        scale = functools.reduce(ops.maximum, [ops.abs(part) for part in parts])
    scale = ops.stop_gradient(ops.maximum(scale, delta))
    square = sum(ops.square(part / scale) for part in parts)
    rest = delta / scale
    return scale * (square / (ops.sqrt(square + ops.square(rest)) + rest))
