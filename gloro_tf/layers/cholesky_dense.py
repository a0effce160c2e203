"""A dense layer with an orthonormal kernel."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from gloro_tf.layers._checks import check_number, check_positive
from gloro_tf.ops import cholesky_orthogonalize
from gloro_tf.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class CholeskyDense(keras.layers.Layer):
    """A dense layer whose kernel is orthonormalised by a Cholesky factor; nearly an isometry.

    `y = x Q + b`, where `Q` has orthonormal columns (rows, if there are more units than inputs) up to
    singular values slightly below 1; see `gloro_tf.ops.cholesky_orthogonalize`. Training computes
    `Q` from the free kernel and stores it; inference uses the stored one, so that the function which
    is bounded is a fixed matrix, not the result of a factorisation.

    With `residual`, what is orthonormalised is `I + residual * gamma[o] * kernel[i, o]` with a small
    random kernel: a dense linear residual block, square.

    Args:
        units: int.
        residual: float. Factor of the kernel beside the identity, `depth ** -0.5` in a LiResNet;
            0 for none. Defaults to 0.
        kernel_initializer: as in Keras. Defaults to `"orthogonal"`, or to a normal distribution of
            deviation `1 / units` with `residual`.
        **kwargs: Base `keras.layers.Layer` arguments.

    Inputs are `(batch, ..., features)`, the output `(batch, ..., units)`.

    Reference:
        [Hu et al., A Recipe for Improved Certifiable Robustness](https://arxiv.org/abs/2310.02513),
        section 4.
    """

    def __init__(
        self, units: int, residual: float = 0.0, kernel_initializer: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units = check_positive("units", units)
        self.residual = float(check_number("residual", residual, "a finite number"))
        if kernel_initializer is None:
            normal = keras.initializers.RandomNormal(stddev=1 / units)
            kernel_initializer = normal if residual else "orthogonal"
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.input_spec = keras.layers.InputSpec(min_ndim=2)

    def build(self, input_shape: Shape) -> None:
        shape = (input_shape[-1], self.units)
        if self.residual and shape[0] != shape[1]:
            raise ValueError(
                f"`units` must equal the input's features with `residual`. Received: "
                f"units={self.units} for input_shape={tuple(input_shape)}"
            )
        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=self.kernel_initializer, autocast=False
        )
        if self.residual:
            self.gamma = self.add_weight(
                name="gamma", shape=(self.units,), initializer="ones", autocast=False
            )
        self.bias = self.add_weight(
            name="bias", shape=(self.units,), initializer="zeros", autocast=False
        )
        self.orthogonal_kernel = self.add_weight(
            name="orthogonal_kernel",
            shape=shape,
            initializer="zeros",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )
        free = ops.convert_to_numpy(self.kernel)
        if self.residual:
            free = np.eye(self.units) + self.residual * free
        self.orthogonal_kernel.assign(_orthogonal(free))

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        kernel = self.orthogonal_kernel
        if training:
            kernel = self._orthogonalize()
            self.orthogonal_kernel.assign(ops.stop_gradient(kernel))
        kernel = ops.cast(kernel, inputs.dtype)
        return ops.matmul(inputs, kernel) + ops.cast(self.bias, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def free_variables(self) -> list[keras.Variable]:
        """The variables that inference does not read: what `orthogonal_kernel` is made from."""
        return [self.kernel, self.gamma] if self.residual else [self.kernel]

    def set_free_variables(self) -> None:
        """Sets them so that training goes on from the stored kernel, which shrinks by 1/2000 there."""
        kernel = ops.convert_to_numpy(self.orthogonal_kernel)
        if self.residual:
            kernel = (kernel - np.eye(self.units, dtype="float32")) / self.residual
            self.gamma.assign(np.ones(self.units))
        self.kernel.assign(kernel)

    def _orthogonalize(self):
        kernel = ops.convert_to_tensor(self.kernel)
        if self.residual:
            identity = ops.eye(self.units, dtype=kernel.dtype)
            kernel = identity + kernel * (self.residual * self.gamma)
        if kernel.shape[0] >= kernel.shape[1]:
            return ops.transpose(cholesky_orthogonalize(ops.transpose(kernel)))
        return cholesky_orthogonalize(kernel)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "units": self.units,
            "residual": self.residual,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def _orthogonal(kernel):
    """The same map in NumPy, for the kernel that a fresh layer stores."""
    rows = kernel.T if kernel.shape[0] >= kernel.shape[1] else kernel
    gram = rows @ rows.T
    ridge = 1e-3 * np.trace(gram) / len(gram)
    result = np.linalg.solve(np.linalg.cholesky(gram + ridge * np.eye(len(gram))), rows)
    return (result.T if kernel.shape[0] >= kernel.shape[1] else result).astype("float32")
