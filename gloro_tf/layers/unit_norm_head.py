"""A last layer whose columns have unit length."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.layers._checks import check_positive
from gloro_tf.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class UnitNormHead(keras.layers.Layer):
    """A dense layer of logits with L2-normalised columns: `logit_i = <w_i / ||w_i||, x> + b_i`.

    The margin of classes `i` and `j` then stretches distances by at most `||w_i - w_j|| <= 2`.

    Args:
        units: int. Number of classes.
        kernel_initializer: as in Keras. Defaults to `"orthogonal"`.
        **kwargs: Base `keras.layers.Layer` arguments.

    Raises:
        ValueError: for `units` below 1.

    Reference:
        [Singla et al., Improved deterministic l2 robustness](https://arxiv.org/abs/2108.04062)
        (last-layer normalisation).
    """

    def __init__(self, units: int, kernel_initializer: Any = "orthogonal", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = check_positive("units", units)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.input_spec = keras.layers.InputSpec(ndim=2)

    def build(self, input_shape: Shape) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
            autocast=False,
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.units,), initializer="zeros", autocast=False
        )

    def call(self, inputs: Tensor) -> Tensor:
        inputs = ops.cast(inputs, self.kernel.dtype)
        return ops.matmul(inputs, self.unit_kernel()) + self.bias

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def unit_kernel(self) -> Tensor:
        """The kernel with columns of unit length, `(inputs, units)` float32."""
        kernel = ops.convert_to_tensor(self.kernel)
        return kernel / ops.sqrt(ops.sum(ops.square(kernel), axis=0, keepdims=True))

    def get_config(self) -> Config:
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "units": self.units, "kernel_initializer": initializer}
