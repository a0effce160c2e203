"""Preconditions that are regions of inputs: boxes and half-spaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from keras import ops

from gloro_tf.self_correcting._numbers import decimal, down, inside_boxes, number, up
from gloro_tf.self_correcting.normalizer import Normalizer, check_units
from gloro_tf.self_correcting.preconditions import Precondition
from gloro_tf.types import Array, ArrayLike, Config, Shape, Tensor

if TYPE_CHECKING:
    from types import ModuleType


class Box(Precondition):
    """Inputs between two bounds, closed.

    Executed bounds are rounded outward to float32, so that no face is lost to rounding; an input that
    is itself rounded, as by a `Normalization` layer before, needs a `tolerance`. Whole numbers are
    decided as float32, which is exact up to 2**24.

    Args:
        lower, upper: arrays in the shape of one input, `None` or an infinity where there is no bound.
        tolerance: float or array. How much wider each bound is, in the units of `lower` and `upper`.
        units: `Normalizer`. Given, the bounds are physical, and the model's inputs normalised.

    Raises:
        ValueError: for bounds of different shapes, or none, or `units` of another shape.
    """

    def __init__(
        self,
        lower: ArrayLike | Sequence[float | None] | None,
        upper: ArrayLike | Sequence[float | None] | None,
        tolerance: ArrayLike = 0.0,
        units: Normalizer | None = None,
    ) -> None:
        self.lower = _side(lower, -np.inf, "lower")
        self.upper = _side(upper, np.inf, "upper")
        self.tolerance, self.units = np.asarray(tolerance, "float64"), units
        if self.lower.shape != self.upper.shape or not self.lower.size:
            raise ValueError(
                "`lower` and `upper` must have the shape of one input. Received: "
                f"lower.shape={self.lower.shape}, upper.shape={self.upper.shape}"
            )
        if not np.all((self.tolerance >= 0) & (self.tolerance < np.inf)) or (
            self.tolerance.shape not in ((), self.lower.shape)
        ):
            raise ValueError(
                "`tolerance` must be a finite number, or one for each bound, and not negative. "
                f"Received: tolerance={tolerance}"
            )
        if np.any(self.lower == np.inf) or np.any(self.upper == -np.inf):
            raise ValueError(
                "`lower` must be below infinity and `upper` above minus infinity. Received: "
                f"lower={lower}, upper={upper}"
            )
        crossed = np.flatnonzero((self.lower > self.upper).reshape(-1))
        if len(crossed):
            i = crossed[0]
            raise ValueError(
                "`lower` must not exceed `upper`. Received: input "
                f"{i} between {self.lower.reshape(-1)[i]} and {self.upper.reshape(-1)[i]}"
            )
        check_units(units, self.lower.shape)
        low, high = self._bounds(self.tolerance)
        self._wide = down(low), up(high)
        low, high = self._bounds(-self.tolerance)
        self._tight = up(low), down(high)

    def _bounds(self, tolerance):
        """The flat bounds in the model's units, widened, float64."""
        sides = self.lower - tolerance, self.upper + tolerance
        if self.units is not None:
            sides = [self.units.apply(side) for side in sides]
        return [np.ravel(side) for side in sides]

    def holds(self, x: Tensor, best: Tensor, wide: bool = True) -> Tensor:
        low, high = self._wide if wide else self._tight
        return inside_boxes(x, low[None], high[None])[:, 0]

    def distance(
        self, x: Tensor, best: Tensor, inside: bool = True, library: ModuleType = np
    ) -> Tensor:
        low, high = self._wide if inside else self._tight
        if library is np:
            low, high = low.astype("float64"), high.astype("float64")
        low, high = library.array(low), library.array(high)
        shrink = 1 - (self.lower.size + 8) * (2.0**-50 if library is np else 2.0**-22)
        if not inside:
            room = library.min(library.minimum(x - low, high - x), axis=-1)
            return library.maximum(room, 0.0) * max(shrink, 0.0)
        gap = library.maximum(library.maximum(low - x, x - high), 0.0)
        far = library.max(gap, axis=-1, keepdims=True)  # scaled by it, squares cannot underflow
        share = gap / library.where(far > 0, far, 1.0)
        length = far[:, 0] * library.sqrt(library.sum(library.square(share), axis=-1))
        return length * max(shrink, 0.0)

    def boxes(self) -> list[tuple[Array, Array]] | None:
        return [self._wide]

    def exact(self) -> tuple[Array, Array]:
        """`(lower, upper)`, flat float64, in the model's units and with the tolerance."""
        low, high = self._bounds(self.tolerance)
        return low, high

    def check(self, shape: Shape | None, classes: int) -> None:
        if shape is not None and self.lower.shape != tuple(shape):
            raise ValueError(
                f"The bounds of a `Box` must have the shape of one input, {tuple(shape)}. "
                f"Received: {self.lower.shape}"
            )

    def to_config(self) -> Config:
        units = None if self.units is None else self.units.to_config()
        bounds = {"lower": decimal(self.lower), "upper": decimal(self.upper)}
        return {**bounds, "tolerance": self.tolerance.tolist(), "units": units}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        units = config.get("units") and Normalizer(**config["units"])
        return cls(number(config["lower"]), number(config["upper"]), config["tolerance"], units)


