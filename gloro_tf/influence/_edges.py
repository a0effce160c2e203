"""Forward passes that remember their gates, and the Jacobians of the edges that follow."""

from typing import NamedTuple

from gloro_tf.influence.graph import GATES
from gloro_tf.types import Array


class Cell(NamedTuple):
    """The gates of one cell at one step, its state and output, and the state before; arrays."""

    i: Array
    f: Array
    g: Array
    o: Array
    c: Array
    h: Array
    before: Array


def lstm_step(xp, weights, x, h, c, fill=None):
    """One step of one layer.

    Args:
        xp: array functions.
        weights: `LayerWeights`.
        x: `(rows, inputs)`.
        h: `(rows, units)`, the output of the step before.
        c: `(rows, units)`, the cell of the step before.
        fill: optional dict from kinds of gates to what stands in their place.

    Returns:
        `Cell` of arrays `(rows, units)`; `before` is `c`.
    """
    gates = {}
    for kind in GATES:
        total = xp.matmul(x, weights.kernel[kind]) + xp.matmul(h, weights.recurrent[kind])
        squash = xp.tanh if kind == "g" else xp.sigmoid
        gates[kind] = squash(total + weights.bias[kind])
    if fill:
        gates.update({kind: gates[kind] * 0 + value for kind, value in fill.items()})
    cell = gates["f"] * c + gates["i"] * gates["g"]
    return Cell(**gates, c=cell, h=gates["o"] * xp.tanh(cell), before=c)


class Edges:
    """The Jacobian of every edge at a number of points, in closed form.

    Each is a matrix, or none, and then a diagonal, so that a stack of vectors `(paths, rows,
    units)` is carried along an edge without forming it. The last edge, into the quantity of
    interest, multiplies by its gradient entry by entry; what arrives is to be summed over units.

    Args:
        xp: array functions.
        weights: list of `LayerWeights`.
        cells: dict from `(layer, step)` to `Cell` of arrays `(rows, units)`.
        covector: `(rows, units)`, gradient of the quantity in the last output of the top layer.
    """

    def __init__(self, xp, weights, cells, covector):
        self.xp, self.weights, self.cells, self.covector = xp, weights, cells, covector
        self._diagonals = {}

    def push(self, source, node, stack):
        """Vectors at `source` as vectors at `node`: Jacobian times vector."""
        matrix, diagonal = self._edge(source, node)
        return self._times(stack, matrix) * diagonal

    def pull(self, source, node, stack):
        """Covectors at `node` as covectors at `source`: covector times Jacobian."""
        matrix, diagonal = self._edge(source, node)
        matrix = None if matrix is None else self.xp.transpose(matrix)
        return self._times(stack * diagonal, matrix)

    def _times(self, stack, matrix):
        if matrix is None:
            return stack
        paths, rows, width = stack.shape
        flat = self.xp.matmul(self.xp.reshape(stack, (paths * rows, width)), matrix)
        return self.xp.reshape(flat, (paths, rows, matrix.shape[1]))

    def _edge(self, source, node):
        key = (source, node) if node[0] in "ch" else node
        if key not in self._diagonals:
            self._diagonals[key] = self._diagonal(source, node)
        kind, layer, step = node
        if kind in "chq":
            return None, self._diagonals[key]
        weights = self.weights[layer]
        block = weights.kernel if source[:2] != ("h", layer) else weights.recurrent
        return block[kind], self._diagonals[key]

    def _diagonal(self, source, node):
        kind, layer, step = node
        if kind == "q":
            return self.covector
        cell = self.cells[layer, step]
        if kind == "h":
            squashed = self.xp.tanh(cell.c)
            return squashed if source[0] == "o" else cell.o * (1.0 - squashed * squashed)
        if kind == "c":
            return {"i": cell.g, "f": cell.before, "g": cell.i, "c": cell.f}[source[0]]
        gate = getattr(cell, kind)
        return 1.0 - gate * gate if kind == "g" else gate * (1.0 - gate)
