"""What images and labels must look like before anything is trained on them."""

from __future__ import annotations

import warnings

import numpy as np

from gloro_tf.types import Array, ArrayLike

_RENUMBER = "Renumber the labels from 0, or raise the number of classes."


def at_least(name: str, value: int, least: int) -> int:
    """Returns an integer of at least `least`, or raises `ValueError` naming the argument."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise ValueError(
            f"`{name}` must be an integer of at least {least}. Received: {name}={value!r}"
        )
    return int(value)


def check_images(x: ArrayLike, name: str = "x", uint8_ok: bool = True) -> Array:
    """Refuses images that cannot be trained on; warns where `epsilon` would change its meaning.

    Args:
        x: array of shape `(n, ...)`, uint8 or float. Pixels are expected in `[0, 1]`, or in
            0..255 as uint8.
        name: str. What the messages call the array. Defaults to `"x"`.
        uint8_ok: bool. Whether uint8 is going to be divided by 255, as `Batches` and `to_float`
            do. Pass `False` where the array goes to Keras as it is. Defaults to `True`.

    Returns:
        `x` as a NumPy array.

    Raises:
        ValueError: if `x` is empty, not numeric, or has a NaN or an infinite value.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "uifb":
        raise ValueError(
            f"`{name}` must be a numeric array. Received: {name} of dtype {x.dtype}. "
            "Stack the images into one array of equal sizes, uint8 or float32."
        )
    if x.ndim < 2 or x.size == 0:
        raise ValueError(
            f"`{name}` must have at least one example and a shape (n, height, width, channels) "
            f"or (n, features). Received: {name}.shape={x.shape}."
        )
    if x.dtype.kind == "f":
        _check_finite(x, name)
    if not (x.dtype == np.uint8 and uint8_ok) and x.max() > 2 and x.min() >= 0:
        _warn_scale(x, name)
    return x


def check_labels(
    y: ArrayLike,
    num_classes: int | None = None,
    name: str = "y",
    examples: int | None = None,
    allow_single_class: bool = False,
) -> Array:
    """Refuses labels that are not class indices.

    Args:
        y: integers (or floats with integer values) of shape `(n,)` or `(n, 1)`, or probabilities
            (one-hot or soft) of shape `(n, classes)` whose rows sum to 1.
        num_classes: int. Labels must lie in `[0, num_classes)`; `None` takes the largest
            label plus one.
        name: str. What the messages call the array. Defaults to `"y"`.
        examples: int. How many labels there must be; `None` does not check.
        allow_single_class: bool. Whether all labels may be equal, as in a test set. Defaults
            to `False`.

    Returns:
        The class indices, int64 of shape `(n,)`.

    Raises:
        ValueError: naming the first value that is wrong.
    """
    y = np.asarray(y)
    if y.size == 0 or y.ndim not in (1, 2) or y.dtype.kind not in "uifb":
        raise ValueError(
            f"`{name}` must hold at least one integer label, with shape (n,), or one-hot rows. "
            f"Received: {name}.shape={y.shape} of dtype {y.dtype}."
        )
    if examples is not None and len(y) != examples:
        raise ValueError(
            f"`{name}` must have one label per image. Received: {len(y)} labels for "
            f"{examples} images. Check that both arrays come from the same split."
        )
    if y.ndim == 2 and y.shape[1] > 1:
        labels = _from_rows(y, num_classes, name)
        num_classes = y.shape[1]
    else:
        labels = _from_indices(y.reshape(-1), num_classes, name)
    if not allow_single_class and labels.min() == labels.max():
        raise ValueError(
            f"`{name}` must contain at least two classes: a margin needs a rival. Received: "
            f"only the label {labels[0]}. Check how the labels were read, or add another class."
        )
    return labels


def to_float(x: Array, out: Array | None = None) -> Array:
    """Images as float32: uint8 is divided by 255, floats keep their values.

    Args:
        x: array of any shape, uint8 or float.
        out: float32 array of that shape to write into. Defaults to a new one.

    Returns:
        A float32 array; without `out`, `x` itself if it was float32 already.

    Raises:
        ValueError: for other types, whose scale cannot be known.
    """
    x = np.asarray(x)
    if x.dtype == np.uint8:
        return np.divide(x, np.float32(255), out=out, dtype=np.float32)
    if x.dtype.kind != "f":
        raise ValueError(
            f"`x` must be uint8 or float. Received: x of dtype {x.dtype}. Pass 0..255 as "
            '`x.astype("uint8")`, or scale the pixels to [0, 1] yourself.'
        )
    if out is None:
        return x.astype(np.float32, copy=False)
    out[...] = x
    return out


def _check_finite(x, name):
    # The extremes carry any NaN or infinity and, unlike np.isfinite(x), cost no memory.
    if np.isfinite(x.min()) and np.isfinite(x.max()):
        return
    where = next(i for i, row in enumerate(x) if not np.isfinite(row).all())
    raise ValueError(
        f"`{name}` must be finite. Received: NaN or infinite values, first in {name}[{where}]. "
        f"Drop such images or replace the values, e.g. `np.nan_to_num({name})`."
    )


def _warn_scale(x, name):
    warnings.warn(
        f"`{name}` should have pixels in [0, 1], but its values reach {x.max():g}: they look like "
        "0..255. `epsilon` and certified radii are measured in the input's own units, so a radius "
        "meant for [0, 1] would be 255 times smaller in effect. Divide by 255 (uint8 images are "
        "converted automatically by `gloro_tf.data.Batches`).",
        stacklevel=3,
    )


def _from_indices(y, num_classes, name):
    whole = np.isfinite(y) & (y == np.floor(y)) if y.dtype.kind == "f" else True
    _check_each(y, whole, name, "integers")
    # Compared before the cast, which would wrap a huge value into the range.
    _check_each(y, y >= 0, name, "at least 0")
    if num_classes is not None:
        _check_each(y, y < num_classes, name, f"in [0, {num_classes}), one per class")
    return y.astype(np.int64)


def _from_rows(y, num_classes, name):
    if num_classes not in (None, y.shape[1]):
        raise ValueError(
            f"`{name}` must have {num_classes} columns, one per class. Received: "
            f"{name}.shape={y.shape}."
        )
    good = (y >= 0).all(axis=1) & (np.abs(y.sum(axis=1, dtype=np.float64) - 1) < 1e-3)
    must, remedy = "rows of probabilities with the sum 1", "Normalise the rows, or pass integers."
    _check_each(y, good, name, must, remedy=remedy)
    return y.argmax(axis=1)


def _check_each(values, right, name, must, remedy=_RENUMBER):
    wrong = np.flatnonzero(~np.broadcast_to(right, (len(values),)))
    if wrong.size:
        raise ValueError(
            f"`{name}` must be {must}. Received: {name}[{wrong[0]}]={values[wrong[0]]} "
            f"({wrong.size} such of {len(values)}). {remedy}"
        )
