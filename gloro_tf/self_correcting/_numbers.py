"""Bounds: rounded outward to float32, written to JSON, compared with inputs."""

import keras
import numpy as np
from keras import ops


def down(values):
    """The largest float32 values that are at most the given float64 ones."""
    with np.errstate(over="ignore"):
        rounded = np.asarray(values, "float64").astype("float32")
    high = rounded.astype("float64") > values
    return np.where(high, np.nextafter(rounded, np.float32(-np.inf)), rounded).astype("float32")


def up(values):
    """The smallest float32 values that are at least the given float64 ones."""
    return -down(-np.asarray(values, "float64"))


def decimal(values):
    """Nested lists of numbers, infinities as `"inf"` and `"-inf"`, which JSON can hold."""
    if isinstance(values, np.ndarray):
        return [decimal(v) for v in values]
    return float(values) if np.isfinite(values) else str(float(values))


def number(values):
    """What `decimal` wrote, as a float64 array."""
    if isinstance(values, (list, tuple)):
        return np.array([number(v) for v in values], "float64")
    return float(values)


def inside_boxes(x, lower, upper):
    """Which rows lie in which boxes, `(batch, boxes)` bool; exact for 16, 32 and 64 bits.

    Args:
        x: `(batch, n)` tensor.
        lower, upper: `(boxes, n)` float32 arrays. Inputs that no box bounds are not looked at.
    """
    bounded = np.flatnonzero((np.isfinite(lower) | np.isfinite(upper)).any(axis=0))
    if not len(bounded):
        return ops.ones_like(x[:, :1], "bool") & ops.ones((1, len(lower)), "bool")
    if len(bounded) < x.shape[-1]:
        x = ops.take(x, bounded.astype("int32"), axis=1)
        lower, upper = lower[:, bounded], upper[:, bounded]
    x = wide(x)[:, None, :]
    lower, upper = (ops.convert_to_tensor(b[None], dtype=x.dtype) for b in (lower, upper))
    return ops.all(ops.logical_and(x >= lower, x <= upper), axis=-1)


def wide(x):
    """A tensor in float64 if it is, else in float32."""
    return x if keras.backend.standardize_dtype(x.dtype) == "float64" else ops.cast(x, "float32")
