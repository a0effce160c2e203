"""A grid of images with what is predicted and how far that is certified."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gloro_tf.plots import _figure
from gloro_tf.types import ArrayLike, PathLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def examples(
    images: ArrayLike,
    labels: ArrayLike,
    predicted: ArrayLike,
    radii: ArrayLike,
    class_names: Sequence[str] | None = None,
    rows: int = 4,
    columns: int = 8,
    path: PathLike | None = None,
) -> Figure:
    """Draws images, each titled with its predicted class and its certified radius.

    Right predictions are blue and wrong ones red, with the true class; those without a
    certificate are grey.

    Args:
        images: uint8 or float (`[0, 1]`) of shape `(n, h, w)` or `(n, h, w, c)` with 1 or 3
            channels; the first `rows * columns` are shown.
        labels: int class indices of shape `(n,)`.
        predicted: int class indices of shape `(n,)`.
        radii: floats of shape `(n,)`, certified L2 radii; 0 or NaN where there is no promise.
        class_names: sequence of str. Defaults to the indices.
        rows: int. Defaults to `4`.
        columns: int. Defaults to `8`.
        path: str. Where to save the figure. Defaults to nowhere.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ImportError: without matplotlib.
        ValueError: if the arrays do not match or are not images.
    """
    images = _images(images)
    count = min(len(images), rows * columns)
    labels, predicted, radii = (np.asarray(a) for a in (labels, predicted, radii))
    radii, right = _figure.radii_and_correct(radii, labels == predicted)
    if count < 1 or not len(images) == len(labels) == len(predicted) == len(radii):
        raise ValueError(
            "`images`, `labels`, `predicted` and `radii` must have one entry per example, and "
            f"`rows * columns` must be positive. Received: {len(images)} images, {len(labels)} "
            f"labels, {len(predicted)} predictions, {len(radii)} radii, {rows} x {columns}."
        )
    rows, columns = -(-count // columns), min(columns, count)
    with _figure.matplotlib().rc_context(_figure.RC):
        size = (max(1.15 * columns + 0.2, 5.2), 1.5 * rows + 0.5)
        figure = _figure.matplotlib().figure.Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).flat
        for i, ax in enumerate(axes):
            if i < count:
                truth = _name(labels[i], class_names)
                _draw(ax, images[i], _name(predicted[i], class_names), truth, right[i], radii[i])
            else:
                ax.axis("off")
        _title(figure)
        return _figure.finish(figure, path)


def _draw(ax, image, predicted, truth, right, radius):
    ax.imshow(image, cmap="gray_r" if image.ndim == 2 else None, vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    promised = f"r = {radius:.3g}" if radius > 0 else "not certified"
    color = _color(right, radius)
    word = predicted if right else f"{predicted}, is {truth}"
    ax.set_title(f"{_short(word)}\n{promised}", color=color, fontsize=8, loc="center", pad=3)
    for spine in ax.spines.values():
        spine.set(visible=True, color=color, linewidth=1.6)


def _color(right, radius):
    if not right:
        return _figure.RED
    return _figure.BLUE if radius > 0 else "#7d838c"


def _title(figure):
    what = "predicted class and certified " + _figure.RADIUS_LABEL
    figure.suptitle(f"{what}; wrong in red", fontsize=10, x=0.01, ha="left")


def _name(index, class_names):
    if class_names is None or not 0 <= index < len(class_names):
        return str(index)
    return str(class_names[index])


def _short(text, most=18):
    return text if len(text) <= most else text[: most - 1] + "…"


def _images(images):
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim != 3 and not (images.ndim == 4 and images.shape[-1] == 3):
        raise ValueError(
            "`images` must have the shape (n, h, w), (n, h, w, 1) or (n, h, w, 3). "
            f"Received: images.shape={images.shape}."
        )
    scale = 255 if images.dtype == np.uint8 else 1
    return np.clip(images / np.float32(scale), 0, 1)
