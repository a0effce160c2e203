import time

import numpy as np
import pytest
from small_language_models import random_trace

from gloro_tf import influence as gi


@pytest.fixture(scope="module")
def paths(trace, ids, quantity, short):
    return gi.path_influences(trace, ids, quantity, short)


@pytest.fixture(scope="module")
def names(paths):
    return [paths.name(k) for k in range(len(paths))]


@pytest.mark.parametrize(
    "through, avoid",
    [
        ([], []),
        ([("c", 1, 2)], []),
        ([], [("c", 1, 2), ("h", 0, 3)]),
        ([("h", 1, 3), ("c", 0, 1)], [("o", 0, 1)]),
        ([("c", 1, 1), ("c", 1, 2), ("c", 1, 3)], []),
        ([("i", 0, 2), ("f", 0, 2)], []),
        ([("x", 0, 1), ("q", 2, 4)], [("g", 0, 1)]),
        ([("h", 1, 1), ("c", 1, 4)], [("c", 1, 2), ("c", 1, 3)]),
    ],
)
def test_patterns_are_sums_of_listed_paths(
    trace, ids, quantity, short, paths, names, through, avoid
):
    found = gi.pattern_influence(trace, ids, quantity, short, through, avoid)
    chosen = [set(through) <= set(name) and not set(avoid) & set(name) for name in names]
    expected = paths.values[np.array(chosen)].sum()
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-16)
    assert (sum(chosen) > 0) == (found != 0)


def test_through_a_node_and_avoiding_it_make_the_total(trace, ids, quantity, short, paths):
    node = ("f", 1, 3)
    parts = [
        gi.pattern_influence(trace, ids, quantity, short, **{how: [node]})
        for how in ("through", "avoid")
    ]
    assert sum(parts) == pytest.approx(paths.values.sum(), rel=1e-12)
    assert abs(parts[0]) > 1e-6


def test_a_whole_path_as_a_pattern(trace, ids, quantity, short, paths):
    for k in (0, 77, 5000):
        through = paths.name(k)
        avoid = set(paths.graph.nodes) - set(through)
        found = gi.pattern_influence(trace, ids, quantity, short, through, avoid)
        assert found == pytest.approx(paths.values[k], rel=1e-12)


def test_nodes_of_the_heat_map(trace, ids, quantity, short, paths, names):
    values = gi.node_influence(trace, ids, quantity, short)
    assert set(values) == set(paths.graph.nodes[1:-1])
    for node in [("c", 1, 2), ("i", 0, 1), ("h", 0, 4), ("f", 0, 1), ("h", 1, 4), ("i", 0, 4)]:
        expected = paths.values[np.array([node in name for name in names])].sum()
        assert values[node] == pytest.approx(expected, rel=1e-10)
    total = paths.values.sum()
    assert sum(values[k, 0, 1] for k in "ifgo") == pytest.approx(total, rel=1e-12)
    neurons = gi.node_influence(trace, ids, quantity, short, neurons=True)
    assert neurons["c", 1, 2].shape == (6,) and neurons["c", 0, 2].shape == (7,)
    assert neurons["c", 1, 2].sum() == pytest.approx(values["c", 1, 2], rel=1e-12)


def test_guided_refinement_follows_the_largest_sums(trace, ids, quantity, short, paths, names):
    """Against a greedy search over the listed paths."""
    (found,) = gi.guided_refinement(trace, ids, quantity, short)
    sign = np.sign(paths.values.sum())
    prefix, history = (paths.graph.source,), [paths.values.sum()]
    while prefix[-1] != paths.graph.target:
        sums = {}
        for name, value in zip(names, paths.values):
            if name[: len(prefix)] == prefix:
                longer = name[: len(prefix) + 1]
                sums[longer] = sums.get(longer, 0) + value
        prefix = max(sums, key=lambda name: sign * sums[name])
        history.append(sums[prefix])
    assert found.nodes == prefix
    np.testing.assert_allclose(found.history, history, rtol=1e-9)
    assert found.value == pytest.approx(paths[prefix].value, rel=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_beam_of_all_paths_finds_the_best(trace, ids, quantity, short, sign):
    paths = gi.path_influences(trace, ids[:3], quantity, short)
    found = gi.guided_refinement(trace, ids[:3], quantity, short, beam=152, sign=sign)
    ordered = sorted(paths.values, reverse=sign > 0)
    np.testing.assert_allclose([f.value for f in found], ordered, rtol=1e-9, atol=1e-18)
    parts = gi.guided_refinement(trace, ids[:3], quantity, short, 3, sign, memory=1)
    whole = gi.guided_refinement(trace, ids[:3], quantity, short, 3, sign)
    assert [p.nodes for p in parts] == [w.nodes for w in whole]


def test_long_contexts_where_listing_is_refused(quantity):
    trace = random_trace((4, 4))
    ids = np.random.default_rng(0).integers(0, 20, 31)
    line = gi.NeutralLine(0, 5, steps=2, tolerance=None)
    assert gi.count_paths(31, 2) > 10**22
    with pytest.raises(ValueError, match="Remedy: use `pattern_influence`"):
        gi.path_influences(trace, ids, quantity, line)
    total = gi.influence(trace, ids, quantity, line).total
    node = ("c", 1, 15)
    parts = [
        gi.pattern_influence(trace, ids, quantity, line, **{how: [node]})
        for how in ("through", "avoid")
    ]
    assert sum(parts) == pytest.approx(total, rel=1e-9)
    (found,) = gi.guided_refinement(trace, ids, quantity, line)
    assert found.nodes[0] == ("x", 0, 0) and found.nodes[-1] == ("q", 2, 30)
    avoid = set(gi.GateGraph(2, 0, 30).nodes) - set(found.nodes)
    exact = gi.pattern_influence(trace, ids, quantity, line, found.nodes, avoid)
    assert found.value == pytest.approx(exact, rel=1e-9)


@pytest.mark.slow
def test_cost_is_linear(quantity):
    trace, line = random_trace((16, 16)), gi.NeutralLine(0, 5, steps=8, tolerance=None)
    rng, spent = np.random.default_rng(0), []
    for length in (40, 160):
        ids = rng.integers(0, 20, length)
        rounds = []
        for _ in range(5):
            start = time.process_time()
            gi.pattern_influence(trace, ids, quantity, line, avoid=[("c", 1, 3)])
            rounds.append(time.process_time() - start)
        spent.append(min(rounds))
    assert spent[1] < 8 * spent[0]


def test_bad_input(trace, ids, quantity, short):
    given = trace, ids, quantity, short
    with pytest.raises(ValueError, match="must be \\(kind"):
        gi.pattern_influence(*given, through=[("c", 2, 2)])
    with pytest.raises(ValueError, match="must not hold"):
        gi.pattern_influence(*given, through=[("c", 1, 2)], avoid=[("c", 1, 2)])
    with pytest.raises(ValueError, match="must not hold"):
        gi.pattern_influence(*given, avoid=[("x", 0, 1)])
    with pytest.raises(ValueError, match="`beam`"):
        gi.guided_refinement(*given, beam=0)
    with pytest.raises(ValueError, match="`sign`"):
        gi.guided_refinement(*given, sign=2)
