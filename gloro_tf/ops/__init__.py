"""Numerical building blocks: tensors and arrays in, tensors and numbers out."""

from gloro_tf.ops.ball import Ball
from gloro_tf.ops.certified_norm import certified_norm, round_up
from gloro_tf.ops.compiled import compiled
from gloro_tf.ops.gradients import gradient_function, input_dtype
from gloro_tf.ops.orthogonalize import cholesky_orthogonalize
from gloro_tf.ops.power_iteration import norm, normalize, power_iterate
from gloro_tf.ops.torus import torus_norm, twists

__all__ = [
    "Ball",
    "certified_norm",
    "cholesky_orthogonalize",
    "compiled",
    "gradient_function",
    "input_dtype",
    "norm",
    "normalize",
    "power_iterate",
    "round_up",
    "torus_norm",
    "twists",
]
