"""How often a model makes no promise."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.metrics.base import RowMean, named
from gloro_tf.types import Tensor


@named("rejection_rate")
@keras.saving.register_keras_serializable(package="gloro_tf")
class RejectionRate(RowMean):
    """Fraction of examples whose bottom score is at least every logit.

    Args:
        name: str. Defaults to `"rejection_rate"`.
        dtype: str.
    """

    def __init__(self, name: str = "rejection_rate", dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ops.logical_not(ops.max(y_pred[:, :-1], axis=-1) > y_pred[:, -1])
