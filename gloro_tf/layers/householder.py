"""The Householder activation of order 1."""

from __future__ import annotations

import keras
from keras import ops

from gloro_tf.layers._checks import check_groups
from gloro_tf.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class Householder(keras.layers.Layer):
    """Reflects each pair of features at a learned line if it lies on that line's far side.

    With `v = (sin(t/2), -cos(t/2))` and a pair `z`, half of the plane is kept and `<v, z> <= 0` is
    reflected: `z - 2 min(<v, z>, 0) v`. Continuous, and an isometry on both sides, so 1-Lipschitz
    in L2. One angle `t` for each channel pair; pairs are halves of the last axis, as in `MinMax`.
    It starts at `pi / 2`, where it sorts the pair.

    Args:
        **kwargs: Base `keras.layers.Layer` arguments.

    Reference:
        [Singla et al., Improved deterministic l2 robustness](https://arxiv.org/abs/2108.04062),
        section 5, order 1.
    """

    def build(self, input_shape: Shape) -> None:
        check_groups("Householder", input_shape, 2)
        self.angle = self.add_weight(
            name="angle",
            shape=(input_shape[-1] // 2,),
            initializer=keras.initializers.Constant(1.5707963),
            autocast=False,
        )

    def call(self, inputs: Tensor) -> Tensor:
        first, second = ops.split(inputs, 2, axis=-1)
        half = ops.convert_to_tensor(self.angle) / 2
        sine = ops.cast(ops.sin(half), inputs.dtype)
        cosine = ops.cast(ops.cos(half), inputs.dtype)
        excess = 2 * ops.relu(second * cosine - first * sine)
        return ops.concatenate([first + excess * sine, second - excess * cosine], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return super().get_config()  # Keras' own guess fails for a layer that was cloned
