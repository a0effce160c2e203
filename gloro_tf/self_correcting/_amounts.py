"""By how much scores miss alternatives, with gradients."""

import numpy as np
from keras import ops

from gloro_tf.self_correcting._truth import Truth


class Amounts:
    """How far each constraint of each alternative is violated; negative where it holds.

    Args:
        ordering: `SafeOrdering` with at least one property.
    """

    def __init__(self, ordering):
        found = [a for alternatives in ordering.alternatives for a in alternatives]
        counts = [len(a) for a in ordering.alternatives]
        self.owner = np.repeat(np.arange(len(counts)), counts)
        self.truth = Truth(found, self.owner)
        self.tops, self.bottoms = (
            [(d, mask) for d, mask in enumerate(masks) if not mask.all()]
            for masks in ([a.top for a in found], [a.bottom for a in found])
        )
        rows = [*self.truth.compared[:, 0], *[d for d, _ in self.tops + self.bottoms]]
        self.belongs = np.array(rows, "int64")[:, None] == np.arange(len(found))
        self.sign = -1.0 if ordering.score == "min" else 1.0

    def __call__(self, y):
        """`(batch, constraints)` amounts for outputs `(batch, classes)`."""
        scores = y * self.sign
        low = ops.take(self.truth._extended(scores, "low"), self.truth.compared[:, 1], axis=1)
        high = ops.take(self.truth._extended(scores, "high"), self.truth.compared[:, 2], axis=1)
        parts = [high - low]
        for masks, sign in ((self.tops, 1.0), (self.bottoms, -1.0)):
            if masks:
                mask = ops.convert_to_tensor(np.stack([mask for _, mask in masks])[None])
                rows = scores[:, None, :] * sign
                own = ops.max(ops.where(mask, rows, -np.inf), axis=-1)
                parts.append(ops.max(ops.where(mask, -np.inf, rows), axis=-1) - own)
        return ops.concatenate(parts, axis=-1)

    def by_property(self, amounts, reduce):
        """The least over a property's alternatives of what `reduce` makes of their constraints.

        Args:
            amounts: `(batch, constraints)` tensor.
            reduce: `"sum"` or `"max"`.
        """
        columns = []
        for k in range(int(self.owner[-1]) + 1):
            values = []
            for d in np.flatnonzero(self.owner == k):
                own = np.flatnonzero(self.belongs[:, d]).astype("int32")
                if len(own):
                    values.append(getattr(ops, reduce)(ops.take(amounts, own, axis=1), axis=1))
                else:  # asks for nothing
                    none = 0.0 if reduce == "sum" else -np.inf
                    values.append(ops.sum(ops.zeros_like(amounts), axis=1) + none)
            columns.append(ops.min(ops.stack(values), axis=0))
        return ops.stack(columns, axis=1)
