"""How much capacity a network needs to certify tightly: a sweep in the plane."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from gloro_tf.ops import cholesky_orthogonalize
from gloro_tf.smoothness.activations import ACTIVATIONS
from gloro_tf.training import fit_many
from gloro_tf.types import Array

SQUARE = 2.0
NEAR, FAR = 0.05, 0.5
BATCH = 256


def capacity_sweep(
    region: Any,
    widths: Sequence[int] = (8, 32),
    depths: Sequence[int] = (3,),
    activations: Sequence[str] = ("relu", "minmax", "pair_norm"),
    seeds: int = 5,
    steps: int = 600,
    examples: int = 4096,
    side: int = 121,
    verbose: int = 0,
) -> list[dict[str, Any]]:
    """Fits 1-Lipschitz networks to a signed distance and measures how tight each becomes.

    Networks of `depth` orthonormal layers (as `CholeskyDense`), each followed by the activation, and
    one output are fitted to `region.distance` by least squares on [-2, 2]^2, all seeds at once. The
    tightness of one is `|f|` over the distance to its own zeros, on points at a distance from 0.05 to
    0.5 of them; the zeros are found on a grid.

    Args:
        region: object with `distance`, such as `Disk()` or `Polygon(4)`.
        widths, depths: sequences of int.
        activations: names out of `ACTIVATIONS`.
        seeds: int. Networks for each cell; at least 5 to say anything.
        steps: int. Adam steps.
        examples: int. Points to fit; at least 256.
        side: int. Of the grid; at least 2.
        verbose: int. 1 prints each cell as it is done.

    Returns:
        list of dicts: `activation`, `width`, `depth`, `mean` and `low` (the median over seeds of the
        mean tightness and of its first percentile), `spread` (of the means, largest less smallest),
        `error` (median root mean square), `empty` (networks without zeros).

    Raises:
        ValueError: for an unknown activation, or sizes out of range.
    """
    unknown = sorted(set(activations) - set(ACTIVATIONS))
    if unknown:
        raise ValueError(f"`activations` must be out of {sorted(ACTIVATIONS)}. Received: {unknown}")
    _check_sizes(widths, depths, seeds=seeds, steps=steps, side=side)
    if not hasattr(region, "distance") or examples < BATCH:
        raise ValueError(
            f"`region` must have a `distance`, and `examples` be at least {BATCH}. Received: "
            f"region={region!r}, examples={examples}"
        )
    rng = np.random.default_rng(0)
    x = rng.uniform(-SQUARE, SQUARE, (examples, 2)).astype("float32")
    y = region.distance(x.astype("float64")).astype("float32")
    rows = []
    for name in activations:
        for depth in depths:
            for width in widths:
                build = functools.partial(_network, name, depth, width)
                rows.append(
                    {"activation": name, "width": width, "depth": depth}
                    | _cell(build, x, y, seeds, steps, side)
                )
                if verbose:
                    print(rows[-1], flush=True)
    return rows


def _check_sizes(widths, depths, **sizes):
    least = {"widths": 1, "depths": 1, "side": 2}
    for name, values in {"widths": widths, "depths": depths, **sizes}.items():
        for value in np.ravel(values).tolist():
            if not isinstance(value, int) or value < least.get(name, 1):
                raise ValueError(
                    f"`{name}` must be integers of at least {least.get(name, 1)}. Received: {values}"
                )


def _network(activation, depth, width):
    layers = [keras.Input((2,))]
    for _ in range(depth):
        layers += [_Orthonormal(width), ACTIVATIONS[activation]()]
    return keras.Sequential([*layers, _Orthonormal(2)])


class _Orthonormal(keras.layers.Dense):
    """`CholeskyDense` without the kept kernel, which `fit_many` could not stack."""

    def __init__(self, units):
        super().__init__(units, kernel_initializer="orthogonal")

    def call(self, inputs):
        kernel = keras.ops.convert_to_tensor(self.kernel)
        if kernel.shape[0] >= kernel.shape[1]:
            kernel = keras.ops.transpose(cholesky_orthogonalize(keras.ops.transpose(kernel)))
        else:
            kernel = cholesky_orthogonalize(kernel)
        return keras.ops.matmul(inputs, kernel) + self.bias


def _loss(y, outputs):
    return keras.ops.square(outputs[:, 0] - keras.ops.reshape(y, (-1,)))


def _cell(build, x, y, seeds, steps, side):
    epochs = max(1, round(steps * BATCH / len(x)))
    rate = keras.optimizers.schedules.CosineDecay(5e-3, epochs * (len(x) // BATCH))
    many = fit_many(
        build, x, y, n=seeds, epochs=epochs, batch_size=BATCH,
        optimizer=keras.optimizers.Adam(rate), loss=_loss, jit_compile=False,
    )  # fmt: skip
    axis = np.linspace(-SQUARE, SQUARE, side)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    values = np.asarray(many.predict(grid.astype("float32")))[..., 0].astype("float64")
    fitted = np.asarray(many.predict(x))[..., 0]
    found = [_tightness(v.reshape(side, side), grid, axis) for v in values]
    found = [f for f in found if f is not None]
    means = np.array([f.mean() for f in found])
    lows = np.array([np.quantile(f, 0.01) for f in found])
    return {
        "mean": float(np.median(means)) if len(means) else float("nan"),
        "low": float(np.median(lows)) if len(lows) else float("nan"),
        "spread": float(np.ptp(means)) if len(means) else float("nan"),
        "error": float(np.median(np.sqrt(np.mean((fitted - y) ** 2, axis=1)))),
        "empty": len(values) - len(found),
    }


def _tightness(values, grid, axis):
    zeros = boundary_points(values, axis)
    if len(zeros) < 8:
        return None
    distance = np.concatenate(
        [
            np.sqrt(((part[:, None] - zeros[None]) ** 2).sum(axis=-1)).min(axis=1)
            for part in np.array_split(grid, 32)
        ]
    )
    chosen = (distance > NEAR) & (distance < FAR)
    return np.abs(values.reshape(-1)[chosen]) / distance[chosen]


def boundary_points(values: Array, axis: Array) -> Array:
    """Where a function on a square grid is zero, by linear interpolation along the grid's edges.

    Args:
        values: `(side, side)` array; rows run along the second coordinate.
        axis: `(side,)` array of coordinates.

    Returns:
        `(m, 2)` array.
    """
    points = []
    for turned in (False, True):
        plane = values.T if turned else values
        first, second = plane[:, :-1], plane[:, 1:]
        row, column = np.nonzero((first > 0) != (second > 0))
        share = first[row, column] / (first[row, column] - second[row, column])
        along = axis[column] + share * (axis[column + 1] - axis[column])
        pair = (axis[row], along) if turned else (along, axis[row])
        points.append(np.stack(pair, axis=1))
    return np.concatenate(points)
