"""Verified robust accuracy."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.metrics.base import RadiusMetric, named, true_class
from gloro_tf.types import Config, Tensor


@named("vra")
@keras.saving.register_keras_serializable(package="gloro_tf")
class VRA(RadiusMetric):
    """Verified robust accuracy: fraction of examples right and certified.

    Args:
        epsilon: float, optional. The radius. Defaults to the model's own, read from the bottom
            column; any other needs a `GloroModel` around it, which supplies the constants.
        name: str. Defaults to `"vra"`, or `"vra_<epsilon>"`.
        dtype: str.

    Raises:
        ValueError: for a negative `epsilon`.
    """

    def __init__(
        self,
        epsilon: float | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        if epsilon is not None and not epsilon >= 0:
            raise ValueError(f"`epsilon` must not be negative. Received: epsilon={epsilon}")
        default = "vra" if epsilon is None else f"vra_{epsilon:.4g}"
        super().__init__(name=name or default, dtype=dtype, **kwargs)
        self.epsilon = epsilon

    @property
    def needs_constants(self) -> bool:
        return self.epsilon is not None

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if self.needs_constants:
            logits, radius = y_pred[:, :-1], y_pred[:, -1]
            certified = radius > self.epsilon
        else:
            logits = y_pred[:, :-1]
            certified = ops.max(logits, axis=-1) > y_pred[:, -1]
        predicted = ops.cast(ops.argmax(logits, axis=-1), "int32")
        right = ops.equal(predicted, true_class(y_true, logits.shape[-1]))
        return ops.logical_and(right, certified)

    def get_config(self) -> Config:
        return {**super().get_config(), "epsilon": self.epsilon}
