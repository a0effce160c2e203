"""Recipes of self-corrected networks: which network, and which properties its outputs obey."""

import dataclasses
import difflib
import importlib
import pathlib
from collections.abc import Callable

_FOLDER = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Correction:
    """What makes an entry of kind `self_correcting`; nothing is trained.

    Args:
        name: str. The name of the entry, `<architecture>.<network>`.
        summary: str. One sentence.
        network: callable without arguments that returns the `keras.Model`.
        properties: `gloro_tf.self_correcting.SafeOrdering`.
        lowest, highest: lists of floats. The domain of the inputs, as the model takes them.
        preprocessing: str. How physical inputs become those of the model.
        labels: list of str, the outputs.
        paper: dict. `title`, `url`.
        licence, authors: str. Of the network.
        limits: str. What is not promised.
    """

    name: str
    summary: str
    network: Callable
    properties: object
    lowest: list
    highest: list
    preprocessing: str
    labels: list
    paper: dict
    licence: str
    authors: str
    limits: str


def names():
    """Returns the names of the recipes."""
    return sorted(path.stem for path in _FOLDER.glob("[a-z]*.py"))


def find(name):
    """Returns the `Correction` of a recipe.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in names():
        close = difflib.get_close_matches(str(name), names(), n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ValueError(f"`recipe` must be one of {names()}. Received: recipe={name!r}.{hint}")
    return importlib.import_module(f"zoo.corrections.{name}").CORRECTION
