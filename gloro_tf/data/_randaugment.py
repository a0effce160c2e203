"""RandAugment's operations, written once for NumPy and for JAX.

Cubuk et al., RandAugment, 2020 (https://arxiv.org/abs/1909.13719): each image goes through two of
14 operations, drawn for it alone, at one common strength; those that have a direction draw it.
Strengths are on the paper's scale from 0 to 30, at which operations reach the ends given here.
"""

import numpy as np

ROUNDS, STRONGEST = 2, 30
SHEAR, SHIFT, DEGREES, BLEND, BITS = 0.3, 0.45, 30.0, 0.9, 4
MOVES = ("identity", "shear_rows", "shear_columns", "shift_rows", "shift_columns", "rotate")


def moves(xp, kind, amount, height, width):
    """What a movement reads: `matrix @ (row, column) + offset`, from the centre.

    Args:
        xp: `numpy` or `jax.numpy`.
        kind: `(n,)` int array, indices into `MOVES`; anything beyond does not move.
        amount: `(n,)` float32 array in [-1, 1].

    Returns:
        `(n, 2, 2)` and `(n, 2)` float32 arrays.
    """
    zero = xp.zeros_like(amount)

    def of(name, value):
        return xp.where(kind == MOVES.index(name), value, zero)

    angle = of("rotate", np.float32(np.radians(DEGREES)) * amount)
    rows = [xp.cos(angle), of("shear_rows", SHEAR * amount) - xp.sin(angle)]
    columns = [of("shear_columns", SHEAR * amount) + xp.sin(angle), xp.cos(angle)]
    offset = [
        of("shift_rows", SHIFT * height * amount),
        of("shift_columns", SHIFT * width * amount),
    ]
    matrix = xp.stack([xp.stack(rows, -1), xp.stack(columns, -1)], -2)
    return matrix.astype("float32"), xp.stack(offset, -1).astype("float32")


def _brightness(xp, images, amount):
    return images * (1 + BLEND * amount)


def _color(xp, images, amount):
    return _from(images.mean(axis=3, keepdims=True), images, amount)


def _contrast(xp, images, amount):
    return _from(images.mean(axis=(1, 2, 3), keepdims=True), images, amount)


def _sharpness(xp, images, amount):
    """Away from, or towards, a 3x3 mean with five times the weight in its middle; edges stay."""
    height, width = images.shape[1:3]
    if min(height, width) < 3:
        return images
    total = 4 * images[:, 1:-1, 1:-1]
    for top in range(3):
        for left in range(3):
            total = total + images[:, top : height - 2 + top, left : width - 2 + left]
    middle = _from(total / 13, images[:, 1:-1, 1:-1], amount)
    rows = xp.concatenate([images[:, 1:-1, :1], middle, images[:, 1:-1, -1:]], axis=2)
    return xp.concatenate([images[:, :1], rows, images[:, -1:]], axis=1)


def _posterize(xp, images, amount):
    step = xp.exp2(xp.round(BITS * xp.abs(amount)))  # of 256 levels
    return xp.floor(_levels(xp, images) / step) * step / 255


def _solarize(xp, images, amount):
    return xp.where(images >= 1 - xp.abs(amount), 1 - images, images)


def _autocontrast(xp, images, amount):
    low, high = (f(axis=(1, 2), keepdims=True) for f in (images.min, images.max))
    spread = high - low
    return xp.where(spread > 0, (images - low) / xp.where(spread > 0, spread, 1), images)


def _equalize(xp, images, amount):
    """Levels spread so that each is as frequent, as the Pillow library does it."""
    n, height, width, channels = images.shape
    levels = _levels(xp, images).astype("int32")
    group = xp.arange(n, dtype="int32")[:, None, None, None] * channels
    group = group + xp.arange(channels, dtype="int32")
    index = (group * 256 + levels).reshape(-1)
    fixed = {"minlength": n * channels * 256} if xp is np else {"length": n * channels * 256}
    counts = xp.bincount(index, **fixed).reshape(-1, 256)
    last = 255 - (counts[:, ::-1] > 0).argmax(axis=1)
    step = (height * width - xp.take_along_axis(counts, last[:, None], axis=1)) // 255
    table = (counts.cumsum(axis=1) - counts + step // 2) // xp.maximum(step, 1)
    table = xp.where(step > 0, xp.clip(table, 0, 255), xp.arange(256)).astype("float32") / 255
    return table.reshape(-1)[index].reshape(images.shape)


def _from(base, images, amount):
    return base + (1 + BLEND * amount) * (images - base)


def _levels(xp, images):
    return xp.round(images * 255)


COLORS = (
    _brightness,
    _color,
    _contrast,
    _sharpness,
    _posterize,
    _solarize,
    _autocontrast,
    _equalize,
)
KINDS = len(MOVES) + len(COLORS)
