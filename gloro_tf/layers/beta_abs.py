"""The absolute value of a part of the features."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from gloro_tf.layers._checks import check_fraction
from gloro_tf.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class BetaAbs(keras.layers.Layer):
    """Takes the absolute value of the first `beta` share of the features; keeps the others.

    1-Lipschitz in L2 and norm preserving. With `beta = 0.5` it is MinMax up to a rotation of each
    pair of features (`HalfAbs` in the LiResNet code).

    Args:
        beta: float in [0, 1]. Rounded down to whole features. Defaults to 0.5.
        **kwargs: Base `keras.layers.Layer` arguments.

    Reference:
        `HalfAbs` in the released code of [Hu et al., Unlocking Deterministic Robustness
        Certification on ImageNet](https://arxiv.org/abs/2301.12549).
    """

    def __init__(self, beta: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.beta = check_fraction("beta", beta)

    def call(self, inputs: Tensor) -> Tensor:
        features = inputs.shape[-1]
        first = np.arange(features) < int(self.beta * features)
        return ops.where(ops.convert_to_tensor(first), ops.abs(inputs), inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {**super().get_config(), "beta": self.beta}


HalfAbs = BetaAbs
