"""How the certified radii are distributed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gloro_tf.plots import _figure
from gloro_tf.types import ArrayLike, PathLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def margins(
    radii: ArrayLike,
    correct: ArrayLike,
    *,
    epsilon: float | Sequence[float] | None = None,
    max_radius: float | None = None,
    bins: int = 40,
    title: str | None = None,
    ax: Axes | None = None,
    path: PathLike | None = None,
) -> Figure:
    """Draws a histogram of certified radii, right predictions under wrong ones.

    Predictions without a certificate have no radius; the legend counts them.

    Args:
        radii: floats of shape `(n,)`, certified L2 radii in units of the input; 0 or NaN where
            there is no promise.
        correct: bools of shape `(n,)`: is the prediction right?
        epsilon: float or sequence of floats. Radii to mark. Defaults to none.
        max_radius: float. Where the axis ends; larger radii fall into the last bin. Defaults to
            the 99.5 % quantile.
        bins: int. Defaults to `40`.
        title: str. Defaults to none.
        ax: `matplotlib.axes.Axes` to draw into. Defaults to those of a new figure.
        path: str. Where to save the figure. Defaults to nowhere.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ImportError: without matplotlib.
        ValueError: if the arrays are empty or do not match.
    """
    radii, correct = _figure.radii_and_correct(radii, correct)
    marks = _figure.epsilons(epsilon)
    end = max_radius or _figure.limit([radii], marks, 0.995)
    certified = radii > 0
    groups = [correct & certified, ~correct & certified]
    shown = [np.minimum(radii[group], end) for group in groups]
    shares = [100 * group.mean() for group in groups]
    with _figure.drawing(ax, (6.4, 4.2), title, path) as ax:
        names = [f"right ({shares[0]:.1f} %)", f"wrong ({shares[1]:.1f} %)"]
        style = {"stacked": True, "color": [_figure.BLUE, _figure.RED], "edgecolor": "white"}
        edges = np.linspace(0, end, bins + 1)
        ax.hist(shown, bins=edges, label=names, linewidth=0.4, **style)
        ax.plot([], [], " ", label=f"not certified ({100 * np.mean(~certified):.1f} %)")
        ax.set(xlim=(0, end), xlabel="certified " + _figure.RADIUS_LABEL, ylabel="examples")
        ax.set_ylim(top=1.12 * ax.get_ylim()[1])
        _figure.mark_epsilons(ax, marks, end)
        ax.legend()
    return ax.figure
