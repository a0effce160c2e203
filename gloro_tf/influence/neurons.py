"""Splits the influence of a path by neuron."""

from __future__ import annotations

import numpy as np

from gloro_tf.influence._arrays import one_thread
from gloro_tf.influence.paths import Path
from gloro_tf.types import Array


@one_thread
def refine(path: Path, segment: tuple[str, int] = ("c", 1)) -> Array:
    """How much of a path's influence each neuron of one of its segments carries.

    Along a cell, and between a gate and its cell, every edge is diagonal: neuron `j` leads to
    neuron `j` alone. So a stretch of such nodes splits into one path per neuron, and the parts add
    up to the influence of the whole.

    Args:
        path: `Path`, from `PathInfluences`: `paths.primary`, `paths.top()[0]`, `paths[nodes]`.
        segment: `(kind, layer)`. The path's nodes of that kind and layer; they must follow one
            another. Defaults to `("c", 1)`, the cell of the second layer.

    Returns:
        `(units,)` float64 that sum to `path.value`.

    Raises:
        ValueError: if the path has no such segment, or more than one.

    Example:

    ```python
    by_neuron = refine(paths.primary, segment=("c", 1))
    print(np.argsort(-abs(by_neuron))[:2])  # the two neurons that carry the most
    ```
    """
    if not isinstance(path, Path):
        raise ValueError(
            "`path` must be a `Path`, which knows its sentence. "
            f"Received: {type(path).__name__}. Remedy: take it from `path_influences(...)`."
        )
    at = [k for k, node in enumerate(path.nodes) if node[:2] == tuple(segment)]
    if not at or at[-1] - at[0] != len(at) - 1:
        raise ValueError(
            "`segment` must be (kind, layer) of nodes that follow one another on the path. "
            f"Received: segment={segment!r}, found at {[path.nodes[k] for k in at]}."
        )
    problem, nodes = path.problem, path.nodes

    def chunk(edges, number):
        ahead = problem.start(number)[nodes[0]]
        for source, node in zip(nodes[: at[0] + 1], nodes[1 : at[0] + 1]):
            ahead = edges.push(source, node, ahead)
        back = problem.end(edges)[nodes[-1]]
        for k in range(len(nodes) - 1, at[0], -1):
            back = edges.pull(nodes[k - 1], nodes[k], back)
        return np.sum(ahead * back, axis=(0, 1))

    return problem.average(chunk, path.steps, 8 * len(problem.graph.nodes))
