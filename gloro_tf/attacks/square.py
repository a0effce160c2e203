"""A search without gradients, by random squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from gloro_tf.attacks._searches import keep_higher
from gloro_tf.attacks.base import Attack, Task
from gloro_tf.data.checks import at_least
from gloro_tf.types import Array


class Square(Attack):
    """Random search that changes a square of the image at a time and keeps what raises the margin.

    Squares start with a share `p` of the pixels and shrink as queries go by. In L-infinity the
    square gets the colour of a corner of the ball; in L2 a bump of random signs is added and the
    perturbation is scaled back to the sphere. Inputs of rank one have intervals for squares.

    It needs no gradients, so it shows where a model only hides them.

    Args:
        queries: int. Evaluations of each input. Defaults to 1000.
        p: float in (0, 1]. Share of the pixels in the first squares. Defaults to 0.3.
        norm, bounds, seed, batch_size: as in `Attack`.
        **kwargs: of `Attack`: `norm`, `bounds`, `seed`, `batch_size`.

    Raises:
        ValueError: for `p` outside of (0, 1].

    Reference:
        After [Andriushchenko et al., Square Attack](https://arxiv.org/abs/1912.00049), algorithms 1
        and 2; its L2 bumps are redrawn here in a simpler form.
    """

    def __init__(self, *, queries: int = 1000, p: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.queries, self.p = at_least("queries", queries, 1), p
        if not 0 < p <= 1:
            raise ValueError(f"`p` must lie in (0, 1]. Received: p={p!r}")

    def search(self, task: Task) -> Array:
        ball, rng = task.ball, task.rng
        best = ball.project(ball.centre + ball.radius * ball.direction(self._stripes(ball, rng)))
        highest = task.target.margins(best, task.y)
        for query in range(self.queries):
            share = self.p * self._fall(query)
            bump = _window(ball.centre.shape, share, rng) * _signs(ball.centre.shape, rng)
            offset = best - ball.centre
            if self.norm == "linf":
                offset = np.where(bump != 0, ball.radius * bump, offset)
            else:
                length = self._fall(query) * rng.random((len(best), *[1] * (bump.ndim - 1)))
                offset = offset + ball.radius * length * ball.direction(bump)
                offset = ball.radius * ball.direction(offset)
            points = ball.project(ball.centre + offset)
            keep_higher(best, highest, points, task.target.margins(points, task.y))
            if np.all(highest > 0):
                break
        return best

    def _stripes(self, ball, rng):
        shape = ball.centre.shape
        if len(shape) == 2:
            return rng.choice([-1.0, 1.0], shape)
        return np.broadcast_to(rng.choice([-1.0, 1.0], (shape[0], 1, *shape[2:])), shape)

    def _fall(self, query):
        """From 1 down to about 0.001 over the queries."""
        return 10.0 ** (-3.0 * query / self.queries)


def _window(shape, share, rng):
    """A random square for each row, `(n, ..., 1)` of zeros and ones."""
    space = shape[1:-1] if len(shape) > 2 else shape[1:]
    mask = np.ones((shape[0], *[1] * (len(shape) - 1)))
    for axis, length in enumerate(space):
        side = max(1, round(length * share ** (1 / len(space))))
        start = rng.integers(0, length - side + 1, (shape[0], *[1] * (len(shape) - 1)))
        place = np.arange(length).reshape(-1, *[1] * (len(shape) - axis - 2))
        mask = mask * ((place >= start) & (place < start + side))
    return mask


def _signs(shape, rng):
    """A sign for each row and channel; for inputs of rank one, for each entry."""
    if len(shape) == 2:
        return rng.choice([-1.0, 1.0], shape)
    return rng.choice([-1.0, 1.0], (shape[0], *[1] * (len(shape) - 2), shape[-1]))
