"""A small language of schedules."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import math
from typing import Any

_LARGEST = 3.4e38  # values become float32 variables, and differences must not overflow
_SHAPES = {
    "constant": lambda a, b, u: a,
    "linear": lambda a, b, u: a + (b - a) * u,
    "cosine": lambda a, b, u: b + (a - b) * 0.5 * (1 + math.cos(math.pi * u)),
    "exponential": lambda a, b, u: a * (b / a) ** u,
    "log": lambda a, b, u: a + (b - a) * _log_share(u),
}


def _log_share(u):
    """Rises fast, then slowly: `log` of a line from `e^0.01` to `e`, scaled to [0, 1]."""
    value = math.log((math.e - math.exp(0.01)) * u + math.exp(0.01))
    return (value - 0.01) / 0.99


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A value as a function of training progress, written in words.

    `"0.1 linear 50% 1.5"` starts at 0.1, moves in a line until half of training to 1.5, and stays
    there. Segments chain: `"0 linear 5 1 cosine 100% 0"` warms up for 5 epochs. The text is
    `VALUE (SHAPE TIME VALUE)*`, with `SHAPE` one of `constant`, `linear`, `cosine`, `exponential`,
    `log`, and `TIME` an epoch or a percentage of training; `constant` jumps to its value at the
    end. A schedule is a function of the position alone, so a resumed run continues it exactly, and
    every end value is met exactly.

    Args:
        text: str, or a number for a constant.

    Example:

    >>> Schedule("0.1 linear 50% 1.5")(epoch=5, epochs=20)
    0.8

    Raises:
        ValueError: for text that is not of this form, or times that do not increase.
    """

    text: str
    _start: float = dataclasses.field(init=False, repr=False, compare=False)
    _segments: tuple[Any, ...] = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self):
        object.__setattr__(self, "text", str(self.text).strip())
        words = self.text.split()
        if len(words) % 3 != 1:
            raise ValueError(self._wrong("it must be VALUE (SHAPE TIME VALUE)*"))
        start, segments = self._number(words[0]), []
        for shape, time, value in zip(words[1::3], words[2::3], words[3::3], strict=True):
            if shape not in _SHAPES:
                close = difflib.get_close_matches(shape, _SHAPES, n=1)
                hint = f"; did you mean '{close[0]}'?" if close else ""
                raise ValueError(self._wrong(f"'{shape}' is none of {sorted(_SHAPES)}{hint}"))
            when = self._number(time.removesuffix("%"))
            segments.append((shape, time.endswith("%"), when, self._number(value)))
        object.__setattr__(self, "_start", start)
        object.__setattr__(self, "_segments", tuple(segments))
        self._check(start)

    def _check(self, value):
        for shape, percent, when, end in self._segments:
            if shape == "exponential" and not (value > 0 and end > 0):
                raise ValueError(self._wrong("exponential segments need positive values"))
            if when <= 0 or (percent and when > 100):
                raise ValueError(self._wrong("times must be positive and at most 100%"))
            value = end
        for kind in (True, False):
            times = [when for _, percent, when, _ in self._segments if percent is kind]
            if times != sorted(set(times)):
                raise ValueError(self._wrong("times must increase"))

    def _number(self, word):
        try:
            number = float(word)
        except ValueError:
            number = math.nan
        if not abs(number) <= _LARGEST:
            raise ValueError(self._wrong(f"'{word}' is not a number of float32's range"))
        return number

    def _wrong(self, reason):
        return (
            f"Not a schedule: {reason}. Received: {self.text!r}. Write e.g. '0.1 linear 50% 1.5', "
            "'1 constant 50% 1 exponential 100% 0.001' or just '1.0'."
        )

    def turning_points(self, epochs: int) -> list[float]:
        """The epochs at which segments end, in a run of so many epochs.

        Args:
            epochs: int. Epochs of the whole run.

        Raises:
            ValueError: if they do not increase, as can happen where epochs and percentages mix.
        """
        times = [w * epochs / 100 if percent else w for _, percent, w, _ in self._segments]
        if any(b <= a for a, b in itertools.pairwise(times)):
            listed = ", ".join(f"{t:g}" for t in times)
            reason = f"in {epochs} epochs its segments end at epochs {listed}, which must increase"
            raise ValueError(self._wrong(f"{reason}; train longer or move a turning point"))
        return times

    def __call__(self, epoch: float, epochs: int) -> float:
        """The value at a position.

        Args:
            epoch: float. Epochs done, fractions included.
            epochs: int. Epochs of the whole run.

        Raises:
            ValueError: if the turning points do not increase in a run of so many epochs.
        """
        begin, value = 0.0, self._start
        ends = self.turning_points(epochs)
        for (shape, _, _, target), end in zip(self._segments, ends, strict=True):
            if epoch <= begin:
                return value
            if epoch < end:
                between = _SHAPES[shape](value, target, (epoch - begin) / (end - begin))
                return min(max(between, min(value, target)), max(value, target))
            begin, value = end, target
        return value
