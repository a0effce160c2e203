"""The static all-class margin loss."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.losses.base import MarginLoss
from gloro_tf.types import Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class StaticMargin(MarginLoss):
    """Cross-entropy after every rival has gained all it can within the radius.

    `CE(logits + epsilon * K[label], label)`, with `K[label, label] = 0`.

    Args:
        name: str.

    Reference:
        [Tsuzuku et al., Lipschitz-Margin Training](https://arxiv.org/abs/1802.04034), with pairwise
        constants.
    """

    def __init__(self, name: str = "margin", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def from_margins(self, labels: Tensor, logits: Tensor, growth: Tensor) -> Tensor:
        return -ops.sum(labels * ops.log_softmax(logits + growth, axis=-1), axis=-1)
