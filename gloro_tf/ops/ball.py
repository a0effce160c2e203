"""Balls around inputs, and the steps that stay in them."""

from __future__ import annotations

import numpy as np

from gloro_tf.types import Array, ArrayLike, Bounds, Norm

INSIDE = 1 - 1e-6
NORMS = ("l2", "linf")


class Ball:
    """One ball around each row, cut with a box; NumPy.

    Args:
        centre: `(n, ...)` float array.
        radius: `(n,)` array, finite and not negative.
        norm: `"l2"` or `"linf"`.
        bounds: optional `(low, high)` that every entry stays between; the centres must.

    Raises:
        ValueError: naming the argument.
    """

    def __init__(
        self, centre: ArrayLike, radius: ArrayLike, norm: Norm = "l2", bounds: Bounds | None = None
    ) -> None:
        if norm not in NORMS:
            raise ValueError(f"`norm` must be one of {NORMS}. Received: norm={norm!r}")
        self.centre = np.asarray(centre, "float64")
        radius = np.broadcast_to(np.asarray(radius, "float64"), self.centre.shape[:1])
        if not np.all(np.isfinite(radius) & (radius >= 0)):
            raise ValueError("`radius` must be finite and not negative for every point.")
        low, high = self.bounds = _float32_box(bounds)
        if self.centre.size and (self.centre.min() < low or self.centre.max() > high):
            raise ValueError(
                f"`x` must lie between `bounds`. Received: bounds={bounds}, values from "
                f"{self.centre.min():.6g} to {self.centre.max():.6g}. Pass the bounds of your inputs, "
                "or None."
            )
        self.norm = norm
        self.radius = (radius * INSIDE).reshape(-1, *[1] * (self.centre.ndim - 1))
        self.axes = tuple(range(1, self.centre.ndim))

    def direction(self, gradient: Array) -> Array:
        """The steepest step of length one: normalised rows in L2, signs in L-infinity.

        Args:
            gradient: `(n, ...)` array in the shape of the centres.
        """
        gradient = np.nan_to_num(np.asarray(gradient, "float64"), posinf=1e300, neginf=-1e300)
        if self.norm == "linf":
            return np.sign(gradient)
        size = np.max(np.abs(gradient), axis=self.axes, keepdims=True)
        scaled = gradient / np.where(size > 0, size, 1.0)
        return scaled / np.maximum(self._lengths(scaled), 1e-300)

    def step(self, points: Array, gradient: Array, size: float) -> Array:
        """The points after a step of `size` radii, back in the ball and in the box.

        Args:
            points, gradient: `(n, ...)` arrays in the shape of the centres.
            size: float. In radii.
        """
        return self.project(points + self.radius * size * self.direction(gradient))

    def sample(self, rng: np.random.Generator) -> Array:
        """Uniform points of the ball, before the box; float64.

        Args:
            rng: `numpy.random.Generator`.

        Returns:
            `(n, ...)` array.
        """
        if self.norm == "linf":
            return self.centre + self.radius * rng.uniform(-1, 1, self.centre.shape)
        far = rng.random(self.radius.shape) ** (1 / max(1, self.centre[0].size))
        return self.centre + self.radius * far * self.direction(rng.normal(size=self.centre.shape))

    def project(self, points: Array) -> Array:
        """Float32 inputs in the box whose float64 distance is inside the ball.

        The box first, then towards the centre, which keeps what lies between the two in the box.

        Args:
            points: `(n, ...)` array in the shape of the centres.

        Returns:
            float32 array.
        """
        offset = np.clip(points, *self.bounds) - self.centre
        for shrink in (1.0, 1 - 1e-6, 1 - 1e-4):
            limit = self.radius * shrink
            if self.norm == "linf":
                offset = np.clip(offset, -limit, limit)
            else:
                offset = offset * np.minimum(1.0, limit / np.maximum(self._lengths(offset), 1e-300))
            rounded = np.clip((self.centre + offset).astype("float32"), *self.bounds)
            outside = ~(self.distance(rounded) <= self.radius.reshape(-1) / INSIDE)
            if not outside.any():
                return rounded
        rounded[outside] = self.centre[outside]
        return rounded

    def distance(self, points: ArrayLike) -> Array:
        """Distances from the centres, `(n,)` float64.

        Args:
            points: `(n, ...)` array in the shape of the centres.

        Returns:
            float64 array, in the norm of the ball.
        """
        return self._lengths(np.asarray(points, "float64") - self.centre).reshape(-1)

    def _lengths(self, offset):
        if self.norm == "linf":
            return np.max(np.abs(offset), axis=self.axes, keepdims=True, initial=0.0)
        return np.sqrt(np.sum(offset**2, axis=self.axes, keepdims=True))


def _float32_box(bounds):
    """The bounds as the float32 numbers nearest to them, between which float32 inputs lie."""
    if bounds is None:
        return -np.inf, np.inf
    return tuple(float(np.float32(bound)) for bound in bounds)
