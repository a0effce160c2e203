"""The activations to compare, and a measurement of what they declare."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from gloro_tf import layers, lipschitz
from gloro_tf.ops import gradient_function

ACTIVATIONS = {
    "relu": lambda: _keras("ReLU"),
    "abs": lambda: layers.BetaAbs(1.0),
    "minmax": layers.MinMax,
    "householder": layers.Householder,
    "n_activation": layers.NActivation,
    "softplus": lambda: layers.Softplus(10.0),
    "soft_huber": lambda: layers.SoftHuber(0.1),
    "log_cosh": lambda: layers.LogCosh(10.0),
    "smooth_minmax": lambda: layers.SmoothMinMax(0.1),
    "pair_norm": layers.PairNorm,
    "gelu": lambda: layers.UnitSlope("gelu"),
    "silu": lambda: layers.UnitSlope("silu"),
    "mish": lambda: layers.UnitSlope("mish"),
}
"""Makers of activation layers by name, all 1-Lipschitz."""


def _keras(name):
    return getattr(keras.layers, name)()


def steepest(
    layer: keras.layers.Layer,
    features: int = 4,
    reach: float = 6.0,
    points: int = 4001,
    seed: int = 0,
) -> tuple[float, float]:
    """Measures how steep an activation gets, beside what is promised of it.

    Rows of `features` entries run over a fine grid (all entries equal) and over noise of several
    sizes; at each, the length of the gradient of `u . f(x)` is taken for the direction `u` that a
    few power steps find.

    Args:
        layer: a Keras layer that keeps the batch axis and works along the last.
        features: int. Even. Defaults to 4.
        reach: float. The grid runs from `-reach` to `reach`. Defaults to 6.
        points: int. Defaults to 4001.
        seed: int.

    Returns:
        `(steepest, promised)`: floats; the second is `gloro_tf.lipschitz.bound(layer)`. A right promise
        is not below the measurement, but for float32 rounding of about 1e-6.
    """
    layer.build((None, features))
    rng = np.random.default_rng([seed, 5])
    line = np.repeat(np.linspace(-reach, reach, points)[:, None], features, axis=1)
    noise = rng.normal(size=(points, features)) * rng.choice([0.01, 0.1, 1.0, 3.0], (points, 1))
    x = np.concatenate([line, noise]).astype("float32")

    def along(output, directions):
        return ops.sum(output * directions, axis=-1)

    gradient = gradient_function(_call(layer), along)
    width = layer.compute_output_shape((None, features))[-1]
    step = 1e-3
    u = rng.normal(size=(len(x), width))
    for _ in range(6):
        u = (u / np.maximum(np.linalg.norm(u, axis=1, keepdims=True), 1e-30)).astype("float32")
        _, pulled = gradient(x, u)
        length = np.linalg.norm(pulled.astype("float64"), axis=1)
        way = pulled / np.maximum(length, 1e-30)[:, None]
        ahead, behind = (_values(layer, x + s * way) for s in (step, -step))
        u = np.where(length[:, None] > 0, ahead - behind, u)
    return float(length.max()), lipschitz.bound(layer)


def _call(layer):
    return lambda x, training=False: layer(x)


def _values(layer, x):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x.astype("float32"))))
