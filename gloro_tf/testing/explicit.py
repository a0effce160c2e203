"""The matrix of an affine layer or model, read off by pushing a basis through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np

from gloro_tf.ops import input_dtype
from gloro_tf.types import Array, ArrayLike, Tensor


def evaluate(function, x):
    """Runs a layer or model at inference on an array; returns float64 rows `(n, outputs)`."""
    tensor = keras.ops.convert_to_tensor(np.asarray(x), dtype=input_dtype(function))
    if keras.backend.backend() == "torch":
        import torch

        with torch.no_grad():
            values = _call(function, tensor)
    else:
        values = _call(function, tensor)
    return keras.ops.convert_to_numpy(values).astype("float64").reshape(len(x), -1)


def _call(function, tensor):
    if isinstance(function, keras.layers.Layer):
        return (
            function(tensor, training=False)
            if function._call_has_training_arg
            else (function(tensor))
        )
    return function(tensor)


def explicit_matrix(model_or_layer: Callable[..., Tensor], input_shape: Sequence[int]) -> Array:
    """Returns the matrix `A` of an affine layer or model, `f(x) = x A + f(0)`.

    Each basis vector is pushed through, minus the value at zero. The precision is that of the
    layer: build it with `dtype="float64"` for 16 digits.

    Args:
        model_or_layer: a `keras.Model`, a built layer, or any callable on a batch.
        input_shape: tuple. Shape of one input.

    Returns:
        `(inputs, outputs)` float64 array, both sides flattened.

    Example:

    >>> layer = keras.layers.AveragePooling2D(2)
    >>> gloro_tf.testing.spectral_norm(gloro_tf.testing.explicit_matrix(layer, (4, 4, 1)))
    0.5
    """
    size = int(np.prod(input_shape))
    points = np.concatenate([np.zeros((1, size)), np.eye(size)]).reshape(-1, *input_shape)
    values = evaluate(model_or_layer, points)
    return values[1:] - values[0]


def spectral_norm(matrix: ArrayLike) -> float:
    """Returns the largest singular value of a matrix (float64, neither rounded up nor down).

    Args:
        matrix: `(rows, columns)` array.
    """
    matrix = np.asarray(matrix, "float64")
    largest = np.abs(matrix).max(initial=0)
    return float(np.linalg.norm(matrix / largest, 2) * largest) if largest else 0.0
