"""MinMax: the norm-preserving activation of certified networks."""

from __future__ import annotations

import keras
from keras import ops

from gloro_tf.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class MinMax(keras.layers.Layer):
    """Sorts each feature of the first half against its partner in the second half.

    With `a` and `b` the two halves of the last axis, the output is `[max(a, b), min(a, b)]`, written
    as `[b + relu(a - b), a - relu(a - b)]`. For every input the map is a permutation, so it is
    1-Lipschitz in L2 and preserves gradient norms. That form is the fastest of six in a TensorFlow
    graph on CPU (`benchmarks/minmax.py`), and its Jacobian is a permutation at ties too.

    Args:
        **kwargs: Base `keras.layers.Layer` arguments.

    Example:

    >>> gloro_tf.layers.MinMax()(np.array([[1.0, 5.0, 3.0, 2.0]]))
    [[3., 5., 1., 2.]]

    Raises:
        ValueError: if the last axis is odd or unknown.

    Reference:
        [Anil et al., Sorting out Lipschitz function approximation](https://arxiv.org/abs/1811.05381)
        (GroupSort with groups of two); halves instead of neighbours, which is the same up to a
        permutation of the features.
    """

    def build(self, input_shape: Shape) -> None:
        if input_shape[-1] is None or input_shape[-1] % 2:
            raise ValueError(
                "`MinMax` needs an even number of features on the last axis. Received: "
                f"input_shape={tuple(input_shape)}. Use an even number of units or filters."
            )

    def call(self, inputs: Tensor) -> Tensor:
        first, second = ops.split(inputs, 2, axis=-1)
        excess = ops.relu(first - second)
        return ops.concatenate([second + excess, first - excess], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return super().get_config()  # Keras' own guess fails for a layer that was cloned
