"""Numerical building blocks: tensors and arrays in, tensors and numbers out."""

from gloro_tf.ops.certified_norm import certified_norm, round_up
from gloro_tf.ops.compiled import compiled
from gloro_tf.ops.orthogonalize import cholesky_orthogonalize
from gloro_tf.ops.power_iteration import norm, normalize, power_iterate
from gloro_tf.ops.torus import torus_norm, twists

__all__ = [
    "certified_norm",
    "cholesky_orthogonalize",
    "compiled",
    "norm",
    "normalize",
    "power_iterate",
    "round_up",
    "torus_norm",
    "twists",
]
