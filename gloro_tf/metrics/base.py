"""What the metrics share."""

from __future__ import annotations

import difflib
from typing import Any

import keras
from keras import ops

from gloro_tf.margins import loosest
from gloro_tf.types import Tensor

_NAMES: dict[str, type] = {}


def named(*names):
    """Registers a metric class under string shorthands."""

    def decorator(cls):
        _NAMES.update(dict.fromkeys(names, cls))
        return cls

    return decorator


def get(identifier: str | keras.metrics.Metric) -> Any:
    """Returns a metric: objects and Keras' own names as they are, ours from strings.

    Ours are `"clean_accuracy"`, `"vra"`, `"rejection_rate"`, `"certified_radius"`, `"top_k_vra"`,
    `"affinity_vra"` and `"promised_set_size"`; `"vra.0.5"` is the VRA at radius 0.5.

    Args:
        identifier: str, or a metric.

    Raises:
        ValueError: for a string that looks like one of ours and is not.
    """
    if not isinstance(identifier, str):
        return identifier
    name, _, parameter = identifier.partition(".")
    if name in _NAMES:
        return _NAMES[name](float(parameter)) if parameter else _NAMES[name]()
    close = difflib.get_close_matches(name, _NAMES, n=1, cutoff=0.8)
    if close:
        raise ValueError(f"Unknown metric {identifier!r}. Did you mean '{close[0]}'?")
    return identifier


def true_class(y_true, classes):
    """Labels as `(batch,)` int32, from integers or one-hot rows."""
    if len(y_true.shape) == 2 and y_true.shape[-1] == classes and classes > 1:
        return ops.cast(ops.argmax(y_true, axis=-1), "int32")
    return ops.cast(ops.reshape(y_true, (-1,)), "int32")


class RowMean(keras.metrics.Metric):
    """A mean over examples, exact whatever the batch sizes.

    Subclasses give one value per example in `values`.

    Args:
        name: str.
        dtype: str.
    """

    def __init__(self, name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Returns what is averaged, `(batch,)`.

        Args:
            y_true: labels, integers or one-hot rows.
            y_pred: `(batch, ...)` tensor, the outputs of the model.
        """
        raise NotImplementedError

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        values = ops.cast(self.values(y_true, ops.convert_to_tensor(y_pred)), self.dtype)
        weights = ops.ones_like(values)
        if sample_weight is not None:
            weights = ops.cast(ops.reshape(sample_weight, (-1,)), self.dtype)
        self.total.assign_add(ops.sum(values * weights))
        self.count.assign_add(ops.sum(weights))

    def result(self) -> Tensor:
        return ops.divide_no_nan(self.total, self.count)


class RadiusMetric(RowMean):
    """Base class of metrics that need more than the decision at the model's own radius.

    Where `needs_constants` is true, `GloroModel` calls them with `y_pred` of shape
    `(batch, classes + 1)`: the logits, then the certified radius.
    """

    needs_constants: Any = False

    def select(self, logits: Tensor, radii: Tensor, order: Tensor, epsilon: Tensor) -> Tensor:
        """What `update_state` gets as `y_pred`, from the radii of `margins.relaxed_radii`.

        Args:
            logits: `(batch, classes)` tensor.
            radii, order: `(batch, k)` each, as `relaxed_radii` returns them.
            epsilon: scalar tensor, the radius of the model.
        """
        radius = ops.max(radii, axis=-1, keepdims=True)
        return ops.concatenate([logits, radius], axis=-1)


class PromiseMetric(RowMean):
    """Base class of metrics of the promised set.

    `GloroModel` calls them with `y_pred` of shape `(batch, classes)`: 1 for the members of the
    largest set that is promised at the model's radius, 0 elsewhere, all 0 without a promise.
    """

    needs_constants = True

    def select(self, logits: Tensor, radii: Tensor, order: Tensor, epsilon: Tensor) -> Tensor:
        """The members of the promised set, `(batch, classes)` float32.

        Args:
            logits: `(batch, classes)` tensor.
            radii, order: `(batch, k)` each, as `relaxed_radii` returns them.
            epsilon: scalar tensor, the radius of the model.
        """
        size = loosest(radii, epsilon)
        ranks = ops.arange(order.shape[-1], dtype="int32")
        counted = ops.cast(ranks[None] < size[:, None], "float32")
        rows = ops.one_hot(order, logits.shape[-1], dtype="float32")
        return ops.sum(rows * counted[..., None], axis=1)
