"""The operations that augmentations are made of: NumPy, a whole batch at a time."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from gloro_tf.data import _randaugment
from gloro_tf.types import Array

Function: TypeAlias = Callable[..., Array]
OPERATIONS: dict[str, Operation] = {}
_FURTHEST = 512  # pixels; the border is kept in memory


@dataclasses.dataclass(frozen=True)
class Operation:
    function: Function
    least: float
    most: float
    integer: bool
    exact: bool
    takes_amount: bool


def register(
    name: str,
    least: float = 0.0,
    most: float = math.inf,
    integer: bool = False,
    exact: bool = False,
) -> Callable[[Function], Function]:
    """Decorator that adds an operation to the grammar.

    Args:
        name: str without `+` or `.`.
        least, most: floats. The range of amounts that the word accepts, ends included.
        integer: bool. Whether the amount counts pixels. Defaults to `False`.
        exact: bool. Whether it only moves or blanks pixels. It then has to work on uint8 as well,
            which takes a quarter of the time. Defaults to `False`.

    The decorated function is `(images, rng)` or `(images, rng, amount)`; it must leave its input
    untouched and stay within `[0, 1]`.

    Raises:
        ValueError: for a `name` that is no single word.

    Example:

    ```python
    @gloro_tf.data.augmentation.register("invert")
    def invert(images, rng):
        return np.where(rng.random((len(images), 1, 1, 1)) < 0.5, 1 - images, images)
    ```
    """

    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(
            "`name` must be a word of letters, digits and '_', because '+' and '.' are the "
            f"grammar's own. Received: name={name!r}."
        )

    def decorate(function):
        takes_amount = len(inspect.signature(function).parameters) > 2
        OPERATIONS[name] = Operation(function, least, most, integer, exact, takes_amount)
        return function

    return decorate


@register("flip", exact=True)
def _flip(images, rng):
    mirrored = rng.random(len(images)) < 0.5
    flipped = images.copy()
    for channel in range(images.shape[-1]):  # twice as fast as moving triples of values
        flipped[mirrored, :, :, channel] = images[mirrored, :, ::-1, channel]
    return flipped


@register("crop", most=_FURTHEST, integer=True, exact=True)
@register("shift", most=_FURTHEST, integer=True, exact=True)
def _shift(images, rng, pixels):
    n, height, width, channels = images.shape
    # With columns and channels as one axis, the windows are copied in long runs.
    rows = _pad(images, pixels).reshape(n, height + 2 * pixels, -1)
    windows = np.lib.stride_tricks.sliding_window_view(rows, (height, width * channels), (1, 2))
    top, left = rng.integers(0, 2 * pixels + 1, (2, n))
    return windows[np.arange(n), top, left * channels].reshape(images.shape)


@register("cutout", most=_FURTHEST, integer=True, exact=True)
def _cutout(images, rng, side):
    n, height, width, _ = images.shape
    # The square's centre is anywhere in the image, so it may hang over the border.
    top = rng.integers(0, height, (n, 1)) - side // 2
    left = rng.integers(0, width, (n, 1)) - side // 2
    rows, columns = np.arange(height), np.arange(width)
    inside_rows = (rows >= top) & (rows < top + side)
    inside_columns = (columns >= left) & (columns < left + side)
    hole = inside_rows[:, :, None] & inside_columns[:, None, :]
    return np.where(hole[..., None], images.dtype.type(0), images)


@register("rotate", most=180)
def _rotate(images, rng, degrees):
    angle = np.radians(_uniform(images, rng, -degrees, degrees))
    return _warp(images, [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@register("zoom", most=0.95)
def _zoom(images, rng, fraction):
    inverse = 1 / _uniform(images, rng, 1 - fraction, 1 + fraction)
    return _warp(images, [[inverse, 0 * inverse], [0 * inverse, inverse]])


@register("shear", most=80)
def _shear(images, rng, degrees):
    slope = np.tan(np.radians(_uniform(images, rng, -degrees, degrees)))
    one, zero = np.ones_like(slope), np.zeros_like(slope)
    return _warp(images, [[one, zero], [slope, one]])


@register("brightness", most=1)
def _brightness(images, rng, amount):
    return _clip(images + _uniform(images, rng, -amount, amount))


@register("contrast", most=1)
def _contrast(images, rng, fraction):
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    return _clip(mean + _uniform(images, rng, 1 - fraction, 1 + fraction) * (images - mean))


@register("saturation", most=1)
def _saturation(images, rng, fraction):
    channels = images.shape[-1]
    grey = sum(images[..., i : i + 1] for i in range(channels)) / np.float32(channels)
    return _clip(grey + _uniform(images, rng, 1 - fraction, 1 + fraction) * (images - grey))


@register("noise", most=1)
def _noise(images, rng, deviation):
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    return _clip(images + np.float32(deviation) * noise)


@register("randaugment", most=_randaugment.STRONGEST)
def _randomly(images, rng, strength):
    for _ in range(_randaugment.ROUNDS):
        images = _one_of_each(images, rng, strength / _randaugment.STRONGEST)
    return images


@register("randaugment_half", most=_randaugment.STRONGEST)
def _randomly_half(images, rng, strength):
    chosen = rng.random((len(images), 1, 1, 1)) < 0.5
    return np.where(chosen, _randomly(images, rng, strength), images)


def _one_of_each(images, rng, strength):
    """Each image through one operation of RandAugment's, drawn for it."""
    moves, colors = len(_randaugment.MOVES), _randaugment.COLORS
    kind = rng.integers(0, _randaugment.KINDS, len(images))
    amount = (strength * rng.choice([-1.0, 1.0], len(images))).astype(np.float32)
    images = images.copy()
    moved = (kind > 0) & (kind < moves)
    if moved.any():
        matrix, offset = _randaugment.moves(np, kind[moved], amount[moved], *images.shape[1:3])
        matrix = np.moveaxis(matrix, 0, -1)[..., None, None, None]
        images[moved] = _warp(images[moved], matrix, offset.T[..., None, None])
    for number, function in enumerate(colors, moves):
        chosen = kind == number
        if chosen.any():
            changed = function(np, images[chosen], amount[chosen][:, None, None, None])
            images[chosen] = np.clip(changed, 0, 1)
    return images


