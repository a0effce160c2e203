"""Accuracy without regard to certificates."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.metrics.base import RowMean, named, true_class
from gloro_tf.types import Tensor


@named("clean_accuracy")
@keras.saving.register_keras_serializable(package="gloro_tf")
class CleanAccuracy(RowMean):
    """Fraction of examples whose largest logit is the label's, bottom ignored.

    Args:
        name: str. Defaults to `"clean_accuracy"`.
        dtype: str.
    """

    def __init__(self, name: str = "clean_accuracy", dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        logits = y_pred[:, :-1]
        predicted = ops.cast(ops.argmax(logits, axis=-1), "int32")
        return ops.equal(predicted, true_class(y_true, logits.shape[-1]))
