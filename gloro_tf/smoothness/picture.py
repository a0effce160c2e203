"""A picture of a model in the plane: regions, level sets, and what is certified."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from gloro_tf.plots import _figure
from gloro_tf.smoothness.sweep import boundary_points
from gloro_tf.types import Bounds, PathLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def picture(
    model: keras.Model,
    bounds: Sequence[Bounds] = ((0.0, 1.0), (0.0, 1.0)),
    side: int = 161,
    radii: Sequence[float] = (0.05, 0.1),
    path: PathLike | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draws the decision regions of a certified model of two inputs and two classes.

    Level sets of the certified radius (solid) are drawn beside those of the true distance to the
    model's own boundary (dashed); where they coincide, certificates are tight.

    Args:
        model: a frozen `GloroModel` on inputs of shape `(2,)`.
        bounds: `((low, high), (low, high))` of the two inputs.
        side: int. Grid points along each.
        radii: sequence of floats. Levels to draw.
        path: optional file to save to.
        ax: optional matplotlib axes.

    Returns:
        The matplotlib `Figure`.

    Raises:
        ValueError: for a model of other inputs.
        ImportError: without matplotlib.
    """
    inner = getattr(model, "logits_model", None)
    if inner is None or tuple(inner.input_shape[1:]) != (2,):
        raise ValueError(
            "`model` must be a `GloroModel` on inputs of shape (2,). Received: "
            f"{type(model).__name__} on {getattr(inner, 'input_shape', None)}"
        )
    if not isinstance(side, int) or side < 2 or np.shape(bounds) != (2, 2):
        raise ValueError(
            "`side` must be an integer of at least 2, and `bounds` be two pairs of numbers. "
            f"Received: side={side!r}, bounds={bounds!r}"
        )
    ax = _figure.new_axes(ax, (5, 4.6))
    ax.grid(False)
    axes = [np.linspace(low, high, side) for low, high in bounds]
    grid = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2).astype("float32")
    found = model.certify(grid, batch_size=4096)
    label, radius = (a.reshape(side, side) for a in (found.label, found.radius))
    ax.imshow(
        label,
        origin="lower",
        extent=(*bounds[0], *bounds[1]),
        cmap="coolwarm",
        alpha=0.25,
        aspect="auto",
        interpolation="nearest",
    )
    unit = np.linspace(0, 1, side)
    low, size = np.array(bounds)[:, 0], np.ptp(np.array(bounds), axis=1)
    zeros = np.concatenate(
        [boundary_points(np.where(label == c, 1.0, -1.0), unit) for c in np.unique(label)]
    )
    zeros = zeros * size + low
    radii = sorted(set(radii))
    ax.contour(*axes, radius, levels=radii, colors=_figure.BLUE, linewidths=1.2)
    if len(zeros):
        parts = np.array_split(grid.astype("float64"), 64)
        distance = [
            np.sqrt(((p[:, None] - zeros[None]) ** 2).sum(axis=-1)).min(axis=1) for p in parts
        ]
        distance = np.concatenate(distance).reshape(side, side)
        ax.contour(
            *axes,
            distance,
            levels=radii,
            colors=_figure.RED,
            linewidths=1.0,
            linestyles="--",
        )
        ax.plot(zeros[:, 0], zeros[:, 1], ".", color=_figure.INK, markersize=1)
    ax.set_title("certified radius (solid) and true distance (dashed)")
    return _figure.finish(ax.figure, path)
