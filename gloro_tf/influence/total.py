"""The influence of a word as a whole, and through every node of the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gloro_tf.influence import _sweep
from gloro_tf.influence._arrays import one_thread
from gloro_tf.influence._problem import MEMORY, Problem
from gloro_tf.types import Array, ArrayLike, Node

if TYPE_CHECKING:
    from gloro_tf.influence.lines import Line
    from gloro_tf.influence.quantities import Quantity
    from gloro_tf.influence.trace import LSTMTrace


class Influence(NamedTuple):
    """The influence of one word on a quantity of interest.

    - `attribution` (`(embedding,)` float64): by dimension of the embedding.
    - `total` (float): their sum.
    - `q`, `q_neutral` (float): the quantity for the sentence, and with the baseline for the word.
    - `completeness_error` (float): `|total - (q - q_neutral)| / |q - q_neutral|`.
    - `steps` (int): points on the line that this took.
    - `complete` (bool): whether the error is within the line's tolerance; `True` without one.

    The batched function gives arrays with a row per sentence.
    """

    attribution: Array
    total: Any
    q: Any
    q_neutral: Any
    completeness_error: Any
    steps: Any
    complete: Any


@one_thread
def influence(
    trace: LSTMTrace, ids: ArrayLike, quantity: Quantity, line: Line, memory: int = MEMORY
) -> Influence:
    """How much a word moves the quantity of interest, by integrating gradients along a line.

    With `w` the word's embedding, `w0` the baseline and the mean taken over points `x` of the line,

        attribution = (w - w0) * mean(grad q(x)),    sum(attribution) = q(w) - q(w0).

    Args:
        trace: `LSTMTrace`.
        ids: `(length,)` integers: the context, up to the word before the verb.
        quantity: `NumberAgreement` or `LinearQuantity`.
        line: `NeutralLine` or `Line`.
        memory: int. Bytes that intermediate vectors may take. Defaults to 256 MiB.

    Returns:
        `Influence`.

    Raises:
        ValueError: naming the argument.

    Example:

    ```python
    line = NeutralLine(position=1, counterpart_id=vocabulary["bakers"])
    result = influence(trace, ids, NumberAgreement(likes, like), line)
    ```
    """
    return first(batch_influence(Problem(trace, one(ids), quantity, line, memory=memory)))


def one(ids):
    """One sentence as a batch."""
    try:
        ids = np.asarray(ids)
    except ValueError as error:
        raise ValueError(
            "`ids` must be one sentence. Received: rows of several lengths."
        ) from error
    if ids.ndim != 1:
        raise ValueError(
            f"`ids` must be integers of shape (length,). Received: shape {ids.shape}. "
            "Remedy: for a batch, use the functions of `gloro_tf.influence.batched`."
        )
    return ids[None]


def first(result):
    """The first sentence's part of an `Influence`, as Python numbers."""
    scalars = [field[0].item() for field in result[1:]]
    return Influence(result.attribution[0], *scalars)


def batch_influence(problem):
    """`Influence` of a `Problem`, with arrays. Points are doubled until all sentences are complete."""
    line = problem.line
    q, neutral = problem.quantity_at(1.0), problem.quantity_at(0.0)
    change, steps = q - neutral, line.steps
    rounding = (1e-5 if problem.xp.itemsize < 8 else 1e-13) * (np.abs(q) + np.abs(neutral))
    while True:
        attribution = problem.attribution(steps)
        total = attribution.sum(axis=-1)
        gap = np.abs(total - change)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(gap == 0, 0.0, gap / np.abs(change))
        limit = np.inf if line.tolerance is None else line.tolerance
        complete = (error <= limit) | (gap <= rounding)
        if complete.all() or steps * 2 > line.max_steps:
            break
        steps *= 2
    steps = np.full(len(q), steps)
    return Influence(attribution, total, q, neutral, error, steps, complete)


@one_thread
def node_influence(
    trace: LSTMTrace,
    ids: ArrayLike,
    quantity: Quantity,
    line: Line,
    neurons: bool = False,
    memory: int = MEMORY,
) -> dict[Node, Any]:
    """The influence that flows through each node: the sum over all paths that use it.

    A path uses several nodes, so that the values of all nodes do not add up to the total; those of
    nodes of which each path uses exactly one do, such as the first step's gates of layer 0. Linear
    cost.

    Args:
        trace, ids, quantity, line, memory: as for `influence`.
        neurons: bool. Whether to split each node by neuron. Defaults to `False`.

    Returns:
        A dict from nodes `(kind, layer, step)` to floats, or to arrays `(units,)`.
    """
    problem = Problem(trace, one(ids), quantity, line, memory=memory)
    steps, graph = batch_influence(problem).steps[0], problem.graph
    inner, width = graph.nodes[1:-1], max(trace.units)

    def chunk(edges, number):
        ahead = _sweep.forward(graph, problem.start(number), edges.push, problem.total)
        back = _sweep.backward(graph, problem.end(edges), edges.pull, problem.total)
        table = np.zeros((len(inner), width))
        for row, node in zip(table, inner):
            if node in ahead and node in back:
                product = (ahead[node] * back[node]).sum(axis=(0, 1))
                row[: len(product)] = product
        return table

    table = problem.average(chunk, steps, 8 * len(graph.nodes))
    values = {n: row[: trace.units[n[1]]] for n, row in zip(inner, table)}
    return values if neurons else {n: float(row.sum()) for n, row in values.items()}
