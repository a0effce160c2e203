"""Lower bounds on Lipschitz constants: pairs of inputs that a model drives far apart.

Every value here is a quotient `||f(x + d) - f(x)|| / ||d||` of two executed outputs, so whatever
search led to the pair, no right upper bound can lie below it (but for rounding).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from gloro_tf.ops import gradient_function, input_dtype
from gloro_tf.testing.explicit import evaluate

SCALES = (0.03, 1.0, 1.0, 5.0)
ROUNDINGS = 16


def lipschitz_lower_bound(
    model: keras.Model | keras.layers.Layer,
    input_shape: Sequence[int],
    steps: int = 0,
    restarts: int = 4,
    seed: int = 0,
    difference: float | None = None,
    compiled: bool = False,
) -> float:
    """Returns a lower bound on the L2 Lipschitz constant of a model.

    At each of `restarts` random points the Jacobian is read off by central differences, and the
    model is run on pairs along its top singular vector. With `steps > 0`, pairs `(x, x + d)` then
    climb the quotient `||f(x + d) - f(x)|| / ||d||`: a power step in `d`, a gradient step in `x`.

    Args:
        model: a `keras.Model` or, with `steps=0`, a built layer.
        input_shape: tuple. Shape of one input.
        steps: int. Steps of gradient ascent. Defaults to 0.
        restarts: int. Random points. Defaults to 4.
        seed: int.
        difference: float. Step of the differences; defaults to 1e-5 for a float64 model and 1e-2
            otherwise.
        compiled: bool. Whether the ascent compiles the gradient.

    Returns:
        float. As exact as the model's arithmetic: below the constant up to about 1e-9 relative for
        a float64 model, 1e-4 for a float32 one.
    """
    rng = np.random.default_rng([seed, 7])
    wide = input_dtype(model) == "float64"
    difference = difference or (1e-5 if wide else 1e-2)
    size = int(np.prod(input_shape))
    scales = np.resize(SCALES, restarts)[:, None]
    points = rng.normal(size=(restarts, size)) * scales
    directions = _top_directions(model, points, input_shape, difference)
    reach = (1e-3, 0.1, 1.0) if wide else (0.1, 0.3, 1.0)
    pairs = [(points, directions * r) for r in reach]
    starts, shifts = (np.concatenate(part) for part in zip(*pairs, strict=True))
    best = _quotients(model, starts, shifts, input_shape).max()
    if steps:
        best = max(best, _ascend(model, points, directions, input_shape, steps, compiled))
    return float(best)


def assert_bound_holds(
    model: keras.Model | keras.layers.Layer,
    input_shape: Sequence[int],
    bound: float | None = None,
    tolerance: float = 1e-9,
    **kwargs: Any,
) -> float:
    """Raises `AssertionError` where a pair of inputs refutes a bound; returns lower / bound.

    Use it on a model of one of your own layers to try the rule that you registered.

    Args:
        model: a `keras.Model` or a built layer.
        input_shape: tuple. Shape of one input.
        bound: float. Defaults to `gloro_tf.lipschitz.bound(model)`.
        tolerance: float. Relative; at least 1e-4 for a float32 model. Defaults to 1e-9.
        **kwargs: passed to `lipschitz_lower_bound`.
    """
    if bound is None:
        from gloro_tf import lipschitz

        bound = lipschitz.bound(model)
    lower = lipschitz_lower_bound(model, input_shape, **kwargs)
    if not lower <= bound * (1 + tolerance):
        raise AssertionError(
            f"The bound of '{model.name}' must not be below what a pair of inputs attains. "
            f"Received: bound={bound!r}, attained={lower!r}"
        )
    return lower / bound if bound else 1.0


def _quotients(model, starts, shifts, input_shape):
    """`||f(x + d) - f(x)|| / ||d||` for rows of pairs, less what rounding may have added."""
    dtype = input_dtype(model)
    near, far = starts.astype(dtype), (starts + shifts).astype(dtype)
    both = np.concatenate([near, far]).reshape(-1, *input_shape)
    values = evaluate(model, both)
    lengths = np.linalg.norm(far.astype("float64") - near.astype("float64"), axis=1)
    change = np.linalg.norm(values[len(near) :] - values[: len(near)], axis=1)
    size = np.linalg.norm(values, axis=1).reshape(2, -1).max(axis=0)
    change = np.maximum(change - ROUNDINGS * np.finfo(dtype).eps * size, 0.0)
    return np.divide(change, lengths, out=np.zeros_like(change), where=lengths > 0)


def _top_directions(model, points, input_shape, difference):
    """The top right singular vector of the Jacobian at each point, by central differences."""
    count, size = points.shape
    moves = np.concatenate([np.eye(size), -np.eye(size)]) * difference
    batch = (points[:, None] + moves[None]).reshape(-1, *input_shape)
    values = evaluate(model, batch).reshape(count, 2, size, -1)
    jacobians = (values[:, 0] - values[:, 1]) / (2 * difference)
    return np.linalg.svd(jacobians)[0][:, :, 0]


def _pair_energy(output):
    """Half the squared distance of paired outputs, for gradients in both of its inputs."""
    near, far = keras.ops.split(keras.ops.reshape(output, (2, output.shape[0] // 2, -1)), 2)
    return 0.5 * keras.ops.sum(keras.ops.square(far - near), axis=(0, 2))


def _ascend(model, points, directions, input_shape, steps, compiled):
    """The best quotient that pairs meet while they climb."""
    gradient = gradient_function(model, _pair_energy, compiled)
    x, d = points.copy(), directions * 0.1 * np.maximum(1, np.linalg.norm(points, axis=1))[:, None]
    count, best, pairs = len(x), np.zeros(len(x)), np.stack([x, d])
    for step in range(steps):
        both = np.concatenate([x, x + d]).reshape(-1, *input_shape)
        energy, slope = gradient(both)
        lengths = np.linalg.norm(d, axis=1, keepdims=True)
        reached = np.sqrt(energy.astype("float64")) / lengths[:, 0]
        better = reached > best
        best[better], pairs[:, better] = reached[better], np.stack([x, d])[:, better]
        near, far = slope.reshape(2, count, -1).astype("float64")
        d = _unit(far, fallback=d) * lengths
        x = x + _unit(near + far) * 0.2 * np.linalg.norm(x, axis=1, keepdims=True) / (1 + step)
    return _quotients(model, *np.concatenate([pairs, np.stack([x, d])], axis=1), input_shape).max()


def _unit(rows, fallback=None):
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(lengths > 0, lengths, 1.0)
    if fallback is None:
        return rows
    return np.where(lengths > 0, rows, fallback / np.linalg.norm(fallback, axis=1, keepdims=True))
