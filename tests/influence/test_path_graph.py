import itertools

import pytest

from gloro_tf.influence import GateGraph, count_paths, label, primary_path

TWO_LAYERS = [16, 152, 1089, 6946, 41561, 238806, 1334284]
ONE_LAYER = [4, 19, 91, 436, 2089, 10009, 47956]


def walk(graph, node):
    """All paths from a node, by recursion over the edges."""
    if node == graph.target:
        return [(node,)]
    return [(node, *rest) for after in graph.out_of(node) for rest in walk(graph, after)]


def test_counts_are_the_published_ones():
    for steps, (two, one) in enumerate(zip(TWO_LAYERS, ONE_LAYER), 1):
        assert count_paths(steps, 2) == two == GateGraph(2, 3, 2 + steps).paths
        assert count_paths(steps, 1) == one == GateGraph(1, 0, steps - 1).paths


def test_the_forget_gate_counts_at_the_first_step_too():
    """Without its edge at the first step there would be 9, 98 and 735 paths."""
    for steps, wrong in enumerate([9, 98, 735], 1):
        graph = GateGraph(2, 0, steps - 1)
        paths = walk(graph, graph.source)
        without = [p for p in paths if not {("f", 0, 0), ("f", 1, 0)} & set(p)]
        assert len(without) == wrong and len(paths) == TWO_LAYERS[steps - 1]


@pytest.mark.parametrize("layers, steps", [(1, 3), (2, 3), (3, 2), (4, 1)])
def test_numbers_name_paths_one_to_one(layers, steps):
    graph = GateGraph(layers, 1, steps)
    names = [graph.path(k) for k in range(graph.paths)]
    assert set(names) == set(walk(graph, graph.source)) and len(set(names)) == len(names)
    assert [graph.index(name) for name in names] == list(range(graph.paths))


def test_every_path_crosses_a_boundary_once():
    graph = GateGraph(2, 0, 2)
    for path, step in itertools.product(walk(graph, graph.source), (0, 1)):
        crossing = [a for a, b in zip(path, path[1:]) if a[2] <= step < b[2]]
        assert len(crossing) == 1 and crossing[0] in graph.boundary(step)


def test_the_primary_path():
    path = primary_path(2, 1, 3)
    expected = "x1 c~0.1 c0.1 h0.1 c~1.1 c1.1 c1.2 c1.3 h1.3 q"
    assert label(path) == expected
    for layers, first, last in [(1, 0, 0), (2, 2, 6), (3, 1, 2)]:
        graph = GateGraph(layers, first, last)
        assert graph.path(graph.index(primary_path(layers, first, last))) == primary_path(
            layers, first, last
        )


def test_bad_input():
    graph = GateGraph(2, 1, 3)
    with pytest.raises(ValueError, match="at least 1"):
        count_paths(0, 2)
    with pytest.raises(ValueError, match="integers of at least 1.*1.5"):
        count_paths(1.5, 2)
    with pytest.raises(ValueError, match="first"):
        GateGraph(2, 3, 1)
    with pytest.raises(ValueError, match="no edge"):
        graph.index([("x", 0, 1), ("c", 0, 1), ("q", 2, 3)])
    with pytest.raises(ValueError, match="must lead from"):
        graph.index(primary_path(2, 1, 3)[:-1])
    with pytest.raises(ValueError, match="must be \\(kind"):
        graph.index([("z", 0, 1)])
    with pytest.raises(ValueError, match="from 0 to 1088"):
        graph.path(1089)
