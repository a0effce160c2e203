"""What all attacks share: how they are called, and what they return."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np

from gloro_tf.attacks._checks import checked, checked_bounds, checked_radii
from gloro_tf.attacks.objectives import margin
from gloro_tf.attacks.target import Target
from gloro_tf.data.checks import at_least
from gloro_tf.models.certificate import full_precision
from gloro_tf.ops import Ball
from gloro_tf.types import Array, ArrayLike, Bounds, Norm


class Attacked(NamedTuple):
    """What an attack found, NumPy arrays for `n` inputs; for a list of `m` epsilons,
    each array has a leading axis of `m`.

    - `points` (float32, the shape of `x`): an input that the model does not label `y`, where one was
      found, else `x` itself; always inside the ball and the box.
    - `broken` (bool): where one was found, or `x` itself is labelled otherwise.
    - `distance` (float64): how far `points` lie from `x`, in the attack's norm; infinite where not
      broken.
    """

    points: Array
    broken: Array
    distance: Array


class Task(NamedTuple):
    """One batch for `Attack.search`: `(target, ball, y, rng)`, with `y` of shape `(n,)` int32."""

    target: Target
    ball: Ball
    y: Array
    rng: np.random.Generator


class Attack:
    """Base class of attacks; an attack is a value whose `repr` shows every parameter.

    A subclass implements `search(task)`: given a `Task(target, ball, y, rng)` of one batch, it
    returns points; whatever they are, they are put back into ball and box, and the model decides.

    Args:
        norm: `"l2"` or `"linf"`. Defaults to `"l2"`.
        bounds: `(low, high)` of the inputs, or `None`. Defaults to `(0, 1)`.
        seed: int. Defaults to 0.
        batch_size: int. Defaults to 256.
    """

    def __init__(
        self,
        *,
        norm: Norm = "l2",
        bounds: Bounds | None = (0.0, 1.0),
        seed: int = 0,
        batch_size: int = 256,
    ) -> None:
        Ball(np.zeros((0, 1)), 0.0, norm)
        self.norm, self.bounds = norm, checked_bounds(bounds)
        self.seed = at_least("seed", seed, 0)
        self.batch_size = at_least("batch_size", batch_size, 1)

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"

    def __call__(
        self,
        model: keras.Model,
        x: ArrayLike,
        y: ArrayLike,
        epsilons: ArrayLike | Sequence[ArrayLike],
        verbose: int = 0,
    ) -> Attacked:
        """Attacks a model.

        Args:
            model: a `keras.Model` of logits, a `GloroModel`, or an ensemble of these.
            x: `(n, ...)` float array.
            y: `(n,)` integers: true labels, or predicted ones to attack certificates.
            epsilons: float, or `(n,)` array, the radius of the ball around each input; or a list of
                such, for several.
            verbose: int. 1 shows a progress bar. Defaults to 0.

        Returns:
            `Attacked(points, broken, distance)`.

        Raises:
            ValueError: for a model without a row of logits, labels of another length or range,
                inputs outside of `bounds`, or a radius that is negative or not finite.
        """
        several = isinstance(epsilons, (list, tuple))
        if several and not epsilons:
            raise ValueError("`epsilons` must hold at least one radius. Received: an empty list.")
        with full_precision():
            return self._call(Target.of(model, self.batch_size), x, y, epsilons, several, verbose)

    def _call(self, target, x, y, epsilons, several, verbose):
        x, y = checked(x, y, target)
        found = []
        for epsilon in epsilons if several else [epsilons]:
            radius = checked_radii(epsilon, len(x))
            Ball(x, radius, self.norm, self.bounds)
            found.append(self.attack(target, x, y, radius, found, verbose))
            if not np.any(found[-1].broken & (found[-1].distance > 0)) and np.any(radius > 0):
                _warn_if_flat(target, x, y)
        return Attacked(*map(np.stack, zip(*found, strict=True))) if several else found[0]

    def attack(
        self,
        target: Target,
        x: Array,
        y: Array,
        radius: Array,
        earlier: Sequence[Attacked] = (),
        verbose: int = 0,
    ) -> Attacked:
        """One ball per input, checked arguments; breaks `earlier` that lie inside are kept.

        Args:
            target: `Target`, the model under attack.
            x: `(n, ...)` float32 array.
            y: `(n,)` int64 labels.
            radius: `(n,)` float64 array.
            earlier: sequence of `Attacked` on the same inputs. Defaults to none.
            verbose: int. 1 shows a progress bar. Defaults to 0.

        Returns:
            `Attacked(points, broken, distance)`.
        """
        points, broken = x.copy(), target.labels(x) != y
        distance = np.where(broken, 0.0, np.inf)
        for old in earlier:
            kept = old.broken & ~broken & (old.distance <= radius)
            points[kept], distance[kept] = old.points[kept], old.distance[kept]
            broken |= kept
        left = np.flatnonzero(~broken & (radius > 0))
        bar = keras.utils.Progbar(len(left), verbose=verbose) if verbose and len(left) else None
        for start in range(0, len(left), self.batch_size):
            rows = np.resize(left[start : start + self.batch_size], self.batch_size)
            ball = Ball(x[rows], radius[rows], self.norm, self.bounds)
            rng = np.random.default_rng([self.seed, start])
            best = ball.project(self.search(Task(target, ball, y[rows].astype("int32"), rng)))
            wrong = target.labels(best) != y[rows]
            points[rows[wrong]], broken[rows[wrong]] = best[wrong], True
            distance[rows[wrong]] = ball.distance(best)[wrong]
            if bar:
                bar.update(min(start + self.batch_size, len(left)))
        return Attacked(points, broken, distance)

    def search(self, task: Task) -> Array:
        """Returns the points to try, one for each input of the task.

        Args:
            task: `Task(target, ball, y, rng)`, one batch.
        """
        raise NotImplementedError


def _warn_if_flat(target, x, y):
    rows = np.resize(np.arange(len(x)), target.batch_size)
    labels = y[rows].astype("int32")
    _, slope = target.gradient(margin)(x[rows], labels, labels)
    if not np.any(slope):
        warnings.warn(
            "All gradients of this model are zero here: attacks that follow them find nothing, which "
            "says nothing about the model. Try `Square`.",
            stacklevel=4,
        )
