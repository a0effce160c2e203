"""Checks of scores, memberships, labels and probabilities."""

import math
import numbers

import numpy as np

from gloro_tf.data.checks import at_least


def check_scores(scores, is_member, needs_both=True):
    """`(n,)` float64 scores and bools; larger scores mean *member*."""
    scores, is_member = as_scores(scores), np.asarray(is_member)
    if scores.ndim != 1 or is_member.shape != scores.shape or not scores.size:
        raise ValueError(
            "`scores` and `is_member` must both be of shape (n,). Received: shapes "
            f"{scores.shape} and {is_member.shape}"
        )
    if not np.isin(is_member, (0, 1)).all():
        raise ValueError("`is_member` must be bools, True for a member. Received: other values")
    is_member = is_member.astype(bool)
    if needs_both and (is_member.all() or not is_member.any()):
        raise ValueError(
            "`is_member` must name members and non-members. Received: "
            f"{is_member.sum()} members of {len(is_member)}"
        )
    return scores, is_member


def as_scores(scores, name="scores"):
    """Real numbers as float64; infinite ones are ordered as all others, NaN is refused."""
    values = np.asarray(scores)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"`{name}` must be real numbers. Received: dtype {values.dtype}")
    if np.isnan(values).any():
        raise ValueError(f"`{name}` must be numbers. Received: {np.isnan(values).sum()} NaN")
    return values.astype("float64")


def check_counts(least, **arguments):
    """Refuses what is no integer of at least `least`."""
    for name, value in arguments.items():
        at_least(name, value, least)


def check_numbers(least, **arguments):
    """Refuses what is no finite real number of at least `least`."""
    for name, value in arguments.items():
        if not isinstance(value, numbers.Real) or not least <= value < math.inf:
            raise ValueError(
                f"`{name}` must be a number of at least {least}. Received: {name}={value!r}"
            )


def check_recipe(recipe):
    """Refuses what cannot train models."""
    if not hasattr(recipe, "train_many"):
        raise ValueError(f"`recipe` must be a `TrainingRecipe`. Received: {recipe!r}")


def check_rates(fpr):
    """False positive rates as a tuple of numbers in (0, 1)."""
    if isinstance(fpr, str) or np.ndim(fpr) != 1:
        raise ValueError(
            f"`fpr` must be a sequence of numbers in (0, 1), such as (0.01,). Received: fpr={fpr!r}"
        )
    for rate in fpr:
        check_probability(fpr=rate)
    return tuple(fpr)


def check_examples(x, tensor):
    """Examples as an array of the shape and kind that a model's symbolic input takes."""
    x, shape = np.asarray(x), tuple(tensor.shape[1:])
    fits = x.ndim == len(shape) + 1
    fits = fits and all(a in (None, b) for a, b in zip(shape, x.shape[1:], strict=True))
    if not fits or (x.dtype.kind not in "biuf" and tensor.dtype != "string"):
        raise ValueError(
            f"`x` must be numbers of shape {('n', *shape)}, as the model takes. Received: shape "
            f"{x.shape}, dtype {x.dtype}"
        )
    return x


def check_probability(**arguments):
    """Refuses what does not lie strictly between 0 and 1."""
    for name, value in arguments.items():
        if not isinstance(value, numbers.Real) or not 0 < value < 1:
            raise ValueError(f"`{name}` must be a number in (0, 1). Received: {name}={value!r}")


def check_accuracies(**arguments):
    """Refuses what is neither None nor a share of examples."""
    for name, value in arguments.items():
        if value is not None and (not isinstance(value, numbers.Real) or not 0 <= value <= 1):
            raise ValueError(
                f"`{name}` must be a number in [0, 1], or None. Received: {name}={value!r}"
            )


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
