"""Which alternatives given scores satisfy, strictly."""

import numpy as np
from keras import ops

SMALL = 6
MOST_VALUES = 2**24


class Truth:
    """Decides alternatives for a batch of scores.

    Edges of a graph with the same targets are decided together, by a least and a largest score, so
    that "each of these above each of those" costs as much as one comparison.

    Args:
        alternatives: list of `Alternative`.
        owner: `(alternatives,)` integers, the property that each belongs to.
    """

    def __init__(self, alternatives, owner):
        m = len(alternatives[0].top)
        self.sets = {"low": [], "high": []}
        comparisons = []
        for number, one in enumerate(alternatives):
            for higher, lower in _bicliques(one.graph):
                low, high = self._place("low", higher, m), self._place("high", lower, m)
                comparisons.append((number, low, high))
        self.compared = np.array(comparisons, "int32").reshape(-1, 3)
        edges = np.zeros((len(comparisons), len(alternatives)), "float32")
        edges[np.arange(len(comparisons)), self.compared[:, 0]] = 1
        tops = ~np.stack([a.top for a in alternatives], 1)
        bottoms = ~np.stack([a.bottom for a in alternatives], 1)
        self.has_top, self.has_bottom = tops.any(), bottoms.any()
        parts = [edges, tops[: m * self.has_top], bottoms[: m * self.has_bottom]]
        self.weights = np.concatenate(parts).astype("float32")
        properties = int(owner[-1]) + 1
        self.alone = len(owner) == properties
        self.owners = (owner[:, None] == np.arange(properties)).astype("float32")

    def _place(self, side, members, m):
        """The position of a set's extreme score behind the scores; a single one is itself."""
        if len(members) == 1:
            return members[0]
        key = np.isin(np.arange(m), members).tobytes()
        if key not in self.sets[side]:
            self.sets[side].append(key)
        return m + self.sets[side].index(key)

    def __call__(self, scores):
        """Which properties hold, and which alternatives; `(batch, properties)` and `(batch, all)`."""
        found = []
        if len(self.compared):
            low = ops.take(self._extended(scores, "low"), self.compared[:, 1], axis=1)
            high = ops.take(self._extended(scores, "high"), self.compared[:, 2], axis=1)
            found.append(ops.logical_not(low > high))
        if self.has_top:
            found.append(scores == ops.max(scores, axis=-1, keepdims=True))
        if self.has_bottom:
            found.append(scores == ops.min(scores, axis=-1, keepdims=True))
        if not found:  # every order will do
            holds = ops.ones((1, len(self.owners)), "bool") & ops.ones_like(scores[:, :1], "bool")
        else:
            found = found[0] if len(found) == 1 else ops.concatenate(found, axis=-1)
            # Sums of products that are not negative: no precision can round one to zero.
            holds = ops.matmul(ops.cast(found, "float32"), self.weights) == 0
        if self.alone:
            return holds, holds
        return ops.matmul(ops.cast(holds, "float32"), self.owners) > 0, holds

    def _extended(self, scores, side):
        """The scores, and behind them the least or the largest score of each set."""
        if not self.sets[side]:
            return scores
        masks = np.stack([np.frombuffer(key, "bool") for key in self.sets[side]])
        m, parts = masks.shape[1], [scores]
        step = max(1, MOST_VALUES // (128 * m))
        for start in range(0, len(masks), step):
            mask = ops.convert_to_tensor(masks[None, start : start + step])
            rows = scores[:, None, :]
            if side == "low":
                parts.append(ops.min(ops.where(mask, rows, np.inf), axis=-1))
            else:
                parts.append(ops.max(ops.where(mask, rows, -np.inf), axis=-1))
        return ops.concatenate(parts, axis=-1)


def _bicliques(graph):
    """The edges as pairs of sets, each of the first above each of the second."""
    groups = {}
    for i in np.flatnonzero(graph.any(axis=1)):
        groups.setdefault(graph[i].tobytes(), []).append(int(i))
    for higher in groups.values():
        lower = np.flatnonzero(graph[higher[0]]).tolist()
        if len(higher) * len(lower) <= SMALL:
            yield from (([i], [j]) for i in higher for j in lower)
        else:
            yield higher, lower
