"""The influence of every path from a word to the quantity of interest."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from gloro_tf.influence import _algorithms
from gloro_tf.influence._arrays import one_thread
from gloro_tf.influence._problem import MEMORY, Problem
from gloro_tf.influence.graph import label, primary_path
from gloro_tf.influence.total import Influence, batch_influence, first, one
from gloro_tf.types import Array, ArrayLike, Node

if TYPE_CHECKING:
    from gloro_tf.influence.lines import Line
    from gloro_tf.influence.quantities import Quantity
    from gloro_tf.influence.trace import LSTMTrace

METHODS = {
    "mitm": _algorithms.meet_in_the_middle,
    "enumerate": _algorithms.enumerate_paths,
}


@dataclasses.dataclass(frozen=True)
class Path:
    """One path and its influence.

    - `nodes` (tuple): from the word to the quantity of interest.
    - `value` (float): its influence.
    - `index` (int): its number in `PathInfluences.values`.
    - `rank` (int): 1 for the most positive path of the sentence.
    """

    nodes: tuple[Node, ...]
    value: float
    index: int
    rank: int
    problem: Problem = dataclasses.field(repr=False, compare=False)
    steps: int = dataclasses.field(repr=False, compare=False)

    def __str__(self):
        return f"{self.value:+.4f}  #{self.rank}  {label(self.nodes)}"


class PathInfluences:
    """The influences of all paths for one sentence; made by `path_influences`.

    Args:
        problem: the sentence, quantity and line.
        values: `(paths,)` float64 array.
        influence: `Influence` of the word as a whole.

    Attributes:
        values: `(paths,)` float64, in an order that depends on the graph alone, so that an index
            means the same path, up to its position, in all sentences of a task.
        influence: the `Influence` of the word as a whole, with the completeness error.
        graph: `GateGraph`.
    """

    def __init__(self, problem: Problem, values: Array, influence: Influence) -> None:
        self._problem, self.values, self.influence = problem, values, influence
        self.graph = problem.graph

    def __len__(self):
        return len(self.values)

    def __repr__(self):
        kept = self.influence
        return (
            f"PathInfluences({len(self)} paths, sum={self.values.sum():.6g}, q={kept.q:.6g}, "
            f"q_neutral={kept.q_neutral:.6g}, completeness_error={kept.completeness_error:.2%}, "
            f"steps={kept.steps})"
        )

    def name(self, index: int) -> tuple[Node, ...]:
        """The nodes of the path with an index.

        Args:
            index: int. The number of the path.
        """
        return self.graph.path(index)

    def index(self, path: int | np.integer | Path | Sequence[Node]) -> int:
        """The index of a path: an integer, a `Path`, or its nodes.

        Args:
            path: one of these.
        """
        if isinstance(path, (int, np.integer)):
            self.graph.path(int(path))
            return int(path)
        return self.graph.index(getattr(path, "nodes", path))

    def __getitem__(self, path):
        """The `Path` with an index or with these nodes."""
        index = self.index(path)
        value = float(self.values[index])
        rank = 1 + int(np.sum(self.values > value))
        return Path(self.name(index), value, index, rank, self._problem, self.influence.steps)

    def top(
        self, number: int = 10, by: Literal["positive", "negative", "size"] = "positive"
    ) -> list[Path]:
        """The leading paths.

        Args:
            number: int.
            by: `"positive"`, `"negative"` or `"size"`. Defaults to `"positive"`.

        Returns:
            A list of `Path`.

        Raises:
            ValueError: for another `by`, or a `number` that is no count.
        """
        keys = {"positive": -self.values, "negative": self.values, "size": -np.abs(self.values)}
        if by not in keys:
            raise ValueError(f"`by` must be one of {sorted(keys)}. Received: by={by!r}.")
        if not hasattr(number, "__index__") or number < 0:
            raise ValueError(
                f"`number` must be an integer that is not negative. Received: number={number!r}."
            )
        return [self[index] for index in np.argsort(keys[by], kind="stable")[:number]]

    @functools.cached_property
    def primary(self):
        """The published primary path as a `Path`; whether it leads here, its `rank` says."""
        graph = self.graph
        return self[primary_path(graph.layers, graph.first, graph.last)]

    def share(self, path: int | np.integer | Path | Sequence[Node]) -> float:
        """A path's part of all positive influence; of all negative influence if it is negative.

        Shares of graphs with different numbers of paths cannot be compared.

        Args:
            path: an index, a `Path`, or nodes.

        Returns:
            float, with the sign of the path's influence.
        """
        value = self.values[self.index(path)]
        alike = self.values[self.values * np.sign(value) > 0]
        return float(value / np.abs(alike).sum()) if value else 0.0


@one_thread
def path_influences(
    trace: LSTMTrace,
    ids: ArrayLike,
    quantity: Quantity,
    line: Line,
    method: Literal["mitm", "enumerate"] = "mitm",
    memory: int = MEMORY,
    max_paths: int = 5_000_000,
) -> PathInfluences:
    """The influence of every gate-level path; their sum is that of the word.

    For a path of nodes `a -> b -> ...`, with the mean taken outside of the product,

        influence = mean(product of the Jacobians db/da) applied to (w - w0).

    Args:
        trace: `LSTMTrace`.
        ids: `(length,)` integers: the context, up to the word before the verb.
        quantity: `NumberAgreement` or `LinearQuantity`.
        line: `NeutralLine` or `Line`.
        method: `"mitm"`, which meets in the middle, or `"enumerate"`, the slow oracle. Defaults to
            `"mitm"`.
        memory: int. Bytes that intermediate vectors may take. Defaults to 256 MiB.
        max_paths: int. Where to refuse. Defaults to 5,000,000.

    Returns:
        `PathInfluences`.

    Raises:
        ValueError: naming the argument.

    Example:

    ```python
    paths = path_influences(trace, ids, NumberAgreement(likes, like), NeutralLine(1, bakers))
    print(paths.primary, paths.share(paths.primary))
    for path in paths.top(5):
        print(path)
    ```

    Reference:
        [Lu et al., Influence Paths for Characterizing Subject-Verb Number Agreement in LSTM
        Language Models](https://arxiv.org/abs/2005.01190), definition 6.
    """
    problem = Problem(trace, one(ids), quantity, line, memory=memory)
    found, values = batch_paths(problem, method, max_paths)
    return PathInfluences(problem, values[0], first(found))


def batch_paths(problem, method, max_paths):
    """`Influence` and `(batch, paths)` float64 of a `Problem`."""
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {sorted(METHODS)}. Received: method={method!r}.")
    if problem.graph.paths > max_paths:
        raise ValueError(
            f"The graph must have at most `max_paths`={max_paths} paths. Received: "
            f"{problem.graph.paths}. Remedy: use `pattern_influence` or `guided_refinement`, whose "
            "cost is linear in the number of steps."
        )
    found = batch_influence(problem)
    return found, METHODS[method](problem, int(found.steps[0]))
