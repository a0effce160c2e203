"""A small language of schedules."""

import dataclasses
import math

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
    `log`, and `TIME` an epoch or a percentage of training. A schedule is a function of the
    position alone, so a resumed run continues it exactly, and every end value is met exactly.

    Args:
        text: str, or a number for a constant.

    Example:

    >>> Schedule("0.1 linear 50% 1.5")(epoch=5, epochs=20)
    0.8

    Raises:
        ValueError: for text that is not of this form, or times that do not increase.
    """

    text: str

    def __post_init__(self):
        object.__setattr__(self, "text", str(self.text))
        words = self.text.split()
        if len(words) % 3 != 1:
            raise ValueError(self._wrong("it must be VALUE (SHAPE TIME VALUE)*"))
        start, segments = self._number(words[0]), []
        for shape, time, value in zip(words[1::3], words[2::3], words[3::3], strict=True):
            if shape not in _SHAPES:
                raise ValueError(self._wrong(f"'{shape}' is none of {sorted(_SHAPES)}"))
            percent = time.endswith("%")
            when = self._number(time.rstrip("%")) / (100 if percent else 1)
            segments.append((shape, percent, when, self._number(value)))
        object.__setattr__(self, "_start", start)
        object.__setattr__(self, "_segments", segments)
        self._check(start, segments)

    def _check(self, start, segments):
        value = start
        for shape, percent, when, end in segments:
            if shape == "exponential" and not (value > 0 and end > 0):
                raise ValueError(self._wrong("exponential segments need positive values"))
            if when <= 0 or (percent and when > 1):
                raise ValueError(self._wrong("times must be positive and at most 100%"))
            value = end
        for kind in (True, False):
            times = [when for _, percent, when, _ in segments if percent is kind]
            if times != sorted(set(times)):
                raise ValueError(self._wrong("times must increase"))

    def _number(self, word):
        try:
            return float(word)
        except ValueError:
            raise ValueError(self._wrong(f"'{word}' is not a number")) from None

    def _wrong(self, reason):
        return (
            f"Not a schedule: {reason}. Received: {self.text!r}. Write e.g. '0.1 linear 50% 1.5', "
            "'1 constant 50% 1 exponential 100% 0.001' or just '1.0'."
        )

    def __call__(self, epoch, epochs):
        """The value at a position.

        Args:
            epoch: float. Epochs done, fractions included.
            epochs: int. Epochs of the whole run.
        """
        begin, value = 0.0, self._start
        for shape, percent, when, end_value in self._segments:
            end = when * epochs if percent else when
            if epoch < end:
                share = (epoch - begin) / (end - begin) if end > begin else 1.0
                return _SHAPES[shape](value, end_value, share)
            begin, value = end, end_value
        return value
