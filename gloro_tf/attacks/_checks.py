"""Checks of what attacks are given."""

import numpy as np


def between(name, value, low, high):
    """Returns a float in `(low, high)` or equal to `low`, or raises `ValueError`."""
    if not (isinstance(value, (int, float, np.number)) and low <= value < high):
        raise ValueError(f"`{name}` must lie in [{low}, {high}). Received: {name}={value!r}")
    return float(value)


def checked_bounds(bounds):
    try:
        low, high = (-np.inf, np.inf) if bounds is None else map(float, bounds)
    except (TypeError, ValueError):
        low, high = 0.0, 0.0
    if not low < high:
        raise ValueError(
            f"`bounds` must be two numbers, the lower first, or None. Received: bounds={bounds!r}"
        )
    return None if bounds is None else (low, high)


def checked(x, y, target):
    x, y = np.asarray(x, "float32"), np.asarray(y)
    if x.shape[1:] != target.input_shape or not len(x):
        raise ValueError(
            f"`x` must have the shape (n, {', '.join(map(str, target.input_shape))}) with n > 0. "
            f"Received: {x.shape}"
        )
    if not np.isfinite(x).all():
        raise ValueError("`x` must be finite. Received: NaN or infinite entries.")
    y = y.reshape(-1)
    if len(y) != len(x) or y.dtype.kind not in "iu":
        raise ValueError(
            f"`y` must have an integer label for each of {len(x)} inputs. Received: {len(y)} of "
            f"type {y.dtype}. Take `argmax` of one-hot labels."
        )
    if y.min() < 0 or y.max() >= target.classes:
        raise ValueError(f"`y` must lie in 0..{target.classes - 1}. Received: {y.min()}..{y.max()}")
    return x, y.astype("int64")


def checked_radii(epsilon, count):
    try:
        epsilon = np.asarray(epsilon, "float64")
    except (TypeError, ValueError):
        epsilon = np.asarray(np.nan)
    if epsilon.shape not in ((), (count,)):
        raise ValueError(
            "`epsilons` must be a number, an array with one for each input, or a list of these. "
            f"Received: an array of shape {epsilon.shape} for {count} inputs."
        )
    if not np.all(np.isfinite(epsilon) & (epsilon >= 0)):
        raise ValueError("`epsilons` must be finite and not negative. Received: others.")
    return np.broadcast_to(epsilon, (count,))