class LinearLE(Precondition):
    """Inputs with `matrix @ x <= bound`, all rows of it.

    Executed with a bound on its own rounding, outward.

    Args:
        matrix: `(rows, n)` array, for flat inputs.
        bound: `(rows,)` array.
        tolerance: float. Added to `bound`.
        units: `Normalizer`, as in `Box`.

    Raises:
        ValueError: for arrays or `units` of other shapes or not finite, or a `tolerance` that is
            negative.
    """

    def __init__(
        self,
        matrix: ArrayLike,
        bound: ArrayLike,
        tolerance: float = 0.0,
        units: Normalizer | None = None,
    ) -> None:
        self.matrix, self.bound = np.array(matrix, "float64", ndmin=2), np.array(bound, ndmin=1)
        self.bound = self.bound.astype("float64")
        self.tolerance, self.units = float(tolerance), units
        finite = np.isfinite(self.matrix).all() and np.isfinite(self.bound).all()
        if self.matrix.ndim != 2 or self.bound.shape != self.matrix.shape[:1] or not finite:
            raise ValueError(
                "`matrix` and `bound` must be finite, (rows, n) and (rows,). Received: shapes "
                f"{self.matrix.shape}, {self.bound.shape}"
            )
        if not 0 <= self.tolerance < np.inf:
            raise ValueError(
                f"`tolerance` must be finite and not negative. Received: tolerance={tolerance}"
            )
        check_units(units, self.matrix.shape[1:], flat=True)
        parts = self.matrix, self.bound
        self._given = rows, limits = parts if units is None else units.apply_rows(*parts)
        n = rows.shape[1]
        # Powers of two, so that no row overflows or underflows in float32.
        scale = np.exp2(-np.frexp(np.abs(rows).max(axis=1, initial=0.0))[1].astype("float64"))
        with np.errstate(over="ignore"):
            self._rows = (rows * scale[:, None]).astype("float32")
            limits = limits * scale
            self._limits, self._widening = limits.astype("float32"), self.tolerance * scale
        self._relative = (n + 4) * 2.0**-23
        self._absolute = np.abs(limits) * 2.0**-22 + 1e-30

    def exact(self) -> tuple[Array, Array]:
        """`(matrix, bound)`, float64, in the model's units and with the tolerance."""
        return self._given[0], self._given[1] + self.tolerance

    def _margin(self, x, wide, library, rounding=1):
        """`matrix @ x - bound`, moved outward by the tolerance and `rounding` times the bound on its
        rounding; `(batch, rows)`."""
        error = self._absolute * rounding + self._widening * (1 + 2.0**-22)
        if library is np:
            rows, limits = self._rows.astype("float64"), self._limits
        else:
            rows, limits, x = self._rows, self._limits, ops.cast(x, "float32")
            error = error.astype("float32")
        terms = x[:, None, :] * library.array(rows)[None]
        value = library.sum(terms, axis=-1) - library.array(limits)
        relative = self._relative * rounding
        error = relative * library.sum(library.abs(terms), axis=-1) + library.array(error)
        return value - error if wide else value + error

    def holds(self, x: Tensor, best: Tensor, wide: bool = True) -> Tensor:
        margin = self._margin(x, wide, ops)  # NaN where it overflows: in doubt
        return ops.all(ops.logical_not(margin > 0) if wide else margin <= 0, axis=-1)

    def distance(
        self, x: Tensor, best: Tensor, inside: bool = True, library: ModuleType = np
    ) -> Tensor:
        # One rounding is that of the evaluation on the way, the other that of what is done here.
        margin = self._margin(x, inside, library, rounding=2)
        way = library.maximum(margin if inside else -margin, 0.0)
        length = np.sqrt(np.sum(self._rows.astype("float64") ** 2, axis=1))
        length = np.maximum(length * (1 + 4 * self._relative), 1e-30).astype("float32")
        way = way / library.array(length)
        return library.max(way, axis=-1) if inside else library.min(way, axis=-1)

    def check(self, shape: Shape | None, classes: int) -> None:
        if shape is not None and int(np.prod(shape)) != self.matrix.shape[1]:
            raise ValueError(
                f"The matrix of a `LinearLE` must have {int(np.prod(shape))} columns, one for each "
                f"value of an input. Received: {self.matrix.shape[1]}"
            )

    def to_config(self) -> Config:
        units = None if self.units is None else self.units.to_config()
        given = {"matrix": self.matrix.tolist(), "bound": self.bound.tolist()}
        return {**given, "tolerance": self.tolerance, "units": units}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        units = config.get("units") and Normalizer(**config["units"])
        return cls(config["matrix"], config["bound"], config["tolerance"], units)


def _side(values, missing, name):
    """One side of a box as a float64 array, infinite where it is `None`."""
    try:
        found = np.array(values, "float64")  # turns None into NaN
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`{name}` must be a list of numbers, `None` where there is no bound. Received: {values}"
        ) from error
    given = np.array(values, "object")
    if np.any(np.isnan(found) & (given != None)):  # noqa: E711
        raise ValueError(f"`{name}` must not be NaN. Received: {name}={values}")
    return np.where(np.isnan(found), missing, found)
