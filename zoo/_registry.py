"""Which models there are: the cards that come with the package, the root of trust."""

from __future__ import annotations

import difflib
import fnmatch
import functools
import pathlib
import re

from zoo._cards import Card

FOLDER = pathlib.Path(__file__).resolve().parent
CARDS = FOLDER / "cards"
NAME = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")


@functools.cache
def _cards(folder):
    """`{name: {revision: Card}}`."""
    found = {}
    for path in folder.glob("*.json"):
        card = Card.from_json(path.read_text(), where=f"'{path}'")
        if path.stem != card.full_name or not NAME.fullmatch(card.name):
            raise ValueError(f"'{path}' holds the card of '{card.full_name}'.")
        found.setdefault(card.name, {})[card.revision] = card
    return found


def names(
    pattern: str = "*", dataset: str | None = None, kind: str | None = "classifier"
) -> list[str]:
    """Returns the names of the models, in natural order.

    Args:
        pattern: str with `*` and `?`, as in a shell.
        dataset: optional str. Only models of this data set.
        kind: str. `"classifier"` for the models that certify, `"self_correcting"` for networks whose
            outputs obey properties, `None` for all.

    Raises:
        ValueError: for another `kind`, or a `pattern` that is no string.
    """
    if not isinstance(pattern, str):
        raise ValueError(f"`pattern` must be a string. Received: pattern={pattern!r}")
    if kind not in ("classifier", "self_correcting", None):
        raise ValueError(
            f"`kind` must be 'classifier', 'self_correcting' or None. Received: kind={kind!r}"
        )
    cards = _cards(CARDS)
    newest = {name: revisions[max(revisions)] for name, revisions in cards.items()}
    return sorted(
        (
            name
            for name, card in newest.items()
            if fnmatch.fnmatch(name, pattern)
            and dataset in (None, card.dataset)
            and kind in (None, card.kind)
        ),
        key=lambda name: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)],
    )


def card(name: str) -> Card:
    """Returns the `Card` of a model: `"name"` for the newest revision, `"name@2"` for another.

    Args:
        name: str.

    Raises:
        ValueError: for an unknown name or revision, with the nearest ones.
    """
    plain, at, revision = str(name).partition("@")
    revisions = _cards(CARDS).get(plain)
    if revisions is None:
        close = difflib.get_close_matches(plain, names(kind=None), n=3, cutoff=0.4)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise ValueError(
            f"`name` must be a model of the zoo; `zoo.list()` lists them. Received: "
            f"name={name!r}.{hint}"
        )
    if not at:
        return revisions[max(revisions)]
    if not revision.isdecimal() or int(revision) not in revisions:
        raise ValueError(
            f"`name` must end in a revision that there is, one of {sorted(revisions)}. "
            f"Received: name={name!r}"
        )
    return revisions[int(revision)]


def forget():
    """Reads the cards again at the next call."""
    _cards.cache_clear()


def newest_revision(name):
    """The number of the newest revision; 0 if there is none."""
    return max(_cards(CARDS).get(name, {}), default=0)
