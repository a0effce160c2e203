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
    x = _to_unit_maximum(x)
    length = ops.sqrt(ops.sum(ops.square(x), axis=_entries(x), keepdims=True))
    return ops.divide_no_nan(x, length)


def norm(x: Tensor) -> Tensor:
    """Returns the L2 norm of each entry of a batch, with gradient `x / ||x||` (zero at zero)."""
    return ops.sum(x * ops.stop_gradient(normalize(x)), axis=_entries(x))


def _entries(x):
    return tuple(range(1, len(x.shape)))


def _to_unit_maximum(x):
    return ops.divide_no_nan(x, ops.max(ops.abs(x), axis=_entries(x), keepdims=True))


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
        return normalize(adjoint(_to_unit_maximum(apply(iterate))))

    if steps > UNROLLED:  # traced once, not once for each step
        return ops.stop_gradient(ops.fori_loop(0, steps, move, iterate))
    for number in range(steps):
        iterate = move(number, iterate)
    return ops.stop_gradient(iterate)
