"""The leaderboards in the README, between their marks."""

import pathlib
import re

from zoo._board import leaderboard

README = pathlib.Path(__file__).resolve().parent.parent / "README.md"
_BLOCK = re.compile(r"(<!-- leaderboard (\S+) (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def refreshed(text):
    """A README with its leaderboards as the cards have them now; those without models stay empty."""

    def block(match):
        try:
            table = leaderboard(match[2], float(match[3]), "markdown")
        except ValueError:
            table = ""
        return match[1] + table + match[4]

    return _BLOCK.sub(block, text)


def refresh():
    """Writes the leaderboards into the README; returns its path."""
    README.write_text(refreshed(README.read_text()))
    return README
