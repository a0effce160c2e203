"""Looks for inputs at which a model violates a property."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import ops

from gloro_tf.ops import gradient_function
from gloro_tf.self_correcting._amounts import Amounts
from gloro_tf.self_correcting._corrector import Decider
from gloro_tf.self_correcting.preconditions import AllOf
from gloro_tf.self_correcting.properties import Property, SafeOrdering, as_safe_ordering
from gloro_tf.self_correcting.report import CHUNK, outputs_of
from gloro_tf.types import Array, ArrayLike

METHODS = ("random", "gradient", "local")
ROUNDS = 10


class Violations(NamedTuple):
    """Inputs at which a property is violated, the worst first; NumPy arrays.

    - `points` (float32, `(found, ...)`) and `outputs` (`(found, outputs)`), of the model as executed.
    - `amounts` (float64, `(found,)`): how far from safe, in units of the outputs; 0 is a tie.
    - `tried` (int): how many points of the precondition were looked at.
    """

    points: Array
    outputs: Array
    amounts: Array
    tried: int


def find_violations(
    model: Callable[..., Any],
    property: Property | SafeOrdering,
    n: int = 100_000,
    method: str = "random",
    *,
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
    score: Literal["max", "min"] = "max",
    steps: int = 20,
    seed: int = 0,
    batch_size: int = 4096,
) -> Violations:
    """Looks for violations among random inputs of the precondition, and uphill from them.

    Finding none proves nothing.

    Args:
        model: as in `safety_report`; for `"gradient"` a `keras.Model` that returns a tensor.
        property: `Property`, or a `SafeOrdering` of which any property may be violated.
        n: int. How many points to draw.
        method: `"random"`, or `"gradient"`: from each drawn point, `steps` steps up the amount of
            the violation, in its box, shortened where they overshoot; `"local"`: the points and, in ten
            rounds, ever closer random neighbours of the worst thousandth, for thin violations and
            models without gradients. Defaults to `"random"`.
        bounds: `(low, high)`, arrays or floats: the domain of the inputs, needed where a precondition
            is not bounded itself.
        score: as in `SafeOrdering`; matters for preconditions on the prediction.
        steps, seed, batch_size: ints.

    Returns:
        `Violations`; each one decided again on the executed outputs.

    Raises:
        ValueError: if there is nothing to draw from, `n` is not positive, `bounds` or the model have
            other shapes than the properties, or a `"gradient"` is asked of another callable.

    Example:

    ```python
    found = find_violations(model, phi2, n=100_000)
    print(len(found.points), "of", found.tried)
    ```
    """
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {METHODS}. Received: method={method!r}")
    if method == "gradient" and not isinstance(model, keras.Model):
        raise ValueError(
            "`model` must be a `keras.Model` for method='gradient'. Received: "
            f"{type(model).__name__}. Remedy: method='local' needs no gradients."
        )
    if int(n) != n or n < 1:
        raise ValueError(f"`n` must be a positive integer. Received: n={n}")
    ordering = as_safe_ordering(property, score=score)
    rng = np.random.default_rng(seed)
    shape = _shape(model, ordering)
    ordering.check_input(shape if ordering.reads_x else None)
    points, low, high = _draw(ordering, shape, n, bounds, rng)
    if method == "gradient":
        points = _climb(model, ordering, points, low, high, shape, steps, batch_size)
    if method == "local":
        points = _close_in(model, ordering, points, low, high, shape, rng, batch_size)
    points = points.reshape(-1, *shape)
    return _violating(model, ordering, points, batch_size)


def _violating(model, ordering, points, batch_size):
    """The points at which a property is violated."""
    y = outputs_of(model, points, ordering.num_outputs, batch_size)
    decider, amounts = Decider(ordering), Amounts(ordering)
    kept, sizes, tried = [], [], 0
    for start in range(0, len(points), CHUNK):
        part = slice(start, start + CHUNK)
        rows, x = ops.convert_to_tensor(y[part]), ops.convert_to_tensor(points[part])
        scores = decider.scores(rows)
        active, undecided = map(ops.convert_to_numpy, decider.look(x, scores))
        violated = active & ~ops.convert_to_numpy(decider.truth(scores)[0])
        size = ops.convert_to_numpy(amounts.by_property(amounts(rows), "max"))
        tried += int(active.any(axis=1).sum())
        here = np.flatnonzero(violated.any(axis=1) & ~undecided)
        kept.append(here + start)
        sizes.append(np.where(violated, size, -np.inf).max(axis=1)[here])
    kept = np.concatenate([np.zeros(0, "int64"), *kept])
    sizes = np.concatenate([np.zeros(0), *sizes]).astype("float64")
    order = np.argsort(-sizes, kind="stable")
    return Violations(points[kept[order]], y[kept[order]], sizes[order], tried)


def _draw(ordering, shape, n, bounds, rng):
    """Random points of the preconditions, flat float32, and the box that each was drawn from."""
    boxes = [box for prop in ordering for box in _around(prop.pre)]
    size = int(np.prod(shape))
    domain = [np.full(size, v) for v in (-np.inf, np.inf)]
    if bounds is not None:
        domain = [_domain(bound, shape) for bound in bounds]
    points, lows, highs = [], [], []
    for number, box in enumerate(boxes):
        low, high = domain if box is None else box
        low = np.maximum(low, domain[0]).astype("float32")
        high = np.minimum(high, domain[1]).astype("float32")
        open_ = np.flatnonzero(~np.isfinite(low) | ~np.isfinite(high))
        if len(open_):
            raise ValueError(
                "`bounds` must bound all inputs from which points are drawn. Received: input "
                f"{open_[0]} between {low[open_[0]]} and {high[open_[0]]}"
            )
        if np.any(low > high):
            continue
        count = n // len(boxes) + (number < n % len(boxes))
        share = rng.random((count, size), "float32")
        drawn = share * high + (1 - share) * low  # high - low may overflow
        points.append(np.clip(drawn, low, high))
        lows.append(np.broadcast_to(low, drawn.shape))
        highs.append(np.broadcast_to(high, drawn.shape))
    if not points:
        raise ValueError("There is nothing to draw from: `bounds` exclude all preconditions.")
    return np.concatenate(points), np.concatenate(lows), np.concatenate(highs)


def _domain(bound, shape):
    """One side of `bounds`, flat."""
    bound = np.asarray(bound, "float64")
    if bound.shape not in ((), tuple(shape)):
        raise ValueError(
            f"`bounds` must be numbers or arrays in the shape of one input, {tuple(shape)}. Received: "
            f"shape {bound.shape}"
        )
    return np.broadcast_to(bound, shape).ravel()


def _around(pre):
    """Boxes that hold a precondition's region; `None` is all inputs."""
    found = pre.boxes()
    if found is not None:
        return found
    if isinstance(pre, AllOf):
        for part in pre.parts:
            if part.boxes() is not None:
                return part.boxes()
    return [None]


