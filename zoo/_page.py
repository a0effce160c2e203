"""The leaderboard as one file of HTML, which asks nothing of the network."""

import base64
import hashlib
import math
import pathlib
import string

from zoo import _registry
from zoo._board import measured, usual_radius
from zoo._html import Markup, breakable, join, script_data, tag
from zoo._page_cards import card_html, other_card_html, promise
from zoo._page_chart import COLORS, chart, points, reach

ASSETS = pathlib.Path(__file__).resolve().parent / "assets"
COLUMNS = {
    "model": "Model",
    "dataset": "Data set",
    "promise": "Promise",
    "parameters": "Parameters",
    "clean": "Clean",
    "radius": "Radius",
    "bound": "VRA",
    "estimate": "Estimate",
    "sha": "SHA-256",
}
NUMBERS = {"parameters", "clean", "radius", "bound", "estimate"}


def page():
    """Returns the leaderboard as HTML: a table, curves and cards in one self-contained page.

    Everything that cards say is escaped, and the page forbids itself, by its content security
    policy, any script, style or request but its own.
    """
    cards = sorted(measured(), key=lambda card: (card.dataset, -_at(card, card.epsilon)[1]))
    others = [_registry.card(n) for n in _registry.names()]
    others = [card for card in others if card not in cards]
    datasets = {}
    for card in cards:
        datasets.setdefault(card.dataset, []).append(card)
    style, script = (Markup((ASSETS / name).read_text()) for name in ("page.css", "page.js"))
    template = string.Template((ASSETS / "page.html").read_text())
    return template.substitute(
        policy=_policy(style, script),
        style=style,
        script=script,
        filters=_filters(datasets),
        radii=_radii(cards),
        table=_table(cards),
        charts=join(_figure(name, group) for name, group in datasets.items()),
        cards=join([*map(card_html, cards), *map(other_card_html, others)]),
        data=script_data(_data(datasets), "data"),
    )


def write(path):
    """Writes the page; returns its path."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(), encoding="utf-8")
    return path


def _at(card, radius):
    """The measured point at a radius, or `None`."""
    close = [point for point in points(card) if math.isclose(point[0], radius, rel_tol=1e-3)]
    return close[0] if close else None


def _policy(style, script):
    def digest(text):
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest(style)}'; "
        f"script-src 'sha256-{digest(script)}'; base-uri 'none'; form-action 'none'"
    )


def _filters(datasets):
    choices = []
    for value, text in [("", "All"), *((name, name) for name in datasets)]:
        choice = tag("input", type="radio", name="dataset", value=value, checked=not value)
        choices.append(tag("label", choice, tag("span", text)))
    return join(choices)


def _radii(cards):
    """The options of the radius: those that every card holds."""
    shared = [r["epsilon"] for r in cards[0].result()["vra"]] if cards else []
    shared = [r for r in shared if all(_at(card, r) for card in cards)]
    options = [tag("option", "each its own", value="own", selected=True)]
    return join([*options, *(tag("option", _radius(r), value=f"{r:.6g}") for r in shared)])


def _radius(value):
    """A radius, in 255ths where it is a whole number of them."""
    parts = value * 255
    if abs(parts - round(parts)) < 1e-4 and value < 1:
        return f"{round(parts)}/255"
    return f"{value:.4g}"


def _table(cards):
    head = []
    for key, title in COLUMNS.items():
        button = tag("button", title, type="button", data_sort=key)
        head.append(tag("th", button, scope="col", class_=f"col-{key}", aria_sort="none"))
    rows = [_row(card) for card in cards]
    caption = tag("caption", "Models of the zoo. Buttons in the header sort the table.")
    return tag("table", caption, tag("thead", tag("tr", *head)), tag("tbody", *rows), id="board")


def _row(card):
    radius, bound, estimate = _at(card, card.epsilon)
    weights = card.weights[0]["sha256"][:8] if card.weights else "members'"
    cells = {
        "dataset": (card.dataset, card.dataset),
        "promise": (promise(card), promise(card)),
        "parameters": (card.architecture["parameters"], f"{card.architecture['parameters']:,}"),
        "clean": (card.result()["clean_accuracy"], f"{card.result()['clean_accuracy']:.2%}"),
        "radius": (radius, _radius(radius)),
        "bound": (bound, f"{bound:.2%}"),
        "estimate": (estimate, f"{estimate:.2%}"),
        "sha": (weights, tag("code", weights)),
    }
    below = f"{card.dataset} · {promise(card)}"
    name = join([breakable(card.name), tag("span", f"@{card.revision}", class_="quiet")])
    entry = tag("a", name, href=f"#card-{card.full_name}")
    first = tag("th", entry, tag("small", below), scope="row", class_="col-model")
    rest = [
        tag(
            "td",
            text,
            class_=f"col-{key}" + (" number" if key in NUMBERS else ""),
            data_value=value,
        )
        for key, (value, text) in cells.items()
    ]
    return tag("tr", first, *rest, data_model=card.full_name, data_dataset=card.dataset)


def _figure(dataset, cards):
    end = reach(cards)
    readings = [
        tag(
            "li",
            tag(
                "label",
                tag("input", type="checkbox", checked=True, data_model=card.full_name),
                tag("span", class_=f"swatch c{number % COLORS}", aria_hidden="true"),
                tag("span", breakable(card.name), class_="name"),
            ),
            tag("output", data_model=card.full_name),
        )
        for number, card in enumerate(cards)
    ]
    slider = tag(
        "label",
        tag("span", "read at radius "),
        tag("output", class_="at"),
        tag(
            "input",
            type="range",
            min=0,
            max=f"{end:.4g}",
            step=f"{end / 200:.3g}",
            value=cards[0].epsilon,
            aria_label=f"radius at which the curves of {dataset} are read",
        ),
        class_="slider",
    )
    parts = [tag("h3", dataset), chart(dataset, cards), slider, tag("ul", *readings)]
    return tag("figure", *parts, data_dataset=dataset)


def _data(datasets):
    """What the script needs: the measured points, and the radius that a data set is ranked at."""
    return {
        "models": {c.full_name: points(c) for group in datasets.values() for c in group},
        "own": {c.full_name: c.epsilon for group in datasets.values() for c in group},
        "ranked": {name: usual_radius(measured(name)) for name in datasets},
    }
