"""What is known about the neighbourhood of each input."""

from __future__ import annotations

from typing import NamedTuple, Self

from gloro_tf.types import Array

ROBUST = "ROBUST"
NOT_ROBUST = "NOT_ROBUST"
UNKNOWN = "UNKNOWN"
TIMED_OUT = "TIMED_OUT"
STATUSES = (ROBUST, NOT_ROBUST, UNKNOWN, TIMED_OUT)


class _Verdicts(NamedTuple):
    status: Array
    radius: Array
    adversarial: Array


class Verdicts(_Verdicts):
    """Verdicts on `n` inputs, NumPy arrays.

    - `status` (str): `"ROBUST"`: every point of the closed ball has the label of its centre, with no
      tie. `"NOT_ROBUST"`: `adversarial` has another. `"UNKNOWN"`: the search ended with a boundary
      within reach of which neither could be shown. `"TIMED_OUT"`: the budget ended first.
    - `radius` (float64): certified whatever the status: no point nearer than that has another label.
      For `ROBUST` it is epsilon.
    - `adversarial` (float64, the shape of the inputs): for `NOT_ROBUST` a point of the ball with
      another label, else NaN.

    Attributes:
        label: `(n,)` int64, the labels of the inputs.
        distance: `(n,)` float64, from the inputs to `adversarial`; infinite where there is none.
        regions: `(n,)` int64, how many linear regions were looked at.
    """

    label: Array
    distance: Array
    regions: Array

    @classmethod
    def of(cls, status: Array, radius: Array, adversarial: Array, **attributes: Array) -> Self:
        """Verdicts with their attributes.

        Args:
            status, radius, adversarial: the fields.
            **attributes: `label`, `distance` and `regions`.

        Returns:
            `Verdicts`.
        """
        verdicts = cls(status, radius, adversarial)
        vars(verdicts).update(attributes)
        return verdicts

    def counts(self) -> dict[str, int]:
        """How many inputs have each status, `{status: int}`."""
        return {name: int((self.status == name).sum()) for name in STATUSES}
