"""What an attack on membership reaches, and what privacy allows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from gloro_tf.plots import _figure
from gloro_tf.types import ArrayLike, PathLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def attack_roc(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    title: str | None = None,
    ax: Axes | None = None,
    path: PathLike | None = None,
) -> Figure:
    """Draws ROC curves of attacks with both axes logarithmic, where the confident positives show.

    Args:
        curves: dict from a name to `(false positive rates, true positive rates)`, `(n,)` each.
        title: str. Defaults to none.
        ax: `matplotlib.axes.Axes` to draw into. Defaults to those of a new figure.
        path: str. Where to save the figure. Defaults to nowhere.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ImportError: without matplotlib.
        ValueError: if there are no curves or they do not match.
    """
    curves = _pairs(curves)
    positive = [part[part > 0] for pair in curves.values() for part in pair]
    end = max(1e-4, min((p.min() for p in positive if p.size), default=1e-3))
    with _figure.drawing(ax, (5.4, 4.6), title, path) as ax:
        for i, (name, (fpr, tpr)) in enumerate(curves.items()):
            ax.step(np.maximum(fpr, end / 2), tpr, where="post", label=name, **_style(i))
        chance = {"color": _figure.GREY, "linestyle": (0, (4, 3)), "linewidth": 1}
        ax.plot([end / 2, 1], [end / 2, 1], label="chance", **chance)
        ax.set(xscale="log", yscale="log", xlim=(end / 2, 1), ylim=(end / 2, 1))
        ax.set(xlabel="false positive rate", ylabel="true positive rate")
        ax.legend(loc="lower right", fontsize=8)
    return ax.figure


def attack_precision(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    request: float | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    path: PathLike | None = None,
) -> Figure:
    """Draws the precision of "member" against the share of members found, as thresholds fall.

    Args:
        curves: dict from a name to `(recall, precision)`, `(n,)` each.
        request: float. A precision to mark.
        title, ax, path: as in `attack_roc`.

    Returns:
        The `matplotlib.figure.Figure`.
    """
    curves = _pairs(curves)
    with _figure.drawing(ax, (6.4, 4.2), title, path) as ax:
        for i, (name, (recall, precision)) in enumerate(curves.items()):
            order = np.argsort(recall)
            ax.plot(recall[order], precision[order], label=name, **_style(i))
        if request is not None:
            ax.axhline(request, color=_figure.INK, linewidth=0.8, linestyle=(0, (4, 3)))
        ax.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
        ax.legend(loc="lower right", fontsize=8)
    return ax.figure


def advantage_against_epsilon(
    epsilons: ArrayLike,
    measured: Mapping[str, ArrayLike],
    bounds: Mapping[str, ArrayLike],
    *,
    title: str | None = None,
    ax: Axes | None = None,
    path: PathLike | None = None,
) -> Figure:
    """Draws the advantage of attacks on private models beside what privacy allows at most.

    Args:
        epsilons: `(n,)` floats above 0.
        measured: dict from an attack's name to its `(n,)` advantages.
        bounds: dict from a name to `(n,)` upper bounds.
        title, ax, path: as in `attack_roc`.

    Returns:
        The `matplotlib.figure.Figure`.
    """
    epsilons = np.asarray(epsilons, "float64")
    both = _pairs({n: (epsilons, v) for n, v in {**measured, **bounds}.items()})
    with _figure.drawing(ax, (6.4, 4.2), title, path) as ax:
        for i, (name, (at, values)) in enumerate(both.items()):
            style = {"marker": "o", "color": _figure.COLORS[i % len(_figure.COLORS)]}
            if name in bounds:
                style = {
                    "color": _figure.INK,
                    "linestyle": "-" if name == next(iter(bounds)) else ":",
                }
            ax.plot(at, values, label=name, **style)
        ax.set(xscale="log", ylim=(-0.05, 1.05), xlabel="epsilon", ylabel="advantage")
        ax.set_xticks(epsilons, [f"{e:g}" for e in epsilons])
        ax.minorticks_off()
        ax.legend(fontsize=8)
    return ax.figure


def _style(number):
    """Of the curve of that number: colours, then the same ones dotted."""
    again, color = divmod(number, len(_figure.COLORS))
    style = "-" if not again else (0, (1, 1))
    return {"color": _figure.COLORS[color], "linestyle": style, "linewidth": 1.8}


def _pairs(curves):
    """Curves as pairs of float64 arrays of one length."""
    found = {n: tuple(np.asarray(a, "float64") for a in pair) for n, pair in curves.items()}
    if not found or any(a.ndim != 1 or a.shape != b.shape or not a.size for a, b in found.values()):
        raise ValueError(
            "`curves` must name pairs of arrays of one length. Received: "
            f"{ {n: [a.shape for a in pair] for n, pair in found.items()} }"
        )
    return found
