"""The correction itself: the best admissible order of the classes, and scores in that order."""

import numpy as np
from keras import ops

from gloro_tf.self_correcting._numbers import wide

UNROLLED = 16
DENSE = 512
MOST_VALUES = 2**25
ROWS = 128  # what a block of the search is measured by
LIMITS = {  # the step to a different value, the smallest normal one, the largest
    "float16": (2.0**-9, 2.0**-14, 65504.0),
    "bfloat16": (2.0**-6, 2.0**-126, 3.3895313892515355e38),
    "float32": (2.0**-23, 2.0**-126, float(np.finfo("float32").max)),
    "float64": (2.0**-52, 2.0**-1022, float(np.finfo("float64").max)),
}


class Sorting:
    """Finds, for each row, an order that satisfies one alternative of each active property.

    The classes are placed one after the other, each time the best-scoring one whose superiors are all
    placed. So an order that is safe stays as it is, and the class on top is the best-scoring one that
    any safe order has there: the published priority, exact, also where the top class cannot stay.

    Args:
        alternatives: list of all `Alternative`s.
        combinations: `Combinations`.
    """

    def __init__(self, alternatives, combinations):
        self.m = m = len(alternatives[0].top)
        counts = "int8" if combinations.num_slots < 128 else "int16"
        none = np.zeros((1, m, m), counts)
        graphs = np.concatenate([np.stack([a.graph for a in alternatives]).astype(counts), none])
        linked = graphs.any(axis=(0, 1)) | graphs.any(axis=(0, 2))
        self.involved, self.free = (np.flatnonzero(i).astype("int32") for i in (linked, ~linked))
        size = len(self.involved)
        self.graphs = graphs[:, self.involved][:, :, self.involved].reshape(
            len(graphs) * size, size
        )
        tops, bottoms = (
            np.stack([getattr(a, side) for a in alternatives] + [np.ones(m, "bool")])
            for side in ("top", "bottom")
        )
        self.bounded = bool(not bottoms.all())
        facts = {"blocked": graphs.sum(1)}
        if not tops.all():
            facts["barred"] = ~tops
        if self.bounded:
            facts.update(above=graphs.sum(2), not_last=~bottoms)
        self.names = list(facts)
        self.facts = np.stack([f.astype("int32") for f in facts.values()], 1)  # (all + 1, names, m)
        self.picks = combinations.picks
        numbers = np.arange(1, len(combinations.slots) + 1, dtype="int32")
        slots = np.arange(combinations.num_slots)[:, None]
        self.numbers = np.where(combinations.slots == slots, numbers, 0)  # (slots, properties)
        values = max(size * size, combinations.num_slots * len(facts) * m)
        self.block = max(1, min(len(combinations), MOST_VALUES // (ROWS * values)))

    def __call__(self, scores, active):
        """Searches all combinations.

        Args:
            scores: `(batch, m)` tensor without NaN.
            active: `(batch, properties)` bool tensor.

        Returns:
            dict of `(batch, m)` int32 tensors `order` (the classes by their scores), `place` (the new
            position of each class) and `source` (the class whose score each class gets), and
            `(batch,)` ones `top` (the old position of the new top class; `m` where no order is safe)
            and `combination`.
        """
        m = self.m
        zeros = ops.where(scores == 0, 0.0, -scores)  # XLA sorts -0.0 before 0.0
        order = _argsort(zeros)  # stable on all three backends
        rank = _argsort(order)
        named = ops.where(active[:, None, :], self.numbers[None], 0)
        property_of = (ops.max(named, axis=-1) - 1) % len(self.picks)  # its last row: none
        count = self.picks.shape[1]
        blocks = -(-count // self.block)
        table = np.resize(self.picks.T, (blocks * self.block, len(self.picks)))
        table[count:] = self.picks[:, -1]
        table = ops.convert_to_tensor(table.reshape(blocks, self.block, -1))

        def search(number, best):
            picks = ops.transpose(ops.take(table, number, axis=0))
            picked = ops.transpose(ops.take(picks, property_of, axis=0), (0, 2, 1))
            return self._better(best, number, *self._block(rank, picked))

        best = {"top": rank[:, 0] * 0 + m, "combination": rank[:, 0] * 0, "place": rank}
        if blocks == 1:
            best = search(0, best)
        else:
            best = ops.fori_loop(0, blocks, search, best)
        source = ops.take_along_axis(order, best["place"], axis=-1)
        return {"order": order, "source": source, **best}

    def _better(self, best, number, top, place):
        """The best so far, from the best of before and a block's `(batch, block)` results."""
        block, m = self.block, self.m
        index = ops.arange(block, dtype="int32")[None]
        least = ops.min(top * block + index, axis=-1)
        chosen = least % block
        ahead = least // block < best["top"]
        own = ops.sum(ops.where((index == chosen[:, None])[..., None], place, 0), axis=1)
        return {
            "top": ops.where(ahead, least // block, best["top"]),
            "combination": ops.where(ahead, number * block + chosen, best["combination"]),
            "place": ops.reshape(ops.where(ahead[:, None], own, best["place"]), (-1, m)),
        }

    def _block(self, rank, picked):
        """For each row and combination: the rank of the new top class (`m` if none) and all places."""
        m, slots = self.m, picked.shape[-1]
        picked = ops.reshape(picked, (-1, slots))
        rank = ops.reshape(ops.repeat(rank[:, None], self.block, axis=1), (-1, m))
        facts = ops.sum(ops.take(ops.convert_to_tensor(self.facts), picked, axis=0), axis=1)
        facts = {name: facts[:, i] for i, name in enumerate(self.names)}
        starts = facts["blocked"] == 0
        if "barred" in facts:
            starts = starts & (facts["barred"] == 0)
        last = None
        if self.bounded:
            ends = (facts["above"] == 0) & (facts["not_last"] == 0)
            bounded = ops.any(facts["not_last"] > 0, axis=-1, keepdims=True)
            sole = ops.sum(ops.cast(ends, "int32"), axis=-1, keepdims=True) == 1
            starts = starts & ops.logical_not(bounded & sole & ends)
        top = ops.min(ops.where(starts, rank, m), axis=-1)
        first = rank == top[:, None]
        if self.bounded:
            worst = ops.max(
                ops.where(ends & ops.logical_not(first), rank, -1), axis=-1, keepdims=True
            )
            top = ops.where(bounded[:, 0] & (worst[:, 0] < 0), m, top)
            last = bounded & (rank == worst)
        key = ops.where(first, -1, rank)
        if last is not None:
            key = key + m * ops.cast(last, "int32")
        if len(self.involved):
            place, cyclic = self._place(key, facts["blocked"], picked)
            top = ops.where(cyclic, m, top)
        else:
            place = _argsort(_argsort(key))
        shape = (-1, self.block)
        return ops.reshape(top, shape), ops.reshape(place, (*shape, m))

    def _place(self, key, blocked, picked):
        """Places the classes one by one, the least key first of those that nothing blocks.

        Classes that no graph orders are left out, and merged in by their keys: such a class comes
        before an ordered one if its key is below that of any placed until then.
        """
        size = len(self.involved)
        own = key if size == self.m else ops.take(key, self.involved, axis=1)
        blocked = blocked if size == self.m else ops.take(blocked, self.involved, axis=1)
        base, rows = self._unions(picked)
        index = ops.arange(size, dtype="int32")[None]
        bound = 2 * self.m  # above all keys

        def step(number, state):
            waiting, place, level, highest, cyclic = state
            chosen = ops.cast(ops.argmin(waiting, axis=-1), "int32")
            least = ops.min(waiting, axis=-1)
            here = index == chosen[:, None]
            highest = ops.maximum(highest, least)
            freed = ops.cast(ops.take(base, rows + chosen, axis=0), "int32")
            waiting = ops.where(here, bound, waiting - bound * freed)
            place = ops.where(here, number, place)
            level = ops.where(here, highest[:, None], level)
            return waiting, place, level, highest, cyclic | (least >= bound)

        zeros = ops.zeros_like(own)
        state = (own + bound * blocked, zeros, zeros, zeros[:, 0] - 1, zeros[:, 0] > 0)
        if size <= UNROLLED:
            for number in range(size):
                state = step(number, state)
        else:
            state = ops.fori_loop(0, size, step, state)
        _, place, level, _, cyclic = state
        if size == self.m:
            return place, cyclic
        ordered = ops.minimum(level, bound) * (size + 1) + 1 + place
        others = ops.take(key, self.free, axis=1) * (size + 1)
        joined = ops.concatenate([ordered, others], axis=1)
        joined = ops.take(joined, np.argsort([*self.involved, *self.free]).astype("int32"), axis=1)
        return _argsort(_argsort(joined)), cyclic

    def _unions(self, picked):
        """The graphs that rows ask for: a table of edges, and where the ones of each row start."""
        size, slots = len(self.involved), picked.shape[-1]
        if slots == 1:
            return ops.convert_to_tensor(self.graphs), picked[:, 0] * size
        flat = self.graphs.reshape(-1, size * size)
        if size <= DENSE and slots * len(flat) <= size * size:
            # Sums of products of zeros and ones, exact in any precision of matrix products.
            chosen = ops.sum(ops.one_hot(picked, len(flat), dtype="float32"), axis=1)
            union = ops.cast(ops.matmul(chosen, flat.astype("float32")), str(flat.dtype))
        else:
            graphs = ops.convert_to_tensor(flat)
            add = lambda k, union: union + ops.take(graphs, ops.take(picked, k, axis=1), axis=0)  # noqa: E731
            union = ops.fori_loop(1, slots, add, ops.take(graphs, picked[:, 0], axis=0))
        return ops.reshape(union, (-1, size)), ops.cumsum(ops.ones_like(picked[:, 0])) * size - size


def _argsort(values):
    return ops.cast(ops.argsort(values, axis=-1), "int32")


def hand_out(scores, found, dtype):
    """The scores in a new order, equal ones separated: the class in place `k` gets the k-th largest.

    Args:
        scores: `(batch, m)` tensor.
        found: as `Sorting` or `Table` returns it.
        dtype: str. The type of the outputs, in which no two of them may be equal.
    """

    def separated():
        given = ops.take_along_axis(scores, found["order"], axis=-1)
        return ops.take_along_axis(separate(given, dtype), found["place"], axis=-1)

    if "tied" not in found:
        return separated()
    return ops.cond(found["tied"], separated, lambda: _picked(scores, found["source"]))


def _picked(values, index):
    """`take_along_axis` of a few values, in fewer operations."""
    chosen = index[:, :, None] == np.arange(values.shape[-1], dtype="int32")
    return ops.max(ops.where(chosen, values[:, None, :], -np.inf), axis=-1)


def separate(falling, dtype):
    """Lowers equal values of a falling row, each to just below the one before; others stay.

    A step is a few units in the last place of `dtype`, and no subnormal number.
    """
    eps, tiny, largest = LIMITS[dtype]

    def below(values):
        step = ops.maximum(ops.abs(values) * eps, tiny)
        finite = ops.where(ops.isfinite(values), values - step, values)
        lower = ops.where(values == np.inf, largest, finite)
        return wide(ops.cast(lower, dtype)) if dtype in ("float16", "bfloat16") else lower

    def lowered(values):
        before = ops.concatenate([ops.full_like(values[:, :1], np.inf), values[:, :-1]], axis=-1)
        top = ops.arange(values.shape[-1])[None] == 0
        return ops.where(top | (falling < before), falling, below(before))

    def body(values, changed):
        new = lowered(values)
        return new, ops.any(new < values)

    found = ops.while_loop(
        lambda values, changed: changed,
        body,
        (falling, ops.any(falling[:, 1:] >= falling[:, :-1])),
        maximum_iterations=falling.shape[-1],
    )
    return found[0]
