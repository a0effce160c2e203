"""The gate-level graph of an unrolled LSTM, and the numbers of its paths."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from gloro_tf.types import Node

KINDS = ("i", "f", "g", "o", "c", "h")
GATES = KINDS[:4]
NAMES = {"g": "c~", "x": "x", "q": "q"}


class GateGraph:
    """Nodes and edges from one word to the logits some steps later.

    A node is a tuple `(kind, layer, step)`: the gates `"i"`, `"f"`, `"g"` (the candidate cell) and
    `"o"`, the cell `"c"` and the output `"h"` of each layer and step. The paths start at
    `("x", 0, first)`, the word, and end at `("q", layers, last)`, the quantity of interest. Edges:
    from the layer below and from the step before into each gate; i, f, g and the cell before into
    the cell; cell and o into the output. Layers and steps count from 0.

    Paths are numbered from 0 as Ball and Larus number those of a program: every edge has an
    offset, and the number of a path is the sum of the offsets of its edges.

    Args:
        layers: int.
        first: int. Position of the word.
        last: int. Position of the last word of context, where the logits are read.

    Raises:
        ValueError: without a layer, or for positions out of order.
    """

    def __init__(self, layers: int, first: int, last: int) -> None:
        if layers < 1 or not 0 <= first <= last:
            raise ValueError(
                "The graph must have a layer, and 0 <= `first` <= `last`. "
                f"Received: layers={layers}, first={first}, last={last}."
            )
        self.layers, self.first, self.last = layers, first, last
        self.source, self.target = ("x", 0, first), ("q", layers, last)
        steps = range(first, last + 1)
        inner = [(k, layer, s) for s in steps for layer in range(layers) for k in KINDS]
        self.nodes = [self.source, *inner, self.target]  # every edge points right
        self._into = {node: self._sources(node) for node in self.nodes}
        self._out: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            for source in self._into[node]:
                self._out[source].append(node)
        self.counts = {self.source: 1}
        for node in self.nodes[1:]:
            self.counts[node] = sum(self.counts[source] for source in self._into[node])

    def _sources(self, node):
        kind, layer, step = node
        if kind == "x":
            return []
        if kind == "q":
            return [("h", layer - 1, step)]
        if kind == "h":
            return [("c", layer, step), ("o", layer, step)]
        before = step > self.first
        if kind == "c":
            cell = [("c", layer, step - 1)] if before else []
            return [("i", layer, step), ("f", layer, step), ("g", layer, step), *cell]
        below = [("h", layer - 1, step)] if layer else []
        if not layer and not before:
            below = [self.source]
        return below + ([("h", layer, step - 1)] if before else [])

    def into(self, node: Node) -> list[Node]:
        """The nodes with an edge into a node, in the order that numbers the paths.

        Args:
            node: `(kind, layer, step)`.
        """
        return self._into[node]

    def out_of(self, node: Node) -> list[Node]:
        """The nodes that a node has an edge into.

        Args:
            node: `(kind, layer, step)`.
        """
        return self._out[node]

    @property
    def paths(self) -> int:
        """int. How many paths there are."""
        return self.counts[self.target]

    def check(self, *nodes: Node) -> None:
        """Raises a `ValueError` where a node is not in the graph.

        Args:
            *nodes: `(kind, layer, step)` each.
        """
        for node in nodes:
            known = isinstance(node, (tuple, list)) and tuple(node) in self._into
            if not known:
                raise ValueError(
                    f"A node must be (kind, layer, step) with kind in {KINDS}, layer < "
                    f"{self.layers} and step from {self.first} to {self.last}. Received: {node!r}."
                )

    def offset(self, source: Node, node: Node) -> int:
        """What an edge adds to the number of a path through it.

        Args:
            source, node: `(kind, layer, step)`, the ends of the edge.

        Raises:
            ValueError: where there is no such edge.
        """
        total = 0
        for other in self._into[node]:
            if other == source:
                return total
            total += self.counts[other]
        raise ValueError(f"There is no edge from {source!r} to {node!r}.")

    def index(self, path: Sequence[Node]) -> int:
        """The number of a path, given as its nodes from `source` to `target`.

        Args:
            path: sequence of nodes `(kind, layer, step)`.

        Raises:
            ValueError: for what is no path from `source` to `target`.
        """
        if not isinstance(path, Sequence):
            raise ValueError(
                f"`path` must be a path's nodes, or its number. Received: path={path!r}."
            )
        self.check(*path)
        nodes = [(kind, layer, step) for kind, layer, step in path]
        if nodes[:1] != [self.source] or nodes[-1:] != [self.target]:
            raise ValueError(
                f"`path` must lead from {self.source} to {self.target}. Received: path={nodes}."
            )
        return sum(self.offset(a, b) for a, b in zip(nodes, nodes[1:]))

    def path(self, index: int) -> tuple[Node, ...]:
        """The nodes of the path with a number.

        Args:
            index: int from 0 to `paths - 1`.

        Raises:
            ValueError: for an `index` out of this range.
        """
        if not 0 <= index < self.paths:
            raise ValueError(
                f"`index` must be from 0 to {self.paths - 1}. Received: index={index}."
            )
        index, path = int(index), [self.target]
        while path[-1] != self.source:
            for source in self._into[path[-1]]:
                if index < self.counts[source]:
                    break
                index -= self.counts[source]
            path.append(source)
        return tuple(reversed(path))

    def boundary(self, step: int) -> list[Node]:
        """The nodes of which every path crosses exactly one between a step and the next.

        Args:
            step: int. The earlier of the two.
        """
        return [(k, layer, step) for layer in range(self.layers) for k in ("c", "h")]


def primary_path(layers: int, first: int, last: int) -> tuple[Node, ...]:
    """The published primary path: in by the candidate cells, up at once, along the top cell.

    Args:
        layers: int.
        first: int. Position of the word.
        last: int. Position of the last word of context.

    Returns:
        A tuple of nodes.

    Reference:
        [Lu et al., Influence Paths for Characterizing Subject-Verb Number Agreement in LSTM
        Language Models](https://arxiv.org/abs/2005.01190), figure 1.
    """
    path = [("x", 0, first)]
    for layer in range(layers):
        path += [("g", layer, first), ("c", layer, first)]
        path += [("h", layer, first)] if layer < layers - 1 else []
    path += [("c", layers - 1, step) for step in range(first + 1, last + 1)]
    return (*path, ("h", layers - 1, last), ("q", layers, last))


@functools.cache
def count_paths(steps: int, layers: int) -> int:
    """How many gate-level paths lead from a word to the logits.

    Args:
        steps: int. Words from the word of interest to the last word of context, both counted.
        layers: int. LSTM layers.

    Returns:
        int.

    Raises:
        ValueError: for less than one of either, or no integer.

    Example:

    ```python
    gloro_tf.influence.count_paths(steps=4, layers=2)  # 6946
    ```
    """
    if not all(hasattr(n, "__index__") and n >= 1 for n in (steps, layers)):
        raise ValueError(
            "`steps` and `layers` must be integers of at least 1. Received: "
            f"steps={steps!r}, layers={layers!r}."
        )
    cells, outputs = [0] * layers, [0] * layers
    for step in range(steps):
        below = int(step == 0)
        for layer in range(layers):
            gate = below + outputs[layer]
            cells[layer] += 3 * gate
            below = outputs[layer] = cells[layer] + gate
    return outputs[-1]


def label(path: Iterable[Node]) -> str:
    """A path in one line, such as `x1 c~0.1 c0.1 h0.1 q`: kind, layer, step.

    Args:
        path: sequence of nodes `(kind, layer, step)`.
    """
    parts = []
    for kind, layer, step in path:
        parts.append(
            {"x": f"x{step}", "q": "q"}.get(kind, f"{NAMES.get(kind, kind)}{layer}.{step}")
        )
    return " ".join(parts)
