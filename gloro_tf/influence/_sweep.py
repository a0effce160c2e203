"""Values carried along all edges of the graph, forwards or backwards.

With `merge=concatenate` the value of a node is a stack with a row per path; with a sum it is the
total over the paths, at a cost linear in the number of steps.
"""


def forward(graph, starts, push, merge, last=None, avoid=()):
    """Carries values from some nodes to all that can be reached.

    Args:
        graph: `GateGraph`.
        starts: dict from nodes to values; nothing enters these.
        push: callable `(source, node, value) -> value`.
        merge: callable from a list of values, in the order of `graph.into`, to one.
        last: int. Steps after it are left out. Defaults to none.
        avoid: nodes that no path may use.

    Returns:
        A dict from nodes to values; without the nodes that no path reaches.
    """
    at = dict(starts)
    for node in graph.nodes:
        if node in at or node in avoid or (last is not None and node[2] > last):
            continue
        parts = [push(s, node, at[s]) for s in graph.into(node) if s in at]
        if parts:
            at[node] = merge(parts)
    return at


def backward(graph, starts, pull, merge, beyond=None, avoid=()):
    """Carries values from some nodes back to all from which they can be reached.

    Args:
        graph: `GateGraph`.
        starts: dict from nodes to values; nothing else is added to these.
        pull: callable `(source, node, value) -> value`.
        merge: callable from a list of values, in the order of `graph.out_of`, to one.
        beyond: int. Only edges that end after this step are used. Defaults to all.
        avoid: nodes that no path may use.

    Returns:
        A dict from nodes to values; without the nodes from which no path leads on.
    """
    at = dict(starts)
    for source in reversed(graph.nodes):
        if source in at or source in avoid:
            continue
        parts = [
            pull(source, node, at[node])
            for node in graph.out_of(source)
            if node in at and (beyond is None or node[2] > beyond)
        ]
        if parts:
            at[source] = merge(parts)
    return at
