"""Orthonormal rows by a Cholesky factor, differentiable with matrix products alone."""

from __future__ import annotations

import numpy as np
from keras import ops

from gloro_tf.types import Tensor

RIDGE = 1e-3


def cholesky_orthogonalize(matrix: Tensor) -> Tensor:
    """Returns `L^-1 X` for `X X^T + e I = L L^T`: nearly orthonormal rows, singular values below 1.

    With `e = 1e-3 * mean diag(X X^T)`, constant under differentiation, a singular value `s` becomes
    `s / sqrt(s^2 + e)`. The derivative `L^-1 dX - tril_half(L^-1 dS L^-T) W` needs no derivative of a
    factorisation: the factor is constant, and the term is added with value zero.

    Args:
        matrix: `(rows, columns)` tensor with at least as many columns as rows.

    Returns:
        A tensor of the same shape.

    Reference:
        [Hu et al., A Recipe for Improved Certifiable Robustness](https://arxiv.org/abs/2310.02513),
        section 4.
    """
    rows = matrix.shape[0]
    fixed = ops.stop_gradient(matrix)
    gram = ops.matmul(fixed, ops.transpose(fixed))
    eye = ops.eye(rows, dtype=matrix.dtype)
    ridge = RIDGE * ops.sum(gram * eye) / rows
    inverse = ops.solve_triangular(ops.cholesky(gram + ridge * eye), eye, lower=True)
    inverse = ops.stop_gradient(inverse)
    moving = ops.matmul(inverse, matrix)
    result = ops.stop_gradient(moving)
    product = ops.matmul(moving, ops.transpose(result))
    half = np.tril(np.ones((rows, rows)), -1) + 0.5 * np.eye(rows)
    change = ops.cast(half, matrix.dtype) * (product + ops.transpose(product))
    correction = ops.matmul(change, result)
    return moving - correction + ops.stop_gradient(correction)
