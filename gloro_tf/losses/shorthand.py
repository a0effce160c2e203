"""Losses by name: `"emma"`, `"crossentropy"`, `"trades_kl.1.5"`, `"margin"`."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from typing import Any

import keras

from gloro_tf.losses.crossentropy import Crossentropy
from gloro_tf.losses.emma import EMMA
from gloro_tf.losses.logit_annealing import LogitAnnealing
from gloro_tf.losses.static_margin import StaticMargin
from gloro_tf.losses.trades import Trades
from gloro_tf.types import Tensor

_NAMES = {
    "crossentropy": lambda value: Crossentropy(**_given(temperature=value)),
    "trades": lambda value: Trades(**_given(weight=value)),
    "trades_kl": lambda value: Trades(**_given(weight=value), kind="kl"),
    "trades_ce": lambda value: Trades(**_given(weight=value), kind="ce"),
    "margin": lambda value: StaticMargin(),
    "emma": lambda value: EMMA(**_given(temperature=value)),
    "logit_annealing": lambda value: LogitAnnealing(**_given(temperature=value)),
}


def _given(**kwargs):
    return {k: v for k, v in kwargs.items() if v is not None}


def get(identifier: str | Callable[..., Tensor]) -> Any:
    """Returns a loss object.

    Args:
        identifier: a loss object or callable, returned as it is, or one of `"crossentropy"`,
            `"trades"`, `"trades_kl"`, `"trades_ce"`, `"margin"`, `"emma"`, `"logit_annealing"`,
            optionally with a leading `"sparse_"` (labels of both forms are always understood) and a
            trailing parameter (`"trades_kl.1.5"`: the weight; `"crossentropy.2"`: the temperature;
            `"emma.0.5"`, `"logit_annealing.0.75"`: the temperature).

    Raises:
        ValueError: for an unknown name or a parameter that is no number.
    """
    if not isinstance(identifier, str):
        return _object(identifier)
    name, _, parameter = identifier.removeprefix("sparse_").partition(".")
    if name not in _NAMES:
        close = difflib.get_close_matches(name, _NAMES, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ValueError(
            f"`loss` must be a loss object or one of {sorted(_NAMES)}, with an optional parameter "
            f"as in 'trades_kl.1.5'. Received: loss={identifier!r}.{hint}"
        )
    if parameter and name == "margin":
        raise ValueError(f"'margin' takes no parameter. Received: loss={identifier!r}")
    return _NAMES[name](_number(parameter, identifier) if parameter else None)


def _object(identifier):
    """A loss given as an object, a function or Keras' description of one; `None` stays `None`."""
    if identifier is None or callable(identifier):
        return identifier
    try:
        return keras.losses.get(identifier)
    except Exception as error:  # Keras' own are of many kinds
        raise ValueError(
            f"`loss` must be a loss object, a callable, a dict that describes one or one of "
            f"{sorted(_NAMES)}. Received: loss={identifier!r}"
        ) from error


def _number(text, identifier):
    """A parameter that float32 can hold, and whose reciprocal it can hold."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if value and not 1e-30 <= abs(value) <= 1e30:
        raise ValueError(
            "The parameter of `loss` must be a number, 0 or between 1e-30 and 1e30 in size. "
            f"Received: loss={identifier!r}. Write e.g. 'trades_kl.1.5'."
        )
    return value
