"""Subtracts each channel's mean: what batch normalisation may do without touching the norm."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.layers._checks import check_fraction
from gloro_tf.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class Centering(keras.layers.Layer):
    """Moves every channel to mean zero, then adds a learned bias; never scales.

    Training subtracts the mean over the batch and all positions, through which gradients flow;
    inference subtracts a moving average of it, a constant. So at inference the layer is a
    translation, and its Lipschitz constant is exactly 1.

    Args:
        momentum: float. Share of the old average that a training step keeps. Defaults to 0.9.
        **kwargs: Base `keras.layers.Layer` arguments.

    Inputs are `(batch, ..., channels)`, the output has the same shape.

    Reference:
        [Hu et al., A Recipe for Improved Certifiable Robustness](https://arxiv.org/abs/2310.02513);
        the released code of that paper (centering inside the residual block).
    """

    def __init__(self, momentum: float = 0.9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = check_fraction("momentum", momentum)

    def build(self, input_shape: Shape) -> None:
        shape = (input_shape[-1],)
        self.bias = self.add_weight(name="bias", shape=shape, initializer="zeros", autocast=False)
        self.moving_mean = self.add_weight(
            name="moving_mean",
            shape=shape,
            initializer="zeros",
            trainable=False,
            autocast=False,
            aggregation="mean",
        )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        shift = self.bias - self.moving_mean
        if training:
            axes = tuple(range(len(inputs.shape) - 1))
            shift = self.bias - self.track(ops.mean(ops.cast(inputs, self.bias.dtype), axis=axes))
        return inputs + ops.cast(shift, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def track(self, mean: Tensor) -> Tensor:
        """Moves the average towards a batch's mean, `(channels,)`, and returns that mean.

        Args:
            mean: `(channels,)` tensor.
        """
        step = (1 - self.momentum) * (ops.stop_gradient(mean) - self.moving_mean)
        self.moving_mean.assign(self.moving_mean + step)
        return mean

    def shift(self) -> Tensor:
        """What inference adds to every position, `(channels,)` float32."""
        return ops.convert_to_tensor(self.bias) - self.moving_mean

    def get_config(self) -> Config:
        return {**super().get_config(), "momentum": self.momentum}
