"""The factors that a layer's Lipschitz constant is made of.

A layer is a chain of factors (a convolution, then its activation). Every factor gives an
*estimate* (a tensor, differentiable in the weights) and a *bound* (a Python float, guaranteed), and
says how much rounding its float32 execution can add; see `SOUNDNESS.md` for the derivation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from gloro_tf.ops import round_up
from gloro_tf.types import Array, Tensor

FLOAT32_ROUNDOFF = 2.0**-24
FLOAT32_TINY = 2.0**-126


def float64(variable):
    """A variable's values as float64; raises `ValueError` for NaN or infinity."""
    values = keras.ops.convert_to_numpy(variable).astype("float64")
    if not np.all(np.isfinite(values)):
        name = getattr(variable, "path", "a weight")
        raise ValueError(
            f"Weights must be finite to be bounded. Received: NaN or infinity in '{name}'. "
            "Train again from the last good checkpoint, with a smaller learning rate."
        )
    return values


def gamma(terms):
    """Relative error of a float32 sum of `terms` products in any order (Higham, 2002, sec. 3.1)."""
    product = (terms + 2) * FLOAT32_ROUNDOFF
    return product / (1 - product) if product < 0.5 else math.inf


class Factor:
    """One factor of a layer's Lipschitz constant.

    Subclasses set `iterate_shape` when their estimate needs a power iterate.
    """

    iterate_shape: tuple[int, ...] | None = None
    is_identity = False

    def bound(self) -> float:
        """Returns a guaranteed upper bound (float)."""
        raise NotImplementedError

    def estimate(self, iterate: Tensor | None = None) -> Tensor:
        """Returns a differentiable estimate (float32 scalar tensor)."""
        raise NotImplementedError

    def advance(self, iterate: Tensor, steps: int) -> Tensor:
        """Returns the iterate after `steps` power iterations.

        Args:
            iterate: tensor of `iterate_shape`.
            steps: int.
        """
        return iterate

    def offset(self) -> float:
        """Returns a bound on the L2 norm of the factor's output at zero."""
        return 0.0

    def rounding(self, constant: float) -> tuple[float, float]:
        """Returns `(relative, absolute)`: one float32 execution at `h` errs by at most
        `relative * ||h|| + absolute` in L2, `constant` being the factor's bound."""
        return 0.0, 0.0


class Constant(Factor):
    """A constant that does not depend on weights.

    Args:
        value: float. The Lipschitz constant, rounded up if it is not exact.
        offset: float. Bound on the L2 norm of the output at zero. Defaults to 0.
        terms: int. Length of the sums that one float32 execution accumulates for an output; 0
            for layers that only move or compare values, which are exact.
        identity: bool. Whether the layer is the identity at inference.
        absolute: float. Bound on the L2 norm of an error that does not shrink with the input.

    Raises:
        ValueError: for a `value` that is negative or not finite.
    """

    def __init__(
        self,
        value: float,
        offset: float = 0.0,
        terms: int = 0,
        identity: bool = False,
        absolute: float = 0.0,
    ) -> None:
        value = float(value)
        if not value >= 0 or math.isinf(value):
            raise ValueError(
                f"A Lipschitz constant must be finite and not negative. Received: {value}"
            )
        self.value, self._offset, self.terms, self.is_identity = value, offset, terms, identity
        self.absolute = absolute

    def bound(self) -> float:
        return self.value

    def estimate(self, iterate: Tensor | None = None) -> Tensor:
        return keras.ops.convert_to_tensor(self.value, dtype="float32")

    def offset(self) -> float:
        return self._offset

    def rounding(self, constant: float) -> tuple[float, float]:
        if not self.terms:
            return 0.0, 0.0
        relative = gamma(self.terms)
        return relative * max(self.value, 1.0), relative * self._offset + self.absolute


class Translation(Factor):
    """Adds a vector that depends on weights.

    Args:
        length: callable that returns its L2 norm now (float).
    """

    def __init__(self, length):
        self.length = length

    def bound(self):
        return 1.0

    def estimate(self, iterate=None):
        return keras.ops.convert_to_tensor(1.0, dtype="float32")

    def offset(self):
        return float(self.length()) * (1 + 1e-12)

    def rounding(self, constant):
        return gamma(4), gamma(4) * self.offset()


class Gain(Factor):
    """The largest factor by which a layer scales any one entry.

    Args:
        scale: callable `(module, *values) -> array`, written with functions that both
            `keras.ops` and `numpy` have (passed as `module`); the factor is `max |scale|`.
        variables: the layer's variables or constants that `scale` takes.
        shift: optional callable `(*values) -> array` of float64 arrays; what the layer adds at
            zero, broadcast over `cells` positions.
        cells: int. How many positions share one entry of `shift`.
    """

    def __init__(
        self,
        scale: Callable[..., Any],
        variables: Sequence[Any],
        shift: Callable[..., Array] | None = None,
        cells: int = 1,
    ) -> None:
        self.scale, self.variables, self.shift, self.cells = scale, variables, shift, cells

    def _values(self):
        return [float64(v) for v in self.variables]

    def bound(self) -> float:
        with np.errstate(all="ignore"):
            largest = np.max(np.abs(self.scale(np, *self._values())))
        if not np.isfinite(largest):
            raise ValueError(
                f"A layer scales its input by a number that is not finite. Received: {largest}. "
                "Check its variance for negative or vanishing entries."
            )
        return float(round_up(largest, 16))

    def estimate(self, iterate: Tensor | None = None) -> Tensor:
        values = [keras.ops.cast(v, "float32") for v in self.variables]
        return keras.ops.max(keras.ops.abs(self.scale(keras.ops, *values)))

    def offset(self) -> float:
        if self.shift is None:
            return 0.0
        shift = np.asarray(self.shift(*self._values()))
        return float(round_up(np.sqrt(np.sum(shift**2) * self.cells), 16 + shift.size))

    def rounding(self, constant: float) -> tuple[float, float]:
        relative = gamma(8)
        return relative * max(constant, 1.0), relative * self.offset() * 2
