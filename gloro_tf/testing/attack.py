"""A projected gradient attack inside a ball of its own around every point."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np

from gloro_tf.ops import Ball, gradient_function
from gloro_tf.types import Array, ArrayLike


class Breaks(NamedTuple):
    """How many points were attacked, which of them broke (bool), by what inputs."""

    attacked: int
    broken: Array
    points: Array


def pgd(
    model: keras.Model,
    x: Array,
    y: ArrayLike,
    radius: ArrayLike,
    steps: int = 100,
    restarts: int = 4,
    seed: int = 0,
    batch_size: int = 256,
) -> tuple[Array, Array]:
    """Attacks each point inside its own L2 ball by projected gradient ascent.

    The objective is the margin of the best rival over the label `y`. Steps are normalised and
    shrink linearly from half the radius; the first start is the point itself, the others are
    uniform in the ball. The strongest input of all steps is kept.

    Args:
        model: a `keras.Model` of logits (`GloroModel.logits_model`).
        x: `(n, ...)` float array.
        y: `(n,)` int, the labels to move away from (predictions, to attack a certificate), or
            `(n, classes)` bool, the sets whose classes are to be passed by one from outside.
        radius: float or `(n,)` array. Radius of each ball; inputs stay strictly inside.
        steps, restarts: int. Default to 100 and 4.
        seed: int.
        batch_size: int. Defaults to 256.

    Returns:
        `(points, margins)`: the strongest input found for each point, of the shape and type of
        `x`, and its margin, the best logit outside of the set less the worst inside, above 0 where
        the set of the best classes changed.
    """
    radius = np.broadcast_to(np.asarray(radius, "float64"), (len(x),))
    gradient = gradient_function(model, set_margin)
    rng = np.random.default_rng(seed)
    points = np.array(x, "float32")
    margins = np.full(len(x), -np.inf)
    y = np.asarray(y)
    if y.ndim == 1:
        y = y[:, None] == np.arange(model.output_shape[-1])
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        ball = Ball(points[rows], radius[rows])
        found = ball.centre.astype("float32"), margins[rows]
        for restart in range(restarts):
            begin = ball.centre if restart == 0 else ball.sample(rng)
            found = _climb(gradient, ball, begin, y[rows], steps, found)
        points[rows], margins[rows] = found
    return points, margins


def certificate_breaks(
    model: keras.Model, x: Array, factor: float = 1.0, limit: float | None = None, **kwargs: Any
) -> Breaks:
    """Attacks a frozen `GloroModel` at its own certified radii.

    Args:
        model: a frozen `gloro_tf.GloroModel`.
        x: `(n, ...)` float array.
        factor: float. Multiplies the radii: at 1 nothing may break; above, something should.
        limit: float. Largest radius to attack at. Defaults to none.
        **kwargs: passed to `pgd`.

    Returns:
        `Breaks(attacked, broken, points)` over the points with a positive, finite radius.
    """
    label, radius, _ = model.certify(x)
    chosen = (radius > 0) & np.isfinite(radius)
    radius = np.minimum(radius[chosen] * factor, np.inf if limit is None else limit)
    points, _ = pgd(model.logits_model, x[chosen], label[chosen], radius, **kwargs)
    return Breaks(int(chosen.sum()), model.certify(points).label != label[chosen], points)


def promise_breaks(model: keras.Model, x: Array, factor: float = 1.0, **kwargs: Any) -> Breaks:
    """Attacks every set that a relaxed model promises, at the radius of that set.

    Args:
        model: a frozen `RTKModel` or `AffinityModel`.
        x: `(n, ...)` float array.
        factor, **kwargs: as in `certificate_breaks`.

    Returns:
        `Breaks(attacked, broken, points)` over all pairs of an input and a `k` with a positive, finite
        radius: broken where another set of classes is the best at the point found.
    """
    radii = model.certify(x).radii
    best = _best(model, x, radii.shape[1])
    points, broken = [], []
    for k in range(1, radii.shape[1] + 1):
        chosen = (radii[:, k - 1] > 0) & np.isfinite(radii[:, k - 1])
        sets = np.zeros((chosen.sum(), model.classes), "bool")
        np.put_along_axis(sets, best[chosen, :k], True, axis=1)
        radius = radii[chosen, k - 1] * factor
        found, _ = pgd(model.logits_model, x[chosen], sets, radius, **kwargs)
        inside = np.take_along_axis(sets, _best(model, found, k), axis=1)
        points.append(found)
        broken.append(~inside.all(axis=1))
    broken = np.concatenate(broken)
    return Breaks(len(broken), broken, np.concatenate(points))


def _best(model, x, k):
    logits = model.logits_model.predict(x, verbose=0)
    return np.argsort(-logits, axis=1, kind="stable")[:, :k]


def set_margin(logits, inside):
    """The best logit outside of a set of classes less the worst inside, `(n,)`; `inside` bool."""
    rivals = keras.ops.max(keras.ops.where(inside, -np.inf, logits), axis=-1)
    return rivals - keras.ops.min(keras.ops.where(inside, logits, np.inf), axis=-1)


def _climb(gradient, ball, begin, y, steps, found):
    """One ascent; returns the strongest inputs so far and their margins."""
    best, margins = found[0].copy(), found[1].copy()
    current = ball.project(begin)
    for step in range(steps + 1):
        values, slope = gradient(current, y)
        better = values > margins
        best[better], margins[better] = current[better], values[better]
        if step == steps or np.all(margins > 0):
            break
        size = 0.5 * (1 - step / steps)
        current = ball.step(current, slope, size)
    return best, margins
