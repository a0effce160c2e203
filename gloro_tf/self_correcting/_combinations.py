"""Which alternatives can be asked for together: the table that a correction searches."""

import itertools

import numpy as np


class Combinations:
    """All ways to pick one alternative of each active property, without those that cannot occur.

    Properties of which no two can be active at once share a *slot*; the slots' picks are combined.

    Args:
        ordering: `SafeOrdering`.
        most: int. The largest number of combinations.

    Attributes:
        slots: `(properties,)` integers.
        picks: `(properties + 1, combinations)` integers: which alternative, in the list of all, a
            property picks in a combination. The last row is for no property: one past the list.

    Raises:
        ValueError: for more than `most` combinations.
    """

    def __init__(self, ordering, most):
        self.ordering = ordering
        counts = np.array([len(a) for a in ordering.alternatives], "int64")
        self.slots = _slots(ordering, counts)
        self.num_slots = int(self.slots.max(initial=-1)) + 1
        widths = [int(counts[self.slots == s].max()) for s in range(self.num_slots)]
        if np.prod(np.array(widths, "float64")) > most:
            names = [f"{n}: {c}" for n, c in zip(ordering.names, counts, strict=True) if c > 1]
            raise ValueError(
                f"`max_combinations` must be at least {np.prod(np.array(widths, 'float64')):.0f}, as "
                "no alternative may be left out. Received: "
                f"max_combinations={most}, alternatives {{{', '.join(names)}}}. Write postconditions "
                "with `argmax_in` and `argmin_in`, which count once, or raise it."
            )
        chosen = np.array(list(itertools.product(*map(range, widths))), "int64")
        first = np.concatenate([[0], np.cumsum(counts)])
        rows = [
            first[k] + np.minimum(chosen[:, self.slots[k]], counts[k] - 1)
            for k in range(len(counts))
        ]
        rows.append(np.full(len(chosen), first[-1]))
        self.picks = np.array(rows, "int32")
        self.owner = np.repeat(np.arange(len(counts)), counts)

    def __len__(self):
        return self.picks.shape[1]


def exclusive(one, other, classes):
    """Whether no input can meet both preconditions; sound, not complete."""
    if not np.any(one.labels(classes) & other.labels(classes)):
        return True
    first, second = one.boxes(), other.boxes()
    if first is None or second is None:
        return False
    return not any(overlap(a, b) for a in first for b in second)


def overlap(one, other):
    """Whether two closed boxes share a point."""
    return bool(np.all((one[0] <= other[1]) & (other[0] <= one[1])))


def _slots(ordering, counts):
    """A greedy colouring: properties of one colour exclude each other, many alternatives first."""
    slots = np.full(len(counts), -1)
    members = []
    for k in np.argsort(-counts, kind="stable"):
        pre = ordering[int(k)].pre
        fitting = [
            slot
            for slot, group in enumerate(members)
            if all(exclusive(pre, ordering[g].pre, ordering.num_outputs) for g in group)
        ]
        slots[k] = fitting[0] if fitting else len(members)
        if not fitting:
            members.append([])
        members[slots[k]].append(int(k))
    return slots