def _climb(model, ordering, points, low, high, shape, steps, batch_size):
    """The best of the points on ascents of the violation, each in its box."""
    amounts = Amounts(ordering)

    def objective(y):
        y = ops.cast(y[:, : ordering.num_outputs], "float32")
        return ops.max(amounts.by_property(amounts(y), "max"), axis=1)

    gradient = gradient_function(model, objective)
    points, size = points.copy(), min(batch_size, len(points))
    for start in range(0, len(points), size):
        rows = np.arange(start, start + size) % len(points)  # one shape, compiled once
        width = high[rows] - low[rows]
        x, best, way = points[rows], points[rows].copy(), np.zeros_like(width)
        score, pace = np.full(size, -np.inf), np.full((size, 1), 0.1)
        for _ in range(steps + 1):
            values, slope = gradient(x.reshape(-1, *shape))
            better = values > score
            best[better], score[better] = x[better], values[better]
            steepest = slope.reshape(size, -1) * width
            length = np.maximum(np.abs(steepest).max(axis=1, keepdims=True), 1e-30)
            way[better] = (steepest / length)[better]
            pace[~better] /= 2  # too far: again from the best point
            x = np.clip(best + pace * width * way, low[rows], high[rows]).astype("float32")
        points[rows] = best
    return points


def _close_in(model, ordering, points, low, high, shape, rng, batch_size):
    """The points, and what ten rounds of random neighbours of the worst ones end in."""
    amounts, drawn = Amounts(ordering), points
    kept = max(1, len(points) // 1000)
    for number in range(ROUNDS):
        y = outputs_of(model, points.reshape(-1, *shape), ordering.num_outputs, batch_size)
        sizes = [
            ops.convert_to_numpy(amounts.by_property(amounts(ops.convert_to_tensor(part)), "max"))
            for part in np.array_split(y, -(-len(y) // CHUNK))
        ]
        worst = np.argsort(-np.concatenate(sizes).max(axis=1), kind="stable")[:kept]
        rows = np.repeat(worst, 100)
        low, high = low[rows], high[rows]
        step = rng.normal(size=low.shape) * 0.1 * 0.6**number * (high - low)
        step[::100] = 0  # the worst themselves
        points = np.clip(points[rows] + step, low, high).astype("float32")
    return np.concatenate([drawn, points])


def _shape(model, ordering):
    """The shape of one input."""
    shape = getattr(model, "input_shape", None)
    if isinstance(shape, tuple):
        return tuple(shape[1:])
    logits = getattr(model, "logits_model", None)
    if logits is not None:
        return tuple(logits.input_shape[1:])
    for prop in ordering:
        lower = getattr(prop.pre, "lower", None)
        if lower is not None:
            return lower.shape
    raise ValueError("`model` must have an `input_shape`, or a property a `Box`.")
