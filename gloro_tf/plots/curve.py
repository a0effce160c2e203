"""Certified accuracy against radius."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gloro_tf.plots import _figure
from gloro_tf.types import ArrayLike, PathLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def certified_accuracy(
    radii: ArrayLike | Mapping[str, tuple[ArrayLike, ArrayLike]],
    correct: ArrayLike | None = None,
    *,
    epsilon: float | Sequence[float] | None = None,
    max_radius: float | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    path: PathLike | None = None,
) -> Figure:
    """Draws, for every radius r, the fraction that is right and certified beyond r.

    The curve is exact: it steps down at each certified radius. Where it starts, at `r = 0`, is
    the share that is right and certified at all; the clean accuracy is written beside it.

    Args:
        radii: floats of shape `(n,)`, certified L2 radii in units of the input; 0 or NaN where
            there is no promise. Or a dict from a model's name to its pair `(radii, correct)`.
        correct: bools of shape `(n,)`: is the prediction right? Not used with a dict.
        epsilon: float or sequence of floats. Radii to mark with their certified accuracy.
        max_radius: float. Where the axis ends. Defaults to just past the radii and epsilons.
        title: str. Defaults to none.
        ax: `matplotlib.axes.Axes` to draw into. Defaults to those of a new figure.
        path: str. Where to save the figure, by its suffix (.png, .pdf, .svg). Defaults to nowhere.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ImportError: without matplotlib.
        ValueError: if the arrays are empty or do not match.

    Example:

    ```python
    certificate = model.certify(x)
    gloro_tf.plots.certified_accuracy(certificate.radius, certificate.label == y, epsilon=0.3)
    ```
    """
    models = dict(radii) if isinstance(radii, dict) else {None: (radii, correct)}
    models = {name: _figure.radii_and_correct(*pair) for name, pair in models.items()}
    if not models:
        raise ValueError("`radii` must name at least one model. Received: radii={}.")
    marks = _figure.epsilons(epsilon)
    end = max_radius or _figure.limit([r for r, _ in models.values()], marks, 1.0)
    with _figure.drawing(ax, (6.4, 4.2), title, path) as ax:
        _figure.mark_epsilons(ax, marks, end)
        for i, (name, (r, right)) in enumerate(models.items()):
            color = _figure.COLORS[i % len(_figure.COLORS)]
            _draw(ax, r, right, end, name, color)
            _mark(ax, r, right, marks, color, annotate=len(models) == 1)
        _decorate(ax, end, legend=None not in models)
    return ax.figure


def accuracy_at(radii, correct, radius):
    """The fraction that is right with a certified radius strictly above `radius`."""
    return float(np.mean(correct & (radii > radius)))


def _draw(ax, radii, correct, end, name, color):
    steps = np.unique(radii[correct & (radii > 0) & (radii < end)])
    at = np.concatenate([[0.0], steps, [end]])
    # How many of the sorted right radii exceed each step, strictly.
    right = np.sort(radii[correct])
    height = (len(right) - np.searchsorted(right, at, side="right")) / len(radii)
    clean = f"clean {100 * correct.mean():.1f} %"
    label = None if name is None else f"{name} ({clean})"
    ax.step(at, 100 * height, where="post", color=color, linewidth=2, label=label)
    if name is None:
        ax.fill_between(at, 100 * height, step="post", color=color, alpha=0.07, linewidth=0)
        ax.plot([0, 0.03 * end], [100 * correct.mean()] * 2, color=color, linestyle=":")
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        where = {"xytext": (0.035 * end, 100 * correct.mean()), "va": "center", "bbox": box}
        ax.annotate(clean, (0, 100 * correct.mean()), fontsize=9, color=color, **where)


def _mark(ax, radii, correct, marks, color, annotate):
    for mark in marks:
        height = 100 * accuracy_at(radii, correct, mark)
        ax.plot([mark], [height], "o", color=color, markersize=6, markeredgecolor="white")
        if annotate:
            offset = {"xytext": (7, 5), "textcoords": "offset points", "fontsize": 9}
            ax.annotate(f"{height:.1f} %", (mark, height), fontweight="bold", **offset)


def _decorate(ax, end, legend):
    ax.set(xlim=(0, end), ylim=(0, 112), xlabel=_figure.RADIUS_LABEL, ylabel="certified accuracy")
    ax.set_yticks(range(0, 101, 20))
    ax.yaxis.set_major_formatter(_figure.matplotlib().ticker.PercentFormatter(decimals=0))
    if legend:
        ax.legend(loc="upper right", bbox_to_anchor=(1, 0.94))
