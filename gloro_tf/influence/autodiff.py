"""The influence of single paths by automatic differentiation: slow, generic, an oracle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from keras import ops

from gloro_tf.influence._arrays import keras_arrays
from gloro_tf.influence._problem import Problem
from gloro_tf.influence.graph import GATES
from gloro_tf.influence.total import one
from gloro_tf.ops import gradient_function
from gloro_tf.types import ArrayLike, Node

if TYPE_CHECKING:
    from gloro_tf.influence.lines import Line
    from gloro_tf.influence.quantities import Quantity
    from gloro_tf.influence.trace import LSTMTrace


class GatedInfluence:
    """Differentiates an unrolled LSTM in which every edge can be closed to gradients.

    Each edge carries `m x + stop_gradient(x - m x)`: its value is `x` for any `m`, its derivative is
    `m`. With `m = 1` on the edges of one path and 0 elsewhere, one backward pass gives the path's
    influence. None of the closed forms are used.

    Args:
        trace, ids, quantity, line: as for `path_influences`; the line's `steps` are used as given.
        dtype: `"float64"` or `"float32"`. Defaults to `"float64"`.

    Example:

    ```python
    gated = GatedInfluence(trace, ids, quantity, line)
    gated(path)  # as path_influences(trace, ids, quantity, line)[path].value
    gated()  # all edges open: the total
    ```
    """

    def __init__(
        self,
        trace: LSTMTrace,
        ids: ArrayLike,
        quantity: Quantity,
        line: Line,
        dtype: Literal["float64", "float32"] = "float64",
    ) -> None:
        problem = Problem(trace, one(ids), quantity, line)
        self.graph, self.delta, self.dtype = problem.graph, problem.delta, dtype
        self.edges = [(a, b) for b in self.graph.nodes for a in self.graph.into(b)]
        self._number = {edge: k for k, edge in enumerate(self.edges)}
        self._trace, self._words = trace, trace.embed(problem.ids[0])
        self._covector = quantity.head(trace)[0][0]
        points = (np.arange(line.steps) + 0.5) / line.steps
        start = line.start(trace, problem.ids)
        self._points = (start + points[:, None] * problem.delta).astype(dtype)
        self._state = self._before(problem.ids, self.graph.first)
        self._tanh = keras_arrays(dtype).tanh
        self._gradient = gradient_function(_Identity(dtype), self._quantity)

    def __call__(self, path: Sequence[Node] | None = None) -> float:
        """The influence along a path of nodes, or, with none, along all.

        Args:
            path: sequence of nodes `(kind, layer, step)`, or `None` for all paths.
        """
        gates = np.ones(len(self.edges)) if path is None else np.zeros(len(self.edges))
        for edge in zip(path or (), (path or ())[1:]):
            gates[self._number[edge]] = 1
        _, gradient = self._gradient(self._points, gates.astype(self.dtype))
        return float((gradient.astype("float64").mean(axis=0) * self.delta[0]).sum())

    def _quantity(self, points, gates):
        def gated(source, node, value):
            gate = gates[self._number[source, node]]
            return gate * value + ops.stop_gradient(value - gate * value)

        graph, at = self.graph, {}
        for step in range(graph.first, graph.last + 1):
            for layer, weights in enumerate(self._trace.layers):
                sources = {}
                if step == graph.first and not layer:
                    sources["kernel"] = graph.source
                    at[graph.source] = points
                elif layer:
                    sources["kernel"] = ("h", layer - 1, step)
                if step > graph.first:
                    sources["recurrent"] = ("h", layer, step - 1)
                self._layer(weights, layer, step, sources, at, gated)
        top = graph.into(graph.target)[0]
        return ops.sum(gated(top, graph.target, at[top]) * self._tensor(self._covector), axis=-1)

    def _tensor(self, array):
        return ops.convert_to_tensor(array.astype(self.dtype))

    def _layer(self, weights, layer, step, sources, at, gated):
        h, c = self._state[layer]
        for kind in GATES:
            node, constant = (kind, layer, step), weights.bias[kind]
            if not layer and "kernel" not in sources:
                constant = constant + self._words[step] @ weights.kernel[kind]
            if "recurrent" not in sources:
                constant = constant + h @ weights.recurrent[kind]
            total = self._tensor(constant)
            for name, source in sources.items():
                matrix = self._tensor(getattr(weights, name)[kind])
                total = total + gated(source, node, at[source]) @ matrix
            at[node] = self._tanh(total) if kind == "g" else ops.sigmoid(total)
        cell, out, o = ("c", layer, step), ("h", layer, step), ("o", layer, step)
        i, f, g = (gated((k, layer, step), cell, at[k, layer, step]) for k in "ifg")
        last = ("c", layer, step - 1)
        kept = gated(last, cell, at[last]) if last in at else self._tensor(c)
        at[cell] = f * kept + i * g
        at[out] = gated(o, out, at[o]) * self._tanh(gated(cell, out, at[cell]))

    def _before(self, ids, first):
        """`(h, c)` of every layer before the word."""
        layers = range(len(self._trace.layers))
        if not first:
            return [(np.zeros((1, n)), np.zeros((1, n))) for n in self._trace.units]
        cells = self._trace.run(ids[:, :first])
        return [(cells[layer, first - 1].h, cells[layer, first - 1].c) for layer in layers]


class _Identity:
    """Hands the points on; the objective unrolls the model, since it also needs the gates."""

    def __init__(self, dtype):
        self.compute_dtype = dtype

    def __call__(self, x, training=False):
        return x
