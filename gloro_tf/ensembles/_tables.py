"""Checks of the tables that ensembles are made of: `(members, n)` labels and certificates."""

import numpy as np

from gloro_tf.data.checks import at_least

CHUNK = 2**16


def check_labels(labels, num_classes=None):
    """Labels as a `(members, n)` integer array, or `ValueError`."""
    labels = as_array("labels", labels)
    if labels.ndim != 2 or not len(labels) or labels.dtype.kind not in "iu":
        raise ValueError(
            "`labels` must be integers of shape (members, n). Received: shape "
            f"{labels.shape}, dtype {labels.dtype}"
        )
    if num_classes is not None:
        at_least("num_classes", num_classes, 2)
    if num_classes is not None and labels.size:
        if labels.min() < 0 or labels.max() >= num_classes:
            raise ValueError(
                f"`labels` must lie in [0, num_classes). Received: {labels.min()} to "
                f"{labels.max()} with num_classes={num_classes}"
            )
    return labels


def check_like(name, values, labels, kind):
    """A table of the shape of the labels; `kind` is `"bool"` or `"radius"`."""
    values = as_array(name, values)
    if values.shape != labels.shape:
        raise ValueError(
            f"`{name}` must have the shape of `labels`, {labels.shape}. Received: {values.shape}"
        )
    if kind == "bool":
        if values.dtype.kind not in "b" and not np.isin(values, (0, 1)).all():
            raise ValueError(f"`{name}` must be True or False. Received: other values")
        return values.astype("bool")
    values = as_array(name, values, "float64")
    if np.isnan(values).any() or (values < 0).any():
        raise ValueError(f"`{name}` must be radii of at least 0. Received: negative or NaN ones")
    return values


def check_weights(weights, members):
    """Weights as float64 `(members,)`, uniform by default."""
    if weights is None:
        return np.ones(members)
    weights = as_array("weights", weights, "float64")
    if weights.shape != (members,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(
            f"`weights` must be {members} numbers of at least 0, one for each member. Received: "
            f"weights={weights.tolist()}"
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not 0 < total < np.inf:
        raise ValueError(f"`weights` must not all be 0, and have a finite sum. Received: {total}")
    return weights


def as_array(name, values, dtype=None):
    """An array, or `ValueError` naming the argument."""
    try:
        return np.asarray(values, dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{name}` must be an array of numbers. Received: {error}") from None
