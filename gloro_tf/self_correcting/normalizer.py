"""Physical units of inputs that a model takes normalised."""

from __future__ import annotations

import math

import numpy as np

from gloro_tf.types import Array, ArrayLike, Config


class Normalizer:
    """The map `(x - mean) / range` from physical to normalised inputs, in float64.

    Args:
        mean, range: floats or arrays in the shape of one input; `range` is positive.

    Example:

    ```python
    units = gloro_tf.self_correcting.Normalizer(mean=[650.0, 600.0], range=[1100.0, 1200.0])
    fast = gloro_tf.self_correcting.Box([1145, None], [None, 60], units=units)
    ```

    Raises:
        ValueError: if `range` is not positive or a value not finite.
    """

    def __init__(self, mean: ArrayLike, range: ArrayLike) -> None:
        self.mean, self.range = np.asarray(mean, "float64"), np.asarray(range, "float64")
        if not np.all(np.isfinite(self.mean)) or not np.all(
            (self.range > 0) & (self.range < np.inf)
        ):
            raise ValueError(
                "`mean` must be finite, and `range` finite and positive. Received: "
                f"mean={mean}, range={range}"
            )

    def apply(self, physical: ArrayLike) -> Array:
        """Physical to normalised values, float64.

        Args:
            physical: `(..., *shape)` array.

        Returns:
            float64 array.
        """
        return (np.asarray(physical, "float64") - self.mean) / self.range

    def invert(self, normalised: ArrayLike) -> Array:
        """Normalised to physical values, float64.

        Args:
            normalised: `(..., *shape)` array.

        Returns:
            float64 array.
        """
        return np.asarray(normalised, "float64") * self.range + self.mean

    def apply_rows(self, matrix: Array, bound: Array) -> tuple[Array, Array]:
        """`matrix @ physical <= bound` in normalised inputs: `(matrix, bound)`.

        Args:
            matrix: `(rows, n)` array.
            bound: `(rows,)` array.
        """
        n = matrix.shape[1]
        scale, shift = (np.broadcast_to(v, (n,)) for v in (self.range.ravel(), self.mean.ravel()))
        return matrix * scale, bound - matrix @ shift

    def to_config(self) -> Config:
        """Plain lists.

        Returns:
            dict of `mean` and `range`.
        """
        return {"mean": self.mean.tolist(), "range": self.range.tolist()}


def check_units(units, shape, flat=False):
    """Raises where something is no `Normalizer` of inputs of a shape, or of so many values."""
    if units is None:
        return
    if not isinstance(units, Normalizer):
        raise ValueError(f"`units` must be a `Normalizer`. Received: units={units!r}")
    for name in ("mean", "range"):
        given = getattr(units, name).shape
        if not (
            given in ((), (1,)) or (math.prod(given) == shape[0] if flat else _fits(given, shape))
        ):
            raise ValueError(
                "`units` must be of numbers, or of arrays in the shape of one input, "
                f"{tuple(shape)}. Received: {name} of shape {given}"
            )


def _fits(given, shape):
    try:
        return np.broadcast_shapes(given, shape) == tuple(shape)
    except ValueError:
        return False
