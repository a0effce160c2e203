"""How far is the decision boundary: an attack that walks along it towards the input."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from gloro_tf.attacks._checks import checked
from gloro_tf.attacks._searches import rivals
from gloro_tf.attacks.base import Attack, Attacked, Task
from gloro_tf.attacks.objectives import targeted_margin
from gloro_tf.attacks.target import Target
from gloro_tf.data.checks import at_least
from gloro_tf.models.certificate import full_precision
from gloro_tf.types import Array, ArrayLike

BACK, TOWARDS, BEYOND, AHEAD = 0.9, 0.1, 1.05, 1.5


class BoundaryDistance(Attack):
    """Looks for the nearest input with another label, whatever its distance.

    For each of the `targets` classes nearest to winning, the boundary is taken for the plane that
    touches it, input and current point are projected onto it, and the next point lies between the two;
    from points beyond the boundary, a step back towards the input. Bisection ends it. In the form of
    an attack it breaks those inputs whose distance is at most epsilon; `nearest` gives the distances,
    which are upper bounds on the true ones.

    Args:
        steps: int. Of each target and restart. Defaults to 30.
        targets: int. Defaults to 9.
        restarts: int. The first starts at the input. Defaults to 1.
        norm, bounds, seed, batch_size: as in `Attack`.
        **kwargs: of `Attack`: `norm`, `bounds`, `seed`, `batch_size`.

    Reference:
        After [Croce and Hein, Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary
        Attack](https://arxiv.org/abs/1907.02044), section 3, with the box met by clipping.
    """

    def __init__(
        self, *, steps: int = 30, targets: int = 9, restarts: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.steps, self.targets = at_least("steps", steps, 1), at_least("targets", targets, 1)
        self.restarts = at_least("restarts", restarts, 1)

    def nearest(self, model: keras.Model, x: ArrayLike, y: ArrayLike, verbose: int = 0) -> Attacked:
        """The nearest inputs found that the model does not label `y`.

        Args:
            model, x, y, verbose: as in a call.

        Returns:
            `Attacked(points, broken, distance)`; where nothing was found, `distance` is infinite.
        """
        with full_precision():
            target = Target.of(model, self.batch_size)
            x, y = checked(x, y, target)
            return self.attack(target, x, y, _reach(x, self), verbose=verbose)

    def search(self, task: Task) -> Array:
        ball, centre = task.ball, task.ball.centre
        best, nearest = centre.astype("float32"), np.full(len(task.y), np.inf)
        for restart in range(self.restarts):
            for rival in rivals(task, self.targets):
                points = centre.astype("float32")
                if restart:
                    points = ball.project(ball.sample(task.rng))
                level, crossed = np.zeros(len(points)), np.zeros(len(points), "bool")
                for _ in range(self.steps):
                    points, crossed = self._walk(task, rival, points, crossed, level, best, nearest)
                    points[crossed] = centre[crossed] + BACK * (points - centre)[crossed]
        return self._bisect(task, best, nearest)

    def _walk(self, task, rival, points, crossed, level, best, nearest):
        """One step for each row; records and returns which points are beyond the boundary.

        The plane is where the margin is `level`: 0, but of an ensemble's mean as much as it takes
        for the answer to follow.
        """
        values, slope = task.target.gradient(targeted_margin)(points, task.y, rival)
        centre, slope = task.ball.centre, slope.astype("float64")
        values = values.astype("float64")
        behind = ~crossed & (values > level)
        level[behind], level[crossed] = AHEAD * values[behind], level[crossed] / AHEAD
        values -= level
        inner = np.sum((slope * (centre - points)).reshape(len(points), -1), axis=1)
        from_centre = self._onto(centre, values + inner, slope)
        from_points = self._onto(points, values, slope)
        gone = [task.ball._lengths(a) for a in (from_centre - centre, from_points - points)]
        share = np.minimum(gone[1] / np.maximum(gone[0] + gone[1], 1e-30), TOWARDS)
        points = (1 - share) * (points + BEYOND * (from_points - points)) + share * (
            centre + BEYOND * (from_centre - centre)
        )
        points = np.clip(points, *task.ball.bounds).astype("float32")
        crossed = task.target.margins(points, task.y) > 0
        distance = task.ball.distance(points)
        better = crossed & (distance < nearest)
        best[better], nearest[better] = points[better], distance[better]
        return points, crossed

    def _onto(self, points, values, slope):
        """The points moved to the plane `values + slope . move = 0` by the shortest move."""
        flat = slope.reshape(len(slope), -1)
        shape = (-1, *[1] * (slope.ndim - 1))
        if self.norm == "linf":
            size, way = np.abs(flat).sum(axis=1), np.sign(slope)
        else:
            size, way = np.square(flat).sum(axis=1), slope
        return points - (values / np.maximum(size, 1e-30)).reshape(shape) * way

    def _bisect(self, task, best, nearest):
        """Moves the points found towards the inputs while they stay beyond the boundary."""
        centre, found = task.ball.centre, np.isfinite(nearest)
        shape = (-1, *[1] * (centre.ndim - 1))
        low, high = np.zeros(len(best)), np.ones(len(best))
        for _ in range(20):
            middle = (low + high) / 2
            points = (centre + middle.reshape(shape) * (best - centre)).astype("float32")
            crossed = task.target.margins(points, task.y) > 0
            high, low = np.where(crossed, middle, high), np.where(crossed, low, middle)
        points = (centre + high.reshape(shape) * (best - centre)).astype("float32")
        kept = found & (task.target.margins(points, task.y) > 0)
        best[kept] = points[kept]
        return best


def _reach(x, attack):
    """A radius that holds the whole box, or, without one, a large ball."""
    flat = x.reshape(len(x), -1).astype("float64")
    if attack.bounds is None:
        return 1e3 * (1 + np.abs(flat).max(axis=1)) * np.sqrt(flat.shape[1])
    far = np.maximum(flat - attack.bounds[0], attack.bounds[1] - flat)
    return 1e-3 + (far.max(axis=1) if attack.norm == "linf" else np.linalg.norm(far, axis=1))
