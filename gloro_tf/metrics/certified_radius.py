"""The average certified radius."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.metrics.base import RadiusMetric, named, true_class
from gloro_tf.types import Tensor


@named("certified_radius")
@keras.saving.register_keras_serializable(package="gloro_tf")
class CertifiedRadius(RadiusMetric):
    """Mean certified radius, wrong predictions counting 0, in the units of the input.

    Args:
        name: str. Defaults to `"certified_radius"`.
        dtype: str.

    Reference:
        [Zhai et al., MACER](https://arxiv.org/abs/2001.02378), section 3 (average certified radius).
    """

    needs_constants = True

    def __init__(self, name: str = "certified_radius", dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        logits, radius = y_pred[:, :-1], y_pred[:, -1]
        predicted = ops.cast(ops.argmax(logits, axis=-1), "int32")
        right = ops.equal(predicted, true_class(y_true, logits.shape[-1]))
        return ops.where(right, radius, 0.0)