def _uniform(images, rng, low, high):
    return rng.uniform(low, high, (len(images), 1, 1, 1)).astype(np.float32)


def _clip(images):
    return np.clip(images, 0, 1, out=images)


def _pad(images, pixels):
    n, height, width, channels = images.shape
    padded = np.zeros((n, height + 2 * pixels, width + 2 * pixels, channels), images.dtype)
    # np.pad takes as long again, which is half the time of a small batch.
    padded[:, pixels : pixels + height, pixels : pixels + width] = images
    return padded


def _warp(images, matrix, offset=(0, 0)):
    """Bilinear resampling at `matrix @ (row, column) + offset` about the centre; 0 outside."""
    y, x = _coordinates(images.shape, np.array(matrix, np.float32)[..., 0], offset)
    return _bilinear(images, y, x)


def _coordinates(shape, matrix, offset):
    """Where each output pixel lies in the image with a border of one pixel: rows, columns."""
    _, height, width, _ = shape
    rows = (np.arange(height) - (height - 1) / 2).astype(np.float32)[:, None]
    columns = (np.arange(width) - (width - 1) / 2).astype(np.float32)
    for (a, b), size, further in zip(matrix, (height, width), offset, strict=True):
        position = a * rows + b * columns + np.float32((size + 1) / 2) + np.float32(further)
        yield np.clip(position, 0, size + 1, out=position)


def _bilinear(images, y, x):
    n, height, width, channels = images.shape
    pixels = _pad(images, 1).reshape(-1, channels)
    top, left = (np.minimum(y.astype(np.intp), height), np.minimum(x.astype(np.intp), width))
    down, right = ((y - top)[..., None], (x - left)[..., None])
    index = (np.arange(n)[:, None, None] * (height + 2) + top) * (width + 2) + left
    above = _between(pixels.take(index, 0), pixels.take(index + 1, 0), right)
    index += width + 2
    below = _between(pixels.take(index, 0), pixels.take(index + 1, 0), right)
    return _between(above, below, down)


def _between(a, b, fraction):
    # As a + f (b - a), equal neighbours give exactly their value and nothing leaves [0, 1].
    b -= a
    b *= fraction
    b += a
    return b
