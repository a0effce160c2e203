"""The N-activation: two learned kinks for each feature."""

from __future__ import annotations

import keras
from keras import ops

from gloro_tf.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class NActivation(keras.layers.Layer):
    """Slopes 1, -1, 1 between two learned kinks `low <= high` of each feature; 1-Lipschitz.

    `x - 2 low` up to `low`, `-x` up to `high`, `x - 2 high` beyond. Starts at -1 and 0.

    Args:
        **kwargs: Base `keras.layers.Layer` arguments.

    Reference:
        [Prach and Lampert, 1-Lipschitz Neural Networks are more expressive with N-Activations](
        https://arxiv.org/abs/2311.06103), eq. 5.
    """

    lipschitz = 1.0

    def build(self, input_shape: Shape) -> None:
        shape = (input_shape[-1],)
        self.first = self.add_weight(name="first", shape=shape, initializer=_constant(-1.0))
        self.second = self.add_weight(name="second", shape=shape, initializer="zeros")

    def call(self, inputs: Tensor) -> Tensor:
        low = ops.minimum(self.first, self.second)
        high = ops.maximum(self.first, self.second)
        return ops.where(
            inputs <= low,
            inputs - 2 * low,
            ops.where(inputs >= high, inputs - 2 * high, -inputs),
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return super().get_config()  # Keras' own guess fails for a layer that was cloned


def _constant(value):
    return keras.initializers.Constant(value)
