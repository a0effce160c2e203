"""Relaxed robustness: promises about the set of the k best classes, not about the best one.

With `(1), (2), ...` the classes in the order of their logits, the set of the `k` best is kept within
a radius as long as no class outside of it can pass any inside:

    r_k = min over j among the k best, i not among them of (logit_j - logit_i) / K[j, i]

A relaxation says which `k` count. Everything here walks over the ranks once and keeps running minima
over `(batch, classes)`, so memory does not grow with `k`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from gloro_tf.types import ArrayLike, Tensor

if TYPE_CHECKING:
    from types import ModuleType


class Relaxation:
    """Which sets of best classes may be promised.

    Args:
        k: int. The largest set; 1 is ordinary robustness.
        sets: optional `(sets, classes)` bool array. Then the best classes must all lie in one of
            these sets.
    """

    def __init__(self, k: int = 1, sets: ArrayLike | None = None) -> None:
        self.k = int(k)
        self.sets = None if sets is None else np.asarray(sets, "bool")

    def allowed(self, order: Tensor, module: ModuleType = ops) -> list[Any]:
        """For each rank, whether the best classes up to it may be promised.

        Args:
            order: `(batch, k)` int. The classes in descending order of their logits.
            module: `keras.ops` or `numpy`.

        Returns:
            list of `(batch,)` bools, or of `None` where every set may be.
        """
        if self.sets is None:
            return [None] * self.k
        table = self.sets.T.astype("float32")
        if module is ops:
            table = ops.convert_to_tensor(table)
        shared, answers = 1.0, []
        for rank in range(self.k):
            shared = shared * module.take(table, order[:, rank], axis=0)
            answers.append(module.max(shared, axis=-1) > 0)
        return answers


STRICT = Relaxation()


def relaxed_bottom(
    logits: Tensor, growth_of: Callable[[Tensor], Tensor], relaxation: Relaxation = STRICT
) -> Tensor:
    """Appends a bottom score that leaves the best class on top where a relaxed promise holds.

    `bottom = min_k max_{j among the k best, i not} logit_i + growth[j, i] + (logit_(1) - logit_j)`,
    over the `k` that the relaxation allows. With `k = 1` it is `with_bottom`, bit for bit.

    Args:
        logits: `(batch, classes)` tensor.
        growth_of: callable from `(batch,)` classes `j` to `(batch, classes)`, how much each
            `logit_i - logit_j` can grow.
        relaxation: `Relaxation`.

    Returns:
        `(batch, classes + 1)` tensor.

    Reference:
        [Leino and Fredrikson, Relaxing Local Robustness](https://arxiv.org/abs/2106.06624),
        sections 3 and 4.
    """
    values, order = ops.top_k(logits, relaxation.k)
    allowed = relaxation.allowed(order)
    reach, inside, bottom = None, None, None
    for rank in range(relaxation.k):
        member = ops.one_hot(order[:, rank], logits.shape[-1], dtype="bool")
        scores = logits + growth_of(order[:, rank])
        if rank:
            scores = scores + (values[:, :1] - values[:, rank : rank + 1])
        reach = scores if reach is None else ops.maximum(reach, scores)
        inside = member if inside is None else ops.logical_or(inside, member)
        found = ops.max(ops.where(inside, -np.inf, reach), axis=-1, keepdims=True)
        if allowed[rank] is not None:
            found = ops.where(allowed[rank][:, None], found, np.inf)
        bottom = found if bottom is None else ops.minimum(bottom, found)
    return ops.concatenate([logits, bottom], axis=-1)


def relaxed_radii(
    logits: Tensor,
    rows_of: Callable[[Tensor], tuple[Tensor, Tensor]],
    relaxation: Relaxation = STRICT,
    module: ModuleType = ops,
) -> tuple[Tensor, Tensor]:
    """The radius within which the set of the `k` best classes stays, for each `k`.

    Args:
        logits: `(batch, classes)`.
        rows_of: callable from `(batch,)` classes `j` to `(growth, slack)`, `(batch, classes)` each:
            what each `logit_i - logit_j` gains for a unit of radius, and at radius 0 by rounding.
        relaxation: `Relaxation`.
        module: `keras.ops`, or `numpy` for float64 (rounded down).

    Returns:
        `(radii, order)`: `(batch, k)` radii, 0 where nothing is promised and -1 where the relaxation
        does not allow the set; `(batch, k)` classes.
    """
    classes = logits.shape[-1]
    order = _order(logits, relaxation.k, module)
    down = 1 - 1e-15 if module is np else 1.0
    allowed = relaxation.allowed(order, module)
    least, inside, radii = None, None, []
    for rank in range(relaxation.k):
        winner = order[:, rank]
        member = module.equal(module.arange(classes)[None], winner[:, None])
        growth, slack = rows_of(winner)
        own = module.sum(module.where(member, logits, 0.0), axis=-1, keepdims=True)
        margin = (own - logits) * down - slack * (2 - down)
        positive = growth > 0
        radius = module.where(positive, margin / module.where(positive, growth, 1.0) * down, np.inf)
        radius = module.where(margin > 0, radius, 0.0)
        least = radius if least is None else module.minimum(least, radius)
        inside = member if inside is None else module.logical_or(inside, member)
        found = module.min(module.where(inside, np.inf, least), axis=-1)
        if allowed[rank] is not None:
            found = module.where(allowed[rank], found, -1.0)
        radii.append(found)
    return module.stack(radii, axis=-1), order


def _order(logits, k, module):
    if module is np:
        return np.argsort(-logits, axis=-1, kind="stable")[:, :k]
    return ops.top_k(logits, k)[1]


def loosest(radii: Tensor, epsilon: Tensor) -> Tensor:
    """The largest promised `k` at a radius, `(batch,)` int32; 0 where nothing is promised.

    Args:
        radii: `(batch, k)` tensor, as `relaxed_radii` returns them.
        epsilon: float or scalar tensor.
    """
    ranks = np.arange(1, radii.shape[-1] + 1)
    return ops.cast(ops.max(ops.where(radii > epsilon, ranks[None], 0), axis=-1), "int32")
