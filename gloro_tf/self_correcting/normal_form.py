"""Postconditions as a list of alternatives, each an order graph and two masks; exact."""

import itertools

import numpy as np

from gloro_tf.self_correcting.expressions import Above, And, Bottom, Or, Top

MOST_ALTERNATIVES = 4096


class Alternative:
    """One way to be safe: an order graph, and which classes may score best and worst.

    Args:
        graph: `(m, m)` bool array; `graph[i, j]` asks that class `i` scores above class `j`.
        top, bottom: `(m,)` bool arrays, the classes that may score best and worst.
    """

    def __init__(self, graph, top, bottom):
        self.graph, self.top, self.bottom = graph, top, bottom
        classes = np.arange(len(top))
        best = np.flatnonzero(graph.sum(axis=1) == len(top) - 1)
        worst = np.flatnonzero(graph.sum(axis=0) == len(top) - 1)
        if len(best) or len(worst):  # above or below all others: a mask says the same
            self.graph = graph.copy()
            self.graph[best], self.graph[:, worst] = False, False
        for i in best:
            self.top = self.top & (classes == i)
        for i in worst:
            self.bottom = self.bottom & (classes == i)

    @classmethod
    def free(cls, m):
        """The alternative that every order satisfies."""
        return cls(np.zeros((m, m), "bool"), np.ones(m, "bool"), np.ones(m, "bool"))

    def __and__(self, other):
        return Alternative(
            self.graph | other.graph, self.top & other.top, self.bottom & other.bottom
        )

    def key(self):
        """Equal for equal alternatives."""
        return self.graph.tobytes(), self.top.tobytes(), self.bottom.tobytes()

    def edges(self):
        """Number of pairs that the graph orders."""
        return int(self.graph.sum())

    def tops(self):
        """`(m,)` bool: the classes that score best in some order that satisfies it; exact.

        With an acyclic graph those are its sources in `top` that leave some sink in `bottom`.
        """
        if not acyclic(self.graph):
            return np.zeros_like(self.top)
        sources, sinks = ~self.graph.any(axis=0), ~self.graph.any(axis=1)
        ends = self.bottom & sinks
        found = self.top & sources
        if ends.sum() == 1:
            found = found & ~ends
        return found if ends.any() else np.zeros_like(found)

    def implies(self, other):
        """Whether every order that satisfies this one satisfies the other; sound, not complete."""
        closed = closure(self.graph)
        inside = not np.any(self.top & ~other.top) and not np.any(self.bottom & ~other.bottom)
        return bool(inside and not np.any(other.graph & ~closed))


def closure(graph):
    """The transitive closure of a bool graph, by repeated squaring."""
    reach = graph.copy()
    while True:
        wide = reach.astype("float32")
        further = reach | (wide @ wide > 0)
        if np.array_equal(further, reach):
            return reach
        reach = further


def acyclic(graph):
    """Whether a bool graph has no cycle: vertices without incoming edges can all be removed."""
    left = np.ones(len(graph), "bool")
    incoming = graph.sum(axis=0)
    while left.any():
        free = left & (incoming == 0)
        if not free.any():
            return False
        incoming = incoming - graph[free].sum(axis=0)
        left &= ~free
    return True


def alternatives(expression, score="max"):
    """The normal form of a postcondition, for scores: larger is better.

    Args:
        expression: of `expressions`.
        score: `"max"`, or `"min"` where a smaller raw output scores better.

    Returns:
        list of satisfiable `Alternative`s; empty where the expression contradicts itself.

    Raises:
        ValueError: if it has more than 4,096 alternatives.
    """
    m = expression.num_outputs
    if isinstance(expression, Or):
        return simplify([a for part in expression.parts for a in alternatives(part, score)])
    if isinstance(expression, And):
        found = [Alternative.free(m)]
        for part in expression.parts:
            found = conjunction([found, alternatives(part, score)])
        return found
    one = Alternative.free(m)
    if isinstance(expression, Above):
        sides = expression.higher, expression.lower
        higher, lower = sides if score == "max" else sides[::-1]
        graph = one.graph.copy()
        graph[np.ix_(higher, lower)] = True
        return simplify([Alternative(graph, one.top, one.bottom)])
    members = np.isin(np.arange(m), expression.members)
    if isinstance(expression, Top) == (score == "max"):
        return simplify([Alternative(one.graph, members, one.bottom)])
    assert isinstance(expression, (Top, Bottom))
    return simplify([Alternative(one.graph, one.top, members)])


def conjunction(lists, most=MOST_ALTERNATIVES):
    """The alternatives of an "and" of postconditions, each given as its alternatives."""
    found = lists[0]
    for other in lists[1:]:
        if len(found) * len(other) > 16 * most:
            raise ValueError(
                f"A postcondition must have at most {most} alternatives. Received: "
                f"{len(found)} times {len(other)}. Split it into several properties."
            )
        found = simplify([a & b for a, b in itertools.product(found, other)])
    if len(found) > most:
        raise ValueError(
            f"A postcondition must have at most {most} alternatives. Received: {len(found)}."
        )
    return found


def simplify(found):
    """Drops impossible, equal and needless alternatives, and merges those that differ in a mask."""
    found = [a for a in found if a.tops().any()]
    if len(found) < 2:
        return found
    found = _merge(_not_extreme(found))
    if len(found) > 256:
        return found
    kept = []
    for i, one in enumerate(found):
        others = kept + found[i + 1 :]
        if not any(one.implies(other) for other in others):
            kept.append(one)
    return kept


def _merge(found):
    """Unites the masks of alternatives that are equal but for one of their two masks."""
    for of, rest in (("top", "bottom"), ("bottom", "top")):
        groups = {}
        for one in found:
            groups.setdefault((one.graph.tobytes(), getattr(one, rest).tobytes()), []).append(one)
        found = []
        for group in groups.values():
            masks = {of: np.any([getattr(a, of) for a in group], axis=0)}
            found.append(Alternative(group[0].graph, **{rest: getattr(group[0], rest), **masks}))
    return found


def _not_extreme(found):
    """Turns "some class is above i", written as one alternative for each class, into a mask."""
    m = len(found[0].top)
    lone = [a.edges() == 1 and a.top.all() and a.bottom.all() for a in found]
    pairs = np.zeros((m, m), "bool")
    for one in itertools.compress(found, lone):
        pairs |= one.graph
    beaten = np.flatnonzero(pairs.sum(axis=0) == m - 1)
    beating = np.flatnonzero(pairs.sum(axis=1) == m - 1)
    if not len(beaten) and not len(beating):
        return found
    kept = [
        a
        for a, single in zip(found, lone, strict=True)
        if not (single and (a.graph[:, beaten].any() or a.graph[beating].any()))
    ]
    free = Alternative.free(m)
    eye = np.eye(m, dtype="bool")
    kept += [Alternative(free.graph, ~eye[i], free.bottom) for i in beaten]
    kept += [Alternative(free.graph, free.top, ~eye[i]) for i in beating]
    return kept
