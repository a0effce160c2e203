"""Checks of scores, memberships, labels and probabilities."""

import numbers

import numpy as np


def check_scores(scores, is_member, needs_both=True):
    """`(n,)` float64 scores and bools; larger scores mean *member*."""
    scores, is_member = np.asarray(scores, "float64"), np.asarray(is_member)
    if scores.ndim != 1 or is_member.shape != scores.shape or not scores.size:
        raise ValueError(
            "`scores` and `is_member` must both be of shape (n,). Received: shapes "
            f"{scores.shape} and {is_member.shape}"
        )
    if np.isnan(scores).any():
        raise ValueError(f"`scores` must be numbers. Received: {np.isnan(scores).sum()} NaN")
    if not np.isin(is_member, (0, 1)).all():
        raise ValueError("`is_member` must be bools, True for a member. Received: other values")
    is_member = is_member.astype(bool)
    if needs_both and (is_member.all() or not is_member.any()):
        raise ValueError(
            "`is_member` must name members and non-members. Received: "
            f"{is_member.sum()} members of {len(is_member)}"
        )
    return scores, is_member


def check_probability(**arguments):
    """Refuses what does not lie strictly between 0 and 1."""
    for name, value in arguments.items():
        if not isinstance(value, numbers.Real) or not 0 < value < 1:
            raise ValueError(f"`{name}` must be a number in (0, 1). Received: {name}={value!r}")


def check_labels(y, classes, points=None):
    """Labels as `(n,)` int64; of shape `(n, 1)` they are flattened."""
    y = np.asarray(y)
    flat = y.reshape(-1) if y.ndim == 2 and y.shape[1] == 1 else y
    numbers = flat.ndim == 1 and flat.dtype.kind in "iufb"
    whole = numbers and np.isfinite(flat).all() and np.array_equal(flat, flat // 1)
    if not whole or (points is not None and len(flat) != points):
        raise ValueError(
            f"`y` must be integer classes, one for each of {points} examples. Received: shape "
            f"{y.shape}, dtype {y.dtype}. Of one-hot labels, pass `y.argmax(axis=1)`; of names, "
            "`numpy.unique(y, return_inverse=True)[1]`."
        )
    if len(flat) and (flat.min() < 0 or flat.max() >= classes):
        raise ValueError(f"`y` must lie in [0, {classes}). Received: {flat.min()} to {flat.max()}")
    return flat.astype("int64")
