"""A classification data set in memory."""

from __future__ import annotations

import dataclasses

import numpy as np

from gloro_tf.data.checks import check_images, check_labels
from gloro_tf.types import Array


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and labels, split into a training and a test part.

    Construction checks the arrays, so a `Dataset` that exists can be trained on.

    Args:
        name: str. Where it came from; shown in reports.
        x_train: uint8 (0..255) or float32 (`[0, 1]`) images of shape `(n, h, w, c)`.
        y_train: int64 class indices of shape `(n,)`.
        x_test: as `x_train`, with the same `(h, w, c)`.
        y_test: as `y_train`.
        class_names: tuple of str, one per class.

    Raises:
        ValueError: if an array is empty, not finite, of the wrong shape or length, if a label is
            not in `[0, len(class_names))`, or if there is only one class.

    Example:

    ```python
    digits = gloro_tf.data.load("digits")
    tuned = digits.validation(0.1, seed=0)  # tuned.x_test is held out from digits.x_train
    ```
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple

    def __post_init__(self):
        object.__setattr__(self, "class_names", tuple(str(name) for name in self.class_names))
        if self.num_classes < 2:
            raise ValueError(
                "`class_names` must name at least two classes: a margin needs a rival. Received: "
                f"class_names={self.class_names} for the data set '{self.name}'."
            )
        for part in ("train", "test"):
            x = _images(getattr(self, f"x_{part}"), f"x_{part}")
            y = check_labels(
                getattr(self, f"y_{part}"), self.num_classes, f"y_{part}", len(x), part == "test"
            )
            object.__setattr__(self, f"x_{part}", x)
            object.__setattr__(self, f"y_{part}", y)
        if self.x_train.shape[1:] != self.x_test.shape[1:]:
            raise ValueError(
                "`x_test` must have images of the same shape as `x_train`. Received: "
                f"x_train.shape={self.x_train.shape}, x_test.shape={self.x_test.shape}."
            )

    @property
    def num_classes(self) -> int:
        """int. The number of classes."""
        return len(self.class_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """`(height, width, channels)` of one image."""
        return self.x_train.shape[1:]

    def validation(self, fraction: float, seed: int = 0) -> Dataset:
        """The same data with a held-out part of the training set in the place of the test set.

        Args:
            fraction: float in (0, 1). How much of the training set is held out.
            seed: int. The same seed holds out the same images. Defaults to `0`.

        Returns:
            A `Dataset` that never shows the test set; every class is represented in proportion.

        Raises:
            ValueError: if `fraction` is not in (0, 1).
        """
        if not 0 < fraction < 1:
            raise ValueError(
                f"`fraction` must be in (0, 1). Received: fraction={fraction}. "
                "0.1 holds out a tenth of the training set."
            )
        count = round(fraction * len(self.y_train))
        kept, held = stratified_split(self.y_train, count, seed)
        x, y = self.x_train, self.y_train
        return dataclasses.replace(
            self, x_train=x[kept], y_train=y[kept], x_test=x[held], y_test=y[held]
        )

    def __repr__(self):
        return (
            f"Dataset(name={self.name!r}, train={len(self.y_train)}, test={len(self.y_test)}, "
            f"input_shape={self.input_shape}, num_classes={self.num_classes})"
        )


def stratified_split(labels: Array, count: int, seed: int) -> tuple[Array, Array]:
    """Holds out `count` examples, from each class in proportion to its size.

    Args:
        labels: int array of shape `(n,)`.
        count: int in `[1, n - 1]`. How many to hold out.
        seed: int.

    Returns:
        Two sorted int64 index arrays: the `n - count` kept and the `count` held out.

    Raises:
        ValueError: if there are not enough examples to leave both parts non-empty.
    """
    n = len(labels)
    if not 0 < count < n:
        raise ValueError(
            f"`count` must be in [1, {n - 1}], so that neither part is empty. "
            f"Received: count={count} of {n} examples. Use more data or another fraction."
        )
    # Shuffle, then sort by class: position j of a class with m members gets the quantile
    # (j + 1/2) / m, and the `count` smallest quantiles are a proportional choice of exact size.
    order = np.random.default_rng(seed).permutation(n)
    order = order[np.argsort(labels[order], kind="stable")]
    _, starts, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    position = np.arange(n) - np.repeat(starts, sizes)
    quantile = (position + 0.5) / np.repeat(sizes, sizes)
    chosen = order[np.argsort(quantile, kind="stable")[:count]]
    held = np.zeros(n, bool)
    held[chosen] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def _images(x, name):
    x = check_images(x, name)
    x = x[..., None] if x.ndim == 3 else x
    if x.ndim != 4:
        raise ValueError(
            f"`{name}` must have the shape (n, height, width, channels) or (n, height, width). "
            f"Received: {name}.shape={x.shape}. Reshape it, e.g. `{name}.reshape(n, 28, 28, 1)`."
        )
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise ValueError(
            f"`{name}` must be uint8 or float. Received: {name} of dtype {x.dtype}. Pass 0..255 "
            f'as `{name}.astype("uint8")`, or scale the pixels to [0, 1] as float32.'
        )
    return x if x.dtype == np.uint8 else x.astype(np.float32, copy=False)
