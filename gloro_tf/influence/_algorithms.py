"""Exact influences of all paths: by listing them, or by meeting in the middle."""

import functools

import numpy as np

from gloro_tf.influence import _sweep
from gloro_tf.influence.graph import GateGraph


def enumerate_paths(problem, steps):
    """Pushes one vector per path through the whole graph; `(batch, paths)` float64."""
    xp, graph = problem.xp, problem.graph

    def chunk(edges, number):
        ahead = _sweep.forward(graph, problem.start(number), edges.push, problem.stack)
        return xp.sum(problem.split(ahead[graph.target]), axis=-1)

    vectors = 2 * sum(graph.counts.values())
    return xp.numpy(problem.average(chunk, steps, vectors)).T


def meet_in_the_middle(problem, steps):
    """Multiplies stacks of vectors and of covectors at a middle step; `(batch, paths)` float64.

    Every path crosses the boundary after the middle step in exactly one node, and its influence is
    the product of what its first part pushes there with what its second part pulls there.
    """
    xp, graph = problem.xp, problem.graph
    if graph.first == graph.last:
        return enumerate_paths(problem, steps)
    middle, vectors = _middle(graph.layers, graph.last - graph.first + 1)
    middle += graph.first
    nodes = graph.boundary(middle)

    def chunk(edges, number):
        start, end = problem.start(number), problem.end(edges)
        ahead = _sweep.forward(graph, start, edges.push, problem.stack, last=middle)
        back = _sweep.backward(graph, end, edges.pull, problem.stack, beyond=middle)
        blocks = [_product(problem, ahead[node], back[node]) for node in nodes]
        flat = [xp.reshape(block, (problem.batch, -1)) for block in blocks]
        return xp.concatenate(flat, axis=-1)

    values = np.empty((problem.batch, graph.paths))
    order = numbers(graph.layers, graph.last - graph.first + 1, middle - graph.first)
    values[:, order] = xp.numpy(problem.average(chunk, steps, 2 * vectors))
    return values


def _product(problem, ahead, back):
    """Sums over points and units for each pair of rows, `(batch, heads, tails)`."""
    xp = problem.xp
    heads = xp.transpose(problem.split(ahead), (1, 0, 2))
    return xp.matmul(heads, xp.transpose(problem.split(back), (1, 2, 0)))


@functools.lru_cache(maxsize=4)
def numbers(layers, steps, middle):
    """The number of each path, in the order in which the two halves of it are multiplied."""
    graph = GateGraph(layers, 0, steps - 1)
    tails = _sweep.backward(
        graph,
        {graph.target: np.zeros(1, "int64")},
        lambda source, node, value: value + graph.offset(source, node),
        np.concatenate,
        beyond=middle,
    )
    heads = {node: np.arange(graph.counts[node])[:, None] for node in graph.boundary(middle)}
    return np.concatenate([(at + tails[node]).ravel() for node, at in heads.items()])


@functools.cache
def _middle(layers, steps):
    """The step to meet after that needs the fewest vectors, and how many; steps count from 0."""
    graph, sizes = GateGraph(layers, 0, steps - 1), []
    for middle in range(steps - 1):
        heads = sum(number for node, number in graph.counts.items() if node[2] <= middle)
        tails = _sweep.backward(graph, {graph.target: 1}, _same, sum, beyond=middle)
        sizes.append((heads + sum(tails.values()), middle))
    vectors, middle = min(sizes)
    return middle, vectors


def _same(source, node, value):
    return value
