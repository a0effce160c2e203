"""Verified accuracy against radius for the whole zoo, as a picture."""

from gloro_tf.plots import _figure
from zoo._board import measured
from zoo._page_chart import points, reach

DPI = 110


def picture(path=None):
    """Draws the curves that the cards hold, one panel for each data set.

    A solid line is the guaranteed bound, dots the estimate, a disk the radius trained for.

    Args:
        path: str. Where to save it, by its suffix. Defaults to nowhere.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ImportError: without matplotlib.
    """
    groups = {}
    for card in measured():
        groups.setdefault(card.dataset, []).append(card)
    with _figure.matplotlib().rc_context(_figure.RC):
        size = (3.3 * len(groups), 3.1)
        figure = _figure.matplotlib().figure.Figure(figsize=size, layout="constrained")
        panels = figure.subplots(1, len(groups), squeeze=False)[0]
        for ax, (dataset, cards) in zip(panels, sorted(groups.items()), strict=True):
            _panel(ax, dataset, cards)
        panels[0].set_ylabel("verified robust accuracy")
        if path is not None:
            figure.savefig(path, dpi=DPI, facecolor="white")
    return figure


def _panel(ax, dataset, cards):
    end = reach(cards)
    for number, card in enumerate(cards):
        color, width = _figure.COLORS[number % len(_figure.COLORS)], max(1.4, 3.0 - 0.5 * number)
        radii, bounds, estimates = zip(*(p for p in points(card) if p[0] <= end), strict=True)
        ax.plot(radii, bounds, color=color, linewidth=width, label=card.name.partition(".")[0])
        ax.plot(radii, estimates, color=color, linewidth=1.1, linestyle=":")
        own = min(points(card), key=lambda point: abs(point[0] - card.epsilon))
        ax.plot(*own[:2], "o", color=color, markersize=5, markeredgecolor="white")
    ax.grid(True, axis="y")
    top = max(bound for card in cards for _, bound, _ in points(card))
    ax.set(xlim=(0, end), ylim=(0, 1.28 * top), title=dataset, xlabel="L2 radius")
    ax.set_yticks([tick / 10 for tick in range(0, 11, 2) if tick / 10 <= max(top, 0.4) + 0.05])
    ax.yaxis.set_major_formatter(_figure.matplotlib().ticker.PercentFormatter(1, decimals=0))
    ax.legend(loc="upper right", fontsize=8)
