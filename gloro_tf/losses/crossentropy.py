"""Cross-entropy with the bottom class."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.layers._checks import check_number
from gloro_tf.losses.base import CertifiedLoss, label_matrix
from gloro_tf.types import Config, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class Crossentropy(CertifiedLoss):
    """Cross-entropy over the classes and bottom, which no label ever is.

    `-log softmax([logits, bottom])[label]`.

    Args:
        temperature: float. Divides all `classes + 1` scores. Defaults to 1.
        name: str.
        **kwargs: Base `keras.losses.Loss` arguments.

    Raises:
        ValueError: for a `temperature` that is not positive.

    Reference:
        [Leino et al., Globally-Robust Neural Networks](https://arxiv.org/abs/2102.08452), sec. 4.
    """

    def __init__(self, temperature: float = 1.0, name: str = "crossentropy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        check_number("temperature", temperature, "positive", lambda value: value > 0)
        self.temperature = temperature

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        labels = label_matrix(y_true, y_pred.shape[-1] - 1)
        log_softmax = ops.log_softmax(y_pred / self.temperature, axis=-1)
        return -ops.sum(labels * log_softmax[:, :-1], axis=-1)

    def get_config(self) -> Config:
        return {**super().get_config(), "temperature": self.temperature}
