"""Power iteration: the cheap, differentiable *estimate* of a spectral norm.

An estimate approaches the norm from below, so it trains and never certifies.
"""

from __future__ import annotations

from collections.abc import Callable

from keras import ops

from gloro_tf.types import Tensor

UNROLLED = 2  # a training step takes that many by default


def normalize(x: Tensor) -> Tensor:
    """Scales each entry of a batch to unit L2 norm; an exactly zero entry stays zero.

    The division by the largest value first keeps operators with norms from 1e-30 to 1e30 away
    from float32 under- and overflow. No constant is added to the norm, which would bias the
    estimate of small layers downwards.

    Args:
        x: `(batch, ...)` tensor.

    Returns:
        A tensor of the same shape.
    """
    axes = tuple(range(1, len(x.shape)))
    largest = ops.max(ops.abs(x), axis=axes, keepdims=True)
    x = x / ops.where(largest > 0, largest, 1.0)
    length = ops.sqrt(ops.sum(ops.square(x), axis=axes, keepdims=True))
    return x / ops.where(length > 0, length, 1.0)


def norm(x: Tensor) -> Tensor:
    """Returns the L2 norm of each entry of a batch, with gradient `x / ||x||` (zero at zero)."""
    axes = tuple(range(1, len(x.shape)))
    largest = ops.stop_gradient(ops.max(ops.abs(x), axis=axes, keepdims=True))
    scale = ops.where(largest > 0, largest, 1.0)
    square = ops.sum(ops.square(x / scale), axis=axes)
    positive = square > 0
    root = ops.sqrt(ops.where(positive, square, 1.0))
    return ops.where(positive, ops.reshape(scale, (-1,)) * root, 0.0)


def power_iterate(
    apply: Callable[[Tensor], Tensor],
    adjoint: Callable[[Tensor], Tensor],
    iterate: Tensor,
    steps: int,
) -> Tensor:
    """Moves an iterate towards the top right singular vector of a linear map.

    Args:
        apply: callable. The linear map.
        adjoint: callable. Its adjoint.
        iterate: `(batch, ...)` tensor in the map's domain; each entry moves on its own.
        steps: int. Number of applications of `adjoint(apply(.))`.

    Returns:
        The normalised iterate, without gradient.
    """

    def move(_, iterate):
        return normalize(adjoint(normalize(apply(iterate))))

    if steps > UNROLLED:  # traced once, not once for each step
        return ops.stop_gradient(ops.fori_loop(0, steps, move, iterate))
    for number in range(steps):
        iterate = move(number, iterate)
    return ops.stop_gradient(iterate)
