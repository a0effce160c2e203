"""Sets with exact signed distances, and piecewise-linear functions with the same boundary.

All are functions of float64 `(n, d)` arrays, positive outside of the set. A function `f` with
Lipschitz constant 1 and the set's boundary as its zeros certifies `|f|`; its tightness is `|f|`
over the true distance.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from gloro_tf.data.checks import at_least
from gloro_tf.types import Array


def wedge_tightness(angle: float, pieces: int) -> tuple[float, float]:
    """The tightness of the best piecewise-linear 1-Lipschitz function beside a corner.

    Two facets whose unit normals enclose `angle` meet; between the normals the distance is that to
    the corner, and with `pieces` linear pieces (the facets' own included) no function does better
    than unit normals at equal angles.

    Args:
        angle: float, in radians, in (0, pi).
        pieces: int, at least 2.

    Returns:
        `(worst, mean)`: `cos(h)` and `sin(h) / h` for `h = angle / (2 (pieces - 1))`, over the
        directions between the normals.

    Raises:
        ValueError: for arguments out of range.

    Reference:
        After [Leino, Limitations of Piecewise Linearity for Efficient Robustness Certification](
        https://arxiv.org/abs/2301.08842); the statement and its proof are a reconstruction.
    """
    _check_angle(angle)
    at_least("pieces", pieces, 2)
    half = angle / (2 * (pieces - 1))
    return math.cos(half), math.sin(half) / half


def polygon_tightness(sides: int) -> float:
    """The worst tightness of the facets of a regular polygon around it: `cos(pi / sides)`.

    Args:
        sides: int, at least 3.
    """
    at_least("sides", sides, 3)
    return wedge_tightness(2 * math.pi / sides, 2)[0]


@dataclasses.dataclass(frozen=True)
class Wedge:
    """The plane's convex corner at zero whose facets' unit normals enclose `angle` radians.

    Args:
        angle: float in (0, pi).
    """

    angle: float

    def __post_init__(self):
        _check_angle(self.angle)

    def normals(self, pieces: int = 2) -> Array:
        """`pieces` unit normals at equal angles, the facets' own first and last, `(pieces, 2)`."""
        at_least("pieces", pieces, 2)
        turns = np.linspace(-self.angle / 2, self.angle / 2, pieces)
        return np.stack([np.cos(turns), np.sin(turns)], axis=1)

    def distance(self, x: Array) -> Array:
        """The signed distance to the boundary, `(n,)`; negative inside.

        Args:
            x: `(n, dimensions)` array.
        """
        x = _points(x, 2)
        first, last = (x @ normal for normal in self.normals())
        turn = np.arctan2(x[:, 1], x[:, 0])
        return np.where(
            np.abs(turn) <= self.angle / 2, np.linalg.norm(x, axis=1), np.maximum(first, last)
        )

    def linear(self, x: Array, pieces: int = 2) -> Array:
        """The best function of `pieces` linear pieces.

        Args:
            x: `(n, 2)` array.
        """
        return np.max(x @ self.normals(pieces).T, axis=1)

    def beside_the_corner(self, n: int, seed: int = 0) -> Array:
        """Points between the normals, uniform in direction, `(n, 2)`.

        Args:
            n: int.
            seed: int. Defaults to 0.

        Returns:
            float64 array.
        """
        rng = np.random.default_rng(seed)
        turn = rng.uniform(-0.5, 0.5, n) * self.angle
        return np.stack([np.cos(turn), np.sin(turn)], axis=1) * rng.uniform(0.1, 1, (n, 1))


@dataclasses.dataclass(frozen=True)
class Orthant:
    """The orthant `x <= 0` in `k` dimensions.

    `linear` is `max_i x_i`, with the orthant's own facets alone: tightness `1 / sqrt(k)` along the
    diagonal.
    """

    k: int

    def __post_init__(self):
        at_least("k", self.k, 1)

    def distance(self, x: Array) -> Array:
        """The signed distance to the boundary, `(n,)`; negative inside.

        Args:
            x: `(n, dimensions)` array.
        """
        x = _points(x, self.k)
        outside = np.linalg.norm(np.maximum(x, 0), axis=1)
        return np.where(outside > 0, outside, np.max(x, axis=1))

    def linear(self, x: Array) -> Array:
        """The best function of linear pieces, the largest coordinate, `(n,)`.

        Args:
            x: `(n, dimensions)` array.
        """
        return np.max(x, axis=1)

    def beside_the_corner(self, n: int, seed: int = 0) -> Array:
        """Absolute values of normal points, `(n, k)`.

        Args:
            n: int.
            seed: int. Defaults to 0.

        Returns:
            float64 array.
        """
        return np.abs(np.random.default_rng(seed).normal(size=(n, self.k)))


@dataclasses.dataclass(frozen=True)
class Disk:
    """The ball around zero; `distance` is `||x|| - radius`, smooth and exactly tight outside."""

    radius: float = 1.0

    def __post_init__(self):
        _check_radius(self.radius)

    def distance(self, x: Array) -> Array:
        """The signed distance to the boundary, `(n,)`; negative inside.

        Args:
            x: `(n, dimensions)` array.
        """
        return np.linalg.norm(_points(x), axis=1) - self.radius


@dataclasses.dataclass(frozen=True)
class Polygon:
    """The regular polygon around zero with `sides` sides at distance `radius`."""

    sides: int
    radius: float = 1.0

    def __post_init__(self):
        at_least("sides", self.sides, 3)
        _check_radius(self.radius)

    def normals(self) -> Array:
        """The unit normals of the facets, `(sides, 2)`."""
        turns = 2 * np.pi * np.arange(self.sides) / self.sides
        return np.stack([np.cos(turns), np.sin(turns)], axis=1)

    def linear(self, x: Array) -> Array:
        """The largest of the facets' own distances.

        Args:
            x: `(n, 2)` array.
        """
        return np.max(x @ self.normals().T, axis=1) - self.radius

    def distance(self, x: Array) -> Array:
        """Exact: inside, the nearest facet; outside, the nearest point of the nearest side.

        Args:
            x: `(n, 2)` array.

        Returns:
            `(n,)` signed distances to the boundary, negative inside.
        """
        x, normals = _points(x, 2), self.normals()
        along = np.stack([-normals[:, 1], normals[:, 0]], axis=1)
        half = self.radius * math.tan(math.pi / self.sides)
        height = x @ normals.T - self.radius
        beyond = np.maximum(np.abs(x @ along.T) - half, 0)
        nearest = np.argmax(height, axis=1)
        rows = np.arange(len(x))
        outside = np.hypot(height[rows, nearest], beyond[rows, nearest])
        return np.where(height[rows, nearest] > 0, outside, height[rows, nearest])

    def beside_the_corner(self, n: int, seed: int = 0) -> Array:
        """Points beyond a corner, between the normals of its two sides, `(n, 2)`.

        Args:
            n: int.
            seed: int. Defaults to 0.

        Returns:
            float64 array.
        """
        corner = self.radius / math.cos(math.pi / self.sides)
        wedge = Wedge(2 * math.pi / self.sides)
        turn = math.pi / self.sides
        turned = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
        return (wedge.beside_the_corner(n, seed) + [corner, 0]) @ turned


@dataclasses.dataclass(frozen=True)
class TwoArcs:
    """The lens between two arcs: the common points of two disks, whose boundary curves and has corners.

    Args:
        radius: float. Of both disks.
        apart: float in (0, radius). Their centres lie at `(-apart, 0)` and `(apart, 0)`.
    """

    radius: float = 1.0
    apart: float = 0.5

    def __post_init__(self):
        _check_radius(self.radius)
        if not 0 < self.apart < self.radius:
            raise ValueError(f"`apart` must lie in (0, radius). Received: {self}")

    def distance(self, x: Array) -> Array:
        """The signed distance to the boundary, `(n,)`; negative inside.

        Args:
            x: `(n, dimensions)` array.
        """
        x = _points(x, 2)
        to_centres = [x + [self.apart, 0], x - [self.apart, 0]]
        heights = np.stack([np.linalg.norm(a, axis=1) - self.radius for a in to_centres])
        tip = math.sqrt(self.radius**2 - self.apart**2)
        ends = [np.linalg.norm(x - [0, sign * tip], axis=1) for sign in (-1, 1)]
        outside = np.minimum(*ends)
        for height, offset, centre in zip(heights, to_centres, (-self.apart, self.apart)):
            length = np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-300)
            foot = [centre, 0] + self.radius * offset / length
            on_lens = np.linalg.norm(foot + [centre, 0], axis=1) <= self.radius
            outside = np.where(on_lens & (height > 0), np.minimum(outside, height), outside)
        inside = heights.max(axis=0)
        return np.where(inside > 0, outside, inside)


def _points(x, dimensions=None):
    x = np.asarray(x, "float64")
    if x.ndim != 2 or dimensions not in (None, x.shape[1]):
        raise ValueError(
            f"`x` must have the shape (n, {dimensions or 'dimensions'}). Received: {x.shape}"
        )
    return x


def _check_angle(angle):
    if not isinstance(angle, (int, float, np.number)) or not 0 < angle < math.pi:
        raise ValueError(f"`angle` must lie in (0, pi), in radians. Received: angle={angle!r}")


def _check_radius(radius):
    if not isinstance(radius, (int, float, np.number)) or not 0 < radius < math.inf:
        raise ValueError(f"`radius` must be positive. Received: radius={radius!r}")
