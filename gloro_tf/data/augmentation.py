"""Augmentations by name, such as `"flip+crop.4+cutout.8"`."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable

import numpy as np

from gloro_tf.data._operations import OPERATIONS, Operation, register
from gloro_tf.data.checks import to_float
from gloro_tf.types import Array

__all__ = ["Augmentation", "get", "names", "register"]

# Temporaries stay in the cache; those of a whole batch spent most of the time on fresh memory
# pages. The size is part of what a seed means: changing it changes every run.
_CHUNK_BYTES = 2**18
_SHORTHANDS = {"none": "", "standard": "flip+crop.4"}


@dataclasses.dataclass(frozen=True)
class _Step:
    operation: Operation
    amount: tuple = ()

    def __call__(self, images, rng):
        images = images if self.operation.exact else to_float(images)
        return self.operation.function(images, rng, *self.amount)


@dataclasses.dataclass(frozen=True, repr=False)
class Augmentation:
    """Operations applied in order. Called as `augmentation(images, rng)`.

    It maps images of shape `(n, h, w, c)`, float in `[0, 1]` or uint8, to float32 images of the
    same shape in `[0, 1]`. Each image draws its own amounts from `rng`, a `np.random.Generator`.

    Args:
        name: str. The words it was made from; shown by `repr` and `str`.
        steps: tuple of callables `(images, rng) -> images`.
    """

    name: str
    steps: tuple = dataclasses.field(compare=False)

    def __call__(self, images: Array, rng: np.random.Generator) -> Array:
        if not self.steps:
            return to_float(images)
        augmented = np.empty(images.shape, np.float32)
        size = max(1, _CHUNK_BYTES // (4 * math.prod(images.shape[1:])))
        for start in range(0, len(images), size):
            chunk = images[start : start + size]
            for step in self.steps:
                chunk = step(chunk, rng)
            to_float(chunk, out=augmented[start : start + size])
        return augmented

    def __str__(self):
        return self.name

    def __repr__(self):
        return f"Augmentation({self.name!r})"


def names() -> list[str]:
    """The words of the grammar, as a sorted list; `.N` marks those that need an amount."""
    operations = [n + ".N" * op.takes_amount for n, op in OPERATIONS.items()]
    return sorted([*operations, *_SHORTHANDS])


def get(name: str | Callable[[Array, np.random.Generator], Array] | Augmentation) -> Augmentation:
    """The augmentation that a string describes.

    Words are joined by `+` and applied from left to right; what follows a word's first dot is its
    amount. In pixels: `crop.4` (also called `shift.4`) moves by up to 4 in each direction,
    filling with 0; `cutout.8` blanks a square of side 8. In degrees: `rotate.15`, `shear.10`.
    As a fraction: `zoom.0.1` scales by 0.9 to 1.1, `contrast.0.2` and `saturation.0.2` likewise;
    `brightness.0.1` adds up to 0.1; `noise.0.01` is the standard deviation. `flip` mirrors
    left-right half of the time. `randaugment.9` puts each image through two of the 14 operations of
    [RandAugment](https://arxiv.org/abs/1909.13719) at strength 9 of 30; `randaugment_half.9` does so
    to half of the images. `"none"` changes nothing; `"standard"` is `flip+crop.4`.

    Args:
        name: str, or a callable `(images, rng) -> images` on float32 images, or an `Augmentation`.

    Returns:
        An `Augmentation`.

    Raises:
        ValueError: for an unknown word, listing all, or an amount that is missing or out of range.
    """
    if isinstance(name, Augmentation):
        return name
    if callable(name):
        custom = Operation(name, 0, 0, integer=False, exact=False, takes_amount=False)
        return Augmentation(getattr(name, "__name__", type(name).__name__), (_Step(custom),))
    if not isinstance(name, str) or not name.strip():
        raise ValueError(
            "`augmentation` must be a string such as 'flip+crop.4', or a callable. Received: "
            f"augmentation={name!r}. Use 'none' for no augmentation."
        )
    steps = []
    for word in name.split("+"):
        word = word.strip()
        for part in filter(None, _SHORTHANDS.get(word, word or "?").split("+")):
            steps.append(_step(part))
    return Augmentation(name, tuple(steps))


def _step(word):
    name, _, text = word.partition(".")
    operation = OPERATIONS.get(name)
    if operation is None:
        close = difflib.get_close_matches(name, [*OPERATIONS, *_SHORTHANDS])
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise ValueError(
            f"`augmentation` must be made of {', '.join(names())}, joined by '+'. "
            f"Received: augmentation word {word!r}.{hint}"
        )
    if not operation.takes_amount:
        if text:
            raise ValueError(f"`{name}` takes no amount. Received: {word!r}. Write '{name}'.")
        return _Step(operation)
    return _Step(operation, (_amount(operation, name, text),))


def _amount(operation, name, text):
    try:
        amount = (int if operation.integer else float)(text) + 0  # -0.0 is 0.0 from here on
        float(amount)
    except (ValueError, OverflowError):
        amount = math.nan
    if not operation.least <= amount <= operation.most or math.isinf(amount):
        kind = "an integer" if operation.integer else "a number"
        example = f"{name}.{4 if operation.integer else min(0.1, operation.most)}"
        raise ValueError(
            f"The amount of `{name}` must be {kind} in [{operation.least:g}, {operation.most:g}]. "
            f"Received: {name}.{text}. Write it after the first dot, as in '{example}'."
        )
    return amount
