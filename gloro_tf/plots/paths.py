"""Influence paths through an LSTM, drawn on its unrolled graph, and a heat map of its nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gloro_tf.plots import _figure
from gloro_tf.types import Node, PathLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Where a node stands in its cell, which is one wide for a step and one high for a layer.
PLACES = {
    "i": (0.16, 0.15),
    "f": (0.36, 0.15),
    "g": (0.56, 0.15),
    "o": (0.76, 0.15),
    "c": (0.46, 0.50),
    "h": (0.66, 0.80),
}
LABELS = {"i": "i", "f": "f", "g": "c̃", "o": "o", "c": "c", "h": "h"}
ROWS = ("h", "c", "o", "g", "f", "i")


def influence_paths(
    paths: Any,
    words: Sequence[str] | None = None,
    *,
    top: int = 10,
    title: str | None = None,
    ax: Axes | None = None,
    path: PathLike | None = None,
) -> Figure:
    """Draws paths on the unrolled graph: width by influence, blue positive, red negative.

    Steps go right and layers up; in each cell are the gates i, f, c̃ (the candidate) and o, above
    them the cell c and the output h. Nodes that no drawn path uses are grey.

    Args:
        paths: `gloro_tf.influence.PathInfluences`, or a sequence of things with `nodes` and
            `value`.
        words: sequence of str, of the whole context. Defaults to the numbers of the steps.
        top: int. How many paths of a `PathInfluences` to draw, by size. Defaults to `10`.
        title: str. Defaults to none.
        ax: `matplotlib.axes.Axes` to draw into. Defaults to those of a new figure.
        path: str. Where to save the figure. Defaults to nowhere.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ImportError: without matplotlib.
        ValueError: if there are no paths, a value is not finite, or there are too few words.

    Example:

    ```python
    found = gloro_tf.influence.path_influences(trace, ids, quantity, line)
    gloro_tf.plots.influence_paths(found, words=grammar.decode(ids), top=5, path="paths.png")
    ```
    """
    drawn = paths.top(top, by="size") if hasattr(paths, "top") else list(paths)
    drawn = [(tuple(p.nodes), float(p.value)) for p in drawn]
    if not drawn or not all(np.isfinite(value) for _, value in drawn):
        raise ValueError(
            "`paths` must hold at least one path, with finite influences. "
            f"Received: {len(drawn)} paths."
        )
    layers, first, last = drawn[0][0][-1][1], drawn[0][0][0][2], drawn[0][0][-1][2]
    words = _words(words, first, last)
    with _figure.drawing(
        ax, (2.1 * (last - first + 1) + 1.2, 2.1 * layers + 0.8), title, path
    ) as ax:
        used = {node for nodes, _ in drawn for node in nodes}
        _grid(ax, layers, first, last, used)
        largest = max(abs(value) for _, value in drawn) or 1.0
        for rank, (nodes, value) in reversed(list(enumerate(drawn))):
            _draw(ax, nodes, value / largest, rank)
        _decorate(ax, layers, first, last, words)
        widest = max((value for _, value in drawn), key=abs)
        note = f"widest line: {widest:+.3g}; blue is positive, red negative"
        ax.text(1, 0, note, transform=ax.transAxes, ha="right", fontsize=8, color="#7d838c")
    return ax.figure


def node_influence(
    values: Mapping[Node, float],
    words: Sequence[str] | None = None,
    *,
    title: str | None = None,
    ax: Axes | None = None,
    path: PathLike | None = None,
) -> Figure:
    """Draws how much influence flows through every node, by step, as a heat map.

    Args:
        values: dict from nodes `(kind, layer, step)` to floats, as from
            `gloro_tf.influence.node_influence`.
        words: sequence of str, of the whole context. Defaults to the numbers of the steps.
        title: str. Defaults to none.
        ax: `matplotlib.axes.Axes` to draw into. Defaults to those of a new figure.
        path: str. Where to save the figure. Defaults to nowhere.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ImportError: without matplotlib.
        ValueError: if there are no nodes, a value is not one finite number, or there are too few
            words.
    """
    values = {(k, n, s): value for (k, n, s), value in dict(values).items()}
    if not values or any(np.ndim(v) or not np.isfinite(v) for v in values.values()):
        raise ValueError(
            "`values` must be a dict from nodes (kind, layer, step) to finite numbers. "
            f"Received: {len(values)} nodes. Pass `node_influence(..., neurons=False)`."
        )
    steps = sorted({step for _, _, step in values})
    layers = sorted({layer for _, layer, _ in values}, reverse=True)
    rows = [(kind, layer) for layer in layers for kind in ROWS]
    table = np.array([[values.get((k, n, s), np.nan) for s in steps] for k, n in rows])
    words = _words(words, steps[0], steps[-1])
    with _figure.drawing(ax, (1.1 * len(steps) + 2.2, 0.32 * len(rows) + 1.0), title, path) as ax:
        ax.grid(False)
        limit = np.nanmax(np.abs(table)) or 1.0
        image = ax.imshow(table, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
        ax.set_xticks(range(len(steps)), words)
        ax.set_yticks(range(len(rows)), [f"{LABELS[kind]}  layer {n}" for kind, n in rows])
        for (row, column), value in np.ndenumerate(table):
            if np.isfinite(value):
                dark = "white" if abs(value) > 0.6 * limit else _figure.INK
                at = {"ha": "center", "va": "center", "fontsize": 8, "color": dark}
                ax.text(column, row, f"{value:+.2f}", **at)
        ax.figure.colorbar(image, ax=ax, label="influence through the node")
    return ax.figure


def _words(words, first, last):
    if words is None:
        return [f"step {step}" for step in range(first, last + 1)]
    words = [str(word) for word in words]
    if len(words) <= last:
        raise ValueError(
            f"`words` must hold all {last + 1} words of the context. Received: {len(words)}."
        )
    return words[first : last + 1]


def _place(node, sideways=0.0):
    """Coordinates of a node; the word is below its cell, the quantity above its cell."""
    kind, layer, step = node
    if kind in "xq":
        return step + 0.46 + 0.2 * (kind == "q"), layer - 0.12 + 0.24 * (kind == "q")
    x, y = PLACES[kind]
    return step + x + sideways, layer + y


def _grid(ax, layers, first, last, used):
    for step in range(first, last + 1):
        for layer in range(layers):
            ax.add_patch(_box(step, layer))
            for kind, text in LABELS.items():
                x, y = _place((kind, layer, step))
                own = (kind, layer, step) in used
                style = {"color": _figure.INK if own else _figure.GREY, "fontsize": 9}
                circle = {"boxstyle": "circle,pad=0.22", "facecolor": "white"}
                circle |= {"edgecolor": style["color"], "linewidth": 1.2 if own else 0.7}
                ax.text(x, y, text, ha="center", va="center", bbox=circle, zorder=6, **style)


def _box(step, layer):
    from matplotlib.patches import FancyBboxPatch

    style = {"facecolor": "#f6f7f9", "edgecolor": "#e0e3e8", "zorder": 0}
    return FancyBboxPatch(
        (step + 0.04, layer + 0.02), 0.84, 0.9, boxstyle="round,pad=0.02", **style
    )


def _draw(ax, nodes, share, rank):
    """One path; later ones are shifted a little, so that paths that coincide show."""
    color = _figure.BLUE if share >= 0 else _figure.RED
    sideways = 0.012 * ((rank + 1) // 2) * (-1) ** rank
    width = 0.6 + 5.4 * abs(share)
    for source, node in zip(nodes, nodes[1:]):
        # Between steps of one cell, lines arc, so as not to run through the nodes between.
        bend = -0.18 if source[0] in "ch" and source[2] < node[2] else 0.0
        arrow = {"arrowstyle": "-", "color": color, "linewidth": width}
        arrow |= {"alpha": 0.35 + 0.5 * abs(share), "connectionstyle": f"arc3,rad={bend}"}
        arrow |= {"shrinkA": 0, "shrinkB": 0, "capstyle": "round", "zorder": 3}
        ax.annotate("", _place(node, sideways), _place(source, sideways), arrowprops=arrow)


def _decorate(ax, layers, first, last, words):
    ax.set(xlim=(first - 0.05, last + 1.0), ylim=(-0.3, layers + 0.3))
    ax.grid(False)
    ax.set_xticks([step + 0.46 for step in range(first, last + 1)], words)
    ax.set_yticks([layer + 0.46 for layer in range(layers)], [f"layer {n}" for n in range(layers)])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    x, y = _place(("q", layers, last))
    box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": _figure.INK}
    ax.text(x, y, "q", ha="center", va="center", fontsize=9, bbox=box, zorder=6)
