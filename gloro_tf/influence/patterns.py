"""Sums over many paths at linear cost, and greedy search where there are too many to list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from gloro_tf.influence import _sweep
from gloro_tf.influence._arrays import one_thread
from gloro_tf.influence._problem import MEMORY, Problem
from gloro_tf.influence.total import batch_influence, one
from gloro_tf.types import ArrayLike, Node

if TYPE_CHECKING:
    from gloro_tf.influence.lines import Line
    from gloro_tf.influence.quantities import Quantity
    from gloro_tf.influence.trace import LSTMTrace

_Begun: TypeAlias = tuple[tuple[Node, ...], tuple[float, ...]]


class GuidedPath(NamedTuple):
    """A path found by `guided_refinement`.

    - `nodes` (tuple): from the word to the quantity of interest.
    - `value` (float): its exact influence.
    - `history` (tuple of floats): the influence of all paths that begin with its first 1, 2, ... nodes;
      from the total to `value`.
    """

    nodes: tuple[Node, ...]
    value: float
    history: tuple[float, ...]


@one_thread
def pattern_influence(
    trace: LSTMTrace,
    ids: ArrayLike,
    quantity: Quantity,
    line: Line,
    through: Sequence[Node] = (),
    avoid: Sequence[Node] = (),
    memory: int = MEMORY,
) -> float:
    """The influence of all paths through every one of some nodes and through none of others.

    The paths are never listed; the cost is linear in the number of steps.

    Args:
        trace, ids, quantity, line, memory: as for `path_influences`.
        through: nodes `(kind, layer, step)` that a path must use, all of them.
        avoid: nodes that it must not use.

    Returns:
        float.

    Raises:
        ValueError: if a node is not in the graph, or both required and avoided.

    Example:

    ```python
    kept = pattern_influence(trace, ids, quantity, line, through=[("c", 1, 2)])
    rest = pattern_influence(trace, ids, quantity, line, avoid=[("c", 1, 2)])
    ```
    """
    problem = Problem(trace, one(ids), quantity, line, memory=memory)
    graph = problem.graph
    through, avoid = {tuple(n) for n in through}, {tuple(n) for n in avoid}
    graph.check(*through, *avoid)
    if through & avoid or avoid & {graph.source, graph.target}:
        raise ValueError(
            "`avoid` must not hold a node of `through`, nor the word or the quantity itself. "
            f"Received: through={sorted(through)}, avoid={sorted(avoid)}."
        )
    stops = [node for node in graph.nodes if node in through or node == graph.target]

    def chunk(edges, number):
        at = problem.start(number)
        for stop in stops:
            if stop not in at:
                # Only what has come through the last stop goes on to the next.
                ahead = _sweep.forward(graph, at, edges.push, problem.total, avoid=avoid)
                if stop not in ahead:
                    return 0.0
                at = {stop: ahead[stop]}
        return float(at[graph.target].sum())

    steps = int(batch_influence(problem).steps[0])
    return problem.average(chunk, steps, 4 * len(graph.nodes))


@one_thread
def guided_refinement(
    trace: LSTMTrace,
    ids: ArrayLike,
    quantity: Quantity,
    line: Line,
    beam: int = 1,
    sign: int | None = None,
    memory: int = MEMORY,
) -> list[GuidedPath]:
    """Follows the strongest pattern from the word to the quantity, one node at a time.

    At every node the paths so far are extended by each edge, and the extensions with the largest
    sums over all their completions are kept. The cost is linear in the number of steps and in
    `beam`. It is a greedy search: the paths it returns have their exact influence, but a stronger
    path may exist where cancellation hides it.

    Args:
        trace, ids, quantity, line, memory: as for `path_influences`.
        beam: int. How many beginnings are kept. Defaults to 1.
        sign: 1 to look for positive paths, -1 for negative. Defaults to the sign of the total.

    Returns:
        A list of `beam` or fewer `GuidedPath`, the strongest first.

    Raises:
        ValueError: for a `beam` below 1, or another `sign`.

    Reference:
        [Lu et al., Influence Patterns for Explaining Information Flow in BERT](
        https://arxiv.org/abs/2011.00740), for the greedy search.
    """
    if not (isinstance(beam, (int, np.integer)) and beam >= 1) or sign not in (None, 1, -1):
        raise ValueError(
            "`beam` must be an integer of at least 1, and `sign` 1, -1 or None. "
            f"Received: beam={beam!r}, sign={sign!r}."
        )
    problem = Problem(trace, one(ids), quantity, line, memory=memory)
    graph, found = problem.graph, batch_influence(problem)
    sign = sign or (1 if found.total[0] >= 0 else -1)
    steps = int(found.steps[0])
    beginnings = _Beginnings(problem, steps, beam)
    frontier: list[tuple[tuple[Node, ...], tuple[float, ...]]] = [
        ((graph.source,), (float(found.total[0]),))
    ]
    while any(nodes[-1] != graph.target for nodes, _ in frontier):
        # A finished path waits for the others; each round extends the rest by one edge.
        longer = [(nodes, h) for nodes, h in frontier if nodes[-1] == graph.target]
        open_ = [(nodes, h) for nodes, h in frontier if nodes[-1] != graph.target]
        tries = [(nodes + (n,), h) for nodes, h in open_ for n in graph.out_of(nodes[-1])]
        values = beginnings([nodes for nodes, _ in tries])
        longer += [(nodes, (*h, float(v))) for (nodes, h), v in zip(tries, values)]
        frontier = sorted(longer, key=lambda entry: -sign * entry[1][-1])[:beam]
    return [GuidedPath(nodes, history[-1], history) for nodes, history in frontier]


class _Beginnings:
    """Sums over all paths that begin alike; what one chunk of the line needs is kept between calls."""

    def __init__(self, problem, steps, beam):
        self.problem, self.steps = problem, steps
        self.parts = problem.chunks(steps, 4 * len(problem.graph.nodes) + 16 * beam)
        self.kept = None

    def __call__(self, paths):
        return sum(self._part(part, paths) for part in self.parts) / self.steps

    def _prepare(self, part):
        problem = self.problem
        edges, start = problem.edges(part), problem.start(len(part))
        back = _sweep.backward(problem.graph, problem.end(edges), edges.pull, problem.total)
        return edges, back, {(node,): stack for node, stack in start.items()}

    def _part(self, part, paths):
        edges, back, stacks = self.kept or self._prepare(part)
        new, sums = {}, np.zeros(len(paths))
        for k, path in enumerate(paths):
            if path[-1] in back:
                new[path] = self._stack(edges, stacks, path)
                sums[k] = (new[path] * back[path[-1]]).sum()
        if len(self.parts) == 1:
            self.kept = edges, back, new
        return sums

    def _stack(self, edges, stacks, path):
        known = next(n for n in range(len(path), 0, -1) if path[:n] in stacks)
        stack = stacks[path[:known]]
        for source, node in zip(path[known - 1 :], path[known:]):
            stack = edges.push(source, node, stack)
        return stack
