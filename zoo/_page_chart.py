"""Curves of verified accuracy against radius, as SVG inside a page."""

import math

from zoo._html import Markup, tag

WIDTH, HEIGHT = 440, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 12, 42
COLORS = 6


def points(card):
    """`[radius, VRA by the bound, VRA by the estimate]` of every measured radius, in order."""
    result = card.result()
    found = {row["epsilon"]: (row["vra_bound"], row["vra_estimate"]) for row in result["vra"]}
    curve = result.get("curve", {"epsilon": [], "vra_bound": [], "vra_estimate": []})
    found |= dict(
        zip(curve["epsilon"], zip(curve["vra_bound"], curve["vra_estimate"]), strict=True)
    )
    return [[float(radius), float(b), float(e)] for radius, (b, e) in sorted(found.items())]


def reach(cards):
    """Where the axis of radii ends: past the measured radii that still have about 1 %."""
    ends = [r for card in cards for r, bound, _ in points(card) if bound >= 0.01]
    return 1.04 * max(ends, default=1.0) or 1.0


def chart(dataset, cards):
    """The SVG of a data set: for each model a solid line for the bound, dashes for the estimate."""
    end = reach(cards)
    lines = [_curve(card, number, end) for number, card in enumerate(cards)]
    cross = tag("line", class_="cross", x1=LEFT, x2=LEFT, y1=TOP, y2=HEIGHT - BOTTOM)
    described = (
        f"Verified robust accuracy against L2 radius on {dataset}, {len(cards)} "
        f"{'model' if len(cards) == 1 else 'models'}. The slider below reads the values."
    )
    return tag(
        "svg",
        *_axes(end),
        *lines,
        cross,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=described,
        data_end=f"{end:.6g}",
        data_left=LEFT,
        data_right=WIDTH - RIGHT,
    )


def _place(radius, share, end):
    x = LEFT + (WIDTH - LEFT - RIGHT) * radius / end
    y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
    return x, y


def _path(pairs, end):
    spots = ["{:.1f} {:.1f}".format(*_place(radius, share, end)) for radius, share in pairs]
    return f"M{'L'.join(spots)}"


def _curve(card, number, end):
    shown = [point for point in points(card) if point[0] <= end]
    bound = _path([(radius, share) for radius, share, _ in shown], end)
    estimate = _path([(radius, share) for radius, _, share in shown], end)
    marks = [p for p in shown if math.isclose(p[0], card.epsilon, rel_tol=1e-3)]
    dots = []
    for radius, share, _ in marks:
        x, y = _place(radius, share, end)
        dots.append(tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=4))
    return tag(
        "g",
        tag("path", class_="estimate", d=estimate),
        tag("path", class_="bound", d=bound),
        *dots,
        class_=f"curve c{number % COLORS}",
        data_model=card.full_name,
    )


def _axes(end):
    lines = []
    for percent in range(0, 101, 20):
        _, y = _place(0, percent / 100, end)
        lines.append(tag("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y))
        lines.append(tag("text", f"{percent}%", x=LEFT - 6, y=y + 4, text_anchor="end"))
    step = _step(end)
    for number in range(int(end / step) + 1):
        x, y = _place(number * step, 0, end)
        lines.append(tag("line", class_="tick", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=y, y2=y + 4))
        label = f"{number * step:.3g}"
        lines.append(tag("text", label, x=f"{x:.1f}", y=y + 18, text_anchor="middle"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    lines.append(tag("text", "L2 radius", x=middle, y=HEIGHT - 5, text_anchor="middle"))
    return [Markup(line) for line in lines]


def _step(end):
    """A round distance that gives four to nine ticks."""
    power = 10.0 ** math.floor(math.log10(end))
    return next(power * f for f in (0.1, 0.2, 0.25, 0.5, 1) if end / (power * f) <= 8)
