"""What the plots share: matplotlib on first use, the look, saving, and checks of radii."""

import contextlib
import pathlib

import numpy as np

BLUE, RED, GREY, INK = "#2563a8", "#c8443a", "#b4b9c0", "#333740"
COLORS = (BLUE, "#e08a1e", "#2f8f5b", "#8a4fa3", "#c8443a", "#2a9db0", "#7a6a4f", "#d46a9f")
RADIUS_LABEL = "L2 radius (pixels in [0, 1])"
RC = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "font.size": 10,
    "grid.color": "#e4e6ea",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def matplotlib():
    """The module `matplotlib` with its submodules `figure` and `ticker`, imported on first use."""
    try:
        import matplotlib
        import matplotlib.figure
        import matplotlib.ticker
    except ImportError as error:
        raise ImportError(
            'Plots need matplotlib: `pip install "gloro_tf[plots]"`, or `pip install matplotlib`.'
        ) from error
    return matplotlib


def new_axes(ax, size):
    """`ax`, or axes in a new figure that no window or global state knows about."""
    if ax is None:
        ax = matplotlib().figure.Figure(figsize=size, layout="constrained").add_subplot()
        ax.grid(True, axis="y")
        ax.set_axisbelow(True)
    return ax


@contextlib.contextmanager
def drawing(ax, size, title, path):
    """Axes to draw into, `ax` or new ones, in the look of all plots; then titles and saves them."""
    with matplotlib().rc_context(RC):
        ax = new_axes(ax, size)
        yield ax
        if title:
            ax.set_title(title)
        finish(ax.figure, path)


def finish(figure, path):
    """Saves the figure if there is a path, making its folder, and returns it."""
    if path is not None:
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150, facecolor="white")
    return figure


def radii_and_correct(radii, correct):
    """Checked arrays `(n,)`, float64 and bool; a radius that is NaN promises nothing, as 0."""
    radii = np.asarray(radii, np.float64)
    if radii.ndim != 1 or not radii.size:
        raise ValueError(
            "`radii` must hold one certified radius per example. Received: "
            f"radii.shape={radii.shape}. Pass `model.certify(x).radius`."
        )
    if correct is None:
        raise ValueError(
            "`correct` must say which predictions are right. Received: correct=None. "
            "Pass `model.certify(x).label == y`."
        )
    correct = np.asarray(correct)
    if correct.shape != radii.shape or not np.isin(correct, (0, 1)).all():
        raise ValueError(
            f"`correct` must be booleans of shape {radii.shape}, like `radii`. Received: "
            f"correct.shape={correct.shape} of dtype {correct.dtype}. "
            "Pass `model.certify(x).label == y`."
        )
    return np.where(np.isnan(radii), 0, radii), correct.astype(bool)


def epsilons(epsilon):
    """`epsilon` as a list of floats: none, one, or several."""
    return [] if epsilon is None else [float(e) for e in np.atleast_1d(epsilon)]


def limit(radii, epsilon, quantile):
    """Where the radius axis ends: past nearly all finite radii and past every epsilon."""
    finite = [r[np.isfinite(r) & (r > 0)] for r in radii]
    ends = [np.quantile(r, quantile) for r in finite if r.size]
    return 1.05 * max([*ends, *(1.1 * e for e in epsilon)], default=0) or 1.0


def mark_epsilons(ax, marks, end):
    """A dashed line at each epsilon; labels hang from the top, lower where they would collide."""
    line, last = 0, -np.inf
    for mark in sorted(marks):
        line = (line + 1) % 3 if mark - last < 0.17 * end else 0
        last = mark
        ax.axvline(mark, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        place = {"xycoords": ax.get_xaxis_transform(), "textcoords": "offset points"}
        ax.annotate(f"ε = {mark:.3g}", (mark, 1), (4, -12 * line), va="top", fontsize=9, **place)
