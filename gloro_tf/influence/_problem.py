"""One question about sentences of one length: model, words, quantity and line, made ready."""

import functools

import numpy as np

from gloro_tf.influence import _sweep
from gloro_tf.influence._arrays import NUMPY
from gloro_tf.influence._edges import Edges, lstm_step
from gloro_tf.influence.graph import GATES, GateGraph

MEMORY = 2**28


class Problem:
    """What all kinds of influence share.

    Args:
        trace: `LSTMTrace`.
        ids: `(batch, length)` integers: unpadded contexts up to the word before the verb.
        quantity: `NumberAgreement` or `LinearQuantity`.
        line: `Line` or `NeutralLine`.
        xp: array functions. Defaults to NumPy's, in float64.
        memory: int. Bytes that stacks of vectors may take.
    """

    def __init__(self, trace, ids, quantity, line, xp=NUMPY, memory=MEMORY):
        ids = np.asarray(ids)
        if ids.ndim != 2 or not 0 <= line.position < ids.shape[1]:
            raise ValueError(
                "`ids` must be integers of shape (batch, length) for the batched functions, "
                "(length,) for others, and longer than the position of the line. "
                f"Received: shape {ids.shape}, position={line.position}."
            )
        trace.check_ids("ids", ids)
        self.trace, self.ids, self.line = trace, ids, line
        self.xp, self.memory, self.batch = xp, int(memory), len(ids)
        self.graph = GateGraph(len(trace.layers), line.position, ids.shape[1] - 1)
        words = trace.embed(ids)
        baseline = line.start(trace, ids)
        self._words = [xp.array(words[:, step]) for step in range(ids.shape[1])]
        self._baseline, self.delta = xp.array(baseline), words[:, line.position] - baseline
        self._delta = xp.array(self.delta)
        head = quantity.head(trace)
        if len(head[1]) not in (1, self.batch):
            raise ValueError(
                f"`quantity` must be one, or one for each of {self.batch} sentences. "
                f"Received: {len(head[1])}."
            )
        covector, self._constant = (np.broadcast_to(a, (self.batch, *a.shape[1:])) for a in head)
        self._covector = xp.array(covector)
        self._weights = [
            type(w)(*({k: xp.array(block[k]) for k in GATES} for block in w)) for w in trace.layers
        ]
        self._prefix = self._run_prefix()

    def _run_prefix(self):
        """`(h, c)` of every layer before the word, which no point of the line changes."""
        units = self.trace.units
        states = [(self.xp.array(np.zeros((self.batch, n))),) * 2 for n in units]
        for step in range(self.graph.first):
            below = self._words[step]
            for layer, weights in enumerate(self._weights):
                cell = lstm_step(self.xp, weights, below, *states[layer])
                states[layer], below = (cell.h, cell.c), cell.h
        return states

    def edges(self, fractions):
        """The model's `Edges` at these points of the line; `batch * len(fractions)` rows."""
        xp, number = self.xp, len(fractions)
        spread = functools.partial(xp.repeat, repeats=number, axis=0)
        column = xp.array(np.tile(fractions, self.batch)[:, None])
        states = [tuple(spread(a) for a in state) for state in self._prefix]
        cells = {}
        for step in range(self.graph.first, self.graph.last + 1):
            if step == self.graph.first:
                below = spread(self._baseline) + column * spread(self._delta)
            else:
                below = spread(self._words[step])
            for layer, weights in enumerate(self._weights):
                cell = cells[layer, step] = lstm_step(xp, weights, below, *states[layer])
                states[layer], below = (cell.h, cell.c), cell.h
        return Edges(xp, self._weights, cells, spread(self._covector))

    def quantity_at(self, fraction):
        """The quantity of interest at one point of the line, `(batch,)` float64."""
        edges = self.edges([fraction])
        top = edges.cells[self.graph.layers - 1, self.graph.last].h
        return self.xp.numpy(self.xp.sum(top * edges.covector, axis=-1)) + self._constant

    def start(self, number):
        """The way from the baseline to the word, `(1, batch * number, width)`, for each point."""
        return {self.graph.source: self.xp.repeat(self._delta, number, axis=0)[None]}

    def end(self, edges):
        """The covector to start from at the quantity of interest, `(1, rows, units)`."""
        return {self.graph.target: edges.covector[None] * 0 + 1}

    def total(self, stacks):
        """Merges the stacks of paths into their sum."""
        return sum(stacks[1:], stacks[0])

    def stack(self, stacks):
        """Merges the stacks of paths by listing them all."""
        return self.xp.concatenate(stacks, axis=0)

    def chunks(self, steps, vectors):
        """The midpoints of a line of `steps` points, in parts that fit into memory.

        Args:
            steps: int.
            vectors: int. How many vectors are held at once for each point.
        """
        size = vectors * max(self.trace.units) * self.xp.itemsize * self.batch
        number = max(1, min(steps, self.memory // size))
        middles = (np.arange(steps) + 0.5) / steps
        return [middles[begin : begin + number] for begin in range(0, steps, number)]

    def average(self, function, steps, vectors):
        """The mean over the line of something that `function(edges, number)` sums over a chunk."""
        result = 0
        for part in self.chunks(steps, vectors):
            result = result + function(self.edges(part), len(part)) / steps
        return result

    def split(self, rows):
        """`(paths, batch * points, units)` as `(paths, batch, points * units)`."""
        paths, points, units = rows.shape
        return self.xp.reshape(rows, (paths, self.batch, points // self.batch * units))

    def attribution(self, steps):
        """Influence by dimension of the embedding, `(batch, width)` float64; linear cost."""

        def chunk(edges, number):
            back = _sweep.backward(self.graph, self.end(edges), edges.pull, self.total)
            by_point = back[self.graph.source][0] * self.start(number)[self.graph.source][0]
            return self.xp.sum(self.xp.reshape(by_point, (self.batch, number, -1)), axis=1)

        return self.xp.numpy(self.average(chunk, steps, 4 * len(self.graph.nodes)))
