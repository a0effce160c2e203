"""Which properties are active at an input, all boxes at once."""

import numpy as np
from keras import ops

from gloro_tf.self_correcting._numbers import inside_boxes


class Activity:
    """The preconditions of a `SafeOrdering`, as one function of tensors.

    Args:
        ordering: `SafeOrdering` with at least one property.
    """

    def __init__(self, ordering):
        self.pres = [p.pre for p in ordering]
        boxes = [p.boxes() for p in self.pres]
        self.boxed = [k for k, b in enumerate(boxes) if b is not None]
        self.others = [k for k, b in enumerate(boxes) if b is None]
        found = [(k, *box) for k in self.boxed for box in boxes[k]]
        self.owner = np.array([k for k, _, _ in found], "int32")
        if found:
            self.lower, self.upper = (np.stack([f[side] for f in found]) for side in (1, 2))

    def __call__(self, x, best):
        """`(batch, properties)` bool, of flat inputs (or `None`) and one-hot best classes."""
        columns = {k: self.pres[k].holds(x, best)[:, None] for k in self.others}
        if self.boxed:
            inside = inside_boxes(x, self.lower, self.upper)
            if not self.others and len(self.owner) == len(self.boxed):
                return inside
            for k in self.boxed:
                own = ops.take(inside, np.flatnonzero(self.owner == k).astype("int32"), axis=1)
                columns[k] = ops.any(own, axis=1, keepdims=True)
        return ops.concatenate([columns[k] for k in range(len(self.pres))], axis=1)


def first_best(scores):
    """One-hot rows of the best class, the first of equal ones; `(batch, classes)` bool."""
    m = scores.shape[-1]
    index = ops.arange(m, dtype="int32")[None]
    best = scores == ops.max(scores, axis=-1, keepdims=True)
    return index == ops.min(ops.where(best, index, m), axis=-1, keepdims=True)
