"""Metrics of relaxed promises: is the label in the promised set, and how large is that set."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.metrics.base import PromiseMetric, named, true_class
from gloro_tf.types import Tensor


@named("top_k_vra", "affinity_vra")
@keras.saving.register_keras_serializable(package="gloro_tf")
class RelaxedVRA(PromiseMetric):
    """Fraction of examples whose label lies in the promised set: top-k or affinity VRA.

    The set is the largest that is promised at the model's radius (its loosest guarantee). On a
    plain `GloroModel` it holds the predicted class alone, so the metric is the VRA.

    Args:
        name: str. Defaults to `"relaxed_vra"`.
        dtype: str.

    Reference:
        [Leino and Fredrikson, Relaxing Local Robustness](https://arxiv.org/abs/2106.06624),
        section 5.
    """

    def __init__(self, name: str = "relaxed_vra", dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        labels = true_class(y_true, y_pred.shape[-1])
        return ops.take_along_axis(y_pred, labels[:, None], axis=-1)[:, 0]


@named("promised_set_size")
@keras.saving.register_keras_serializable(package="gloro_tf")
class PromisedSetSize(PromiseMetric):
    """Mean size of the promised set, over the examples that have one.

    Args:
        name: str. Defaults to `"promised_set_size"`.
        dtype: str.
    """

    def __init__(self, name: str = "promised_set_size", dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        sizes = ops.sum(y_pred, axis=-1)
        weights = ops.cast(sizes > 0, "float32")
        if sample_weight is not None:
            weights = weights * ops.cast(ops.reshape(sample_weight, (-1,)), "float32")
        self.total.assign_add(ops.sum(sizes * weights))
        self.count.assign_add(ops.sum(weights))
