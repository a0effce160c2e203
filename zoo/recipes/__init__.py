"""Recipes of the zoo: one file each, which names a paper, the numbers and the command."""

import dataclasses
import difflib
import pathlib

from gloro_tf.training import Recipe

_FOLDER = pathlib.Path(__file__).parent


def names():
    """Returns the names of the recipes."""
    return sorted(path.stem for path in _FOLDER.glob("[a-z]*.py"))


def find(name):
    """Returns the path of a recipe: of the zoo by its name, or of any file that ends in `.py`.

    Raises:
        ValueError: for an unknown name.
    """
    if str(name).endswith(".py"):
        return pathlib.Path(name)
    if name not in names():
        close = difflib.get_close_matches(str(name), names(), n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ValueError(
            f"`recipe` must be one of {names()}, or a file that ends in .py. "
            f"Received: recipe={name!r}.{hint}"
        )
    return _FOLDER / f"{name}.py"


def like(name, **changes):
    """Returns another recipe with some of its fields changed; see `gloro_tf.training.Recipe`."""
    return dataclasses.replace(Recipe.load(find(name)), **changes)
