import math

import keras
import numpy as np
import pytest
from small_language_models import FromEmbeddings, random_model, random_trace

from gloro_tf import influence as gi
from gloro_tf.influence import _algorithms, _edges
from gloro_tf.ops import gradient_function

BACKEND = keras.backend.backend()


def relative(a, b):
    return np.max(np.abs(np.asarray(a) - b)) / np.max(np.abs(b))


def keras_attribution(model, trace, ids, quantity, line):
    """By the gradient of the model's own Keras layers; none of our forward pass."""
    right, wrong = int(quantity.correct_id[0]), int(quantity.wrong_id[0])
    objective = lambda y: y[:, right] - y[:, wrong]  # noqa: E731
    gradient = gradient_function(FromEmbeddings(model), objective, compiled=BACKEND == "jax")
    words = trace.embed(ids)
    neutral = line.start(trace, ids[None])[0]
    middles = (np.arange(line.steps) + 0.5) / line.steps
    points = np.repeat(words[None], line.steps, axis=0)
    delta = words[line.position] - neutral
    points[:, line.position] = neutral + middles[:, None] * delta
    return gradient(points)[1][:, line.position].astype("float64").mean(axis=0) * delta


@pytest.mark.float64
@pytest.mark.parametrize("position, length", [(0, 3), (1, 5), (3, 4)])
def test_the_sum_of_paths_is_the_gradient_of_the_keras_model(position, length, quantity):
    model = random_model(dtype="float64")
    trace = gi.LSTMTrace.from_keras(model)
    # On JAX and torch, parts of Keras' own LSTM compute in float32 whatever the policy.
    limit = 1e-12 if BACKEND == "tensorflow" else 1e-6
    assert trace.deviation < limit
    ids = np.array([1, 4, 7, 3, 9])[:length]
    line = gi.NeutralLine(position, 5, steps=4, tolerance=None)
    expected = keras_attribution(model, trace, ids, quantity, line)
    total = gi.influence(trace, ids, quantity, line)
    paths = gi.path_influences(trace, ids, quantity, line)
    assert relative(total.attribution, expected) < limit
    assert abs(paths.values.sum() - expected.sum()) < limit * abs(expected.sum())


def test_the_same_in_float32_on_every_backend(quantity, ids, short):
    model = random_model()
    trace = gi.LSTMTrace.from_keras(model)
    expected = keras_attribution(model, trace, ids, quantity, short)
    paths = gi.path_influences(trace, ids, quantity, short)
    assert abs(paths.values.sum() - expected.sum()) < 1e-5 * np.abs(expected).sum()


@pytest.mark.parametrize("units, first, length", [((7, 6), 1, 5), ((4,), 0, 4), ((3, 4, 2), 1, 3)])
def test_listing_and_meeting_agree_by_name(units, first, length, quantity):
    trace, ids = random_trace(units), np.array([1, 4, 7, 3, 9])[:length]
    line = gi.NeutralLine(first, 5, steps=7, tolerance=None)
    found = [
        gi.path_influences(trace, ids, quantity, line, method=m) for m in ("mitm", "enumerate")
    ]
    a, b = ({p.name(k): v for k, v in enumerate(p.values)} for p in found)
    assert len(a) == len(found[0]) == gi.count_paths(length - first, len(units))
    assert a.keys() == b.keys()
    assert max(abs(a[name] - b[name]) for name in a) < 1e-14 * max(map(abs, b.values()))
    total = gi.influence(trace, ids, quantity, line).total
    assert abs(sum(a.values()) - total) < 1e-12 * abs(total)


@pytest.mark.float64
def test_every_path_is_what_gated_edges_give(trace, ids, quantity, short):
    """One backward pass per path through stopped gradients; 152 paths."""
    paths = gi.path_influences(trace, ids[:3], quantity, short)
    gated = gi.GatedInfluence(trace, ids[:3], quantity, short)
    expected = np.array([gated(paths.name(k)) for k in range(len(paths))])
    assert len(paths) == 152
    assert np.max(np.abs(paths.values - expected)) < 1e-12 * np.max(np.abs(expected))
    assert abs(gated() - paths.values.sum()) < 1e-12 * abs(gated())


def test_a_network_of_single_neurons_by_hand(quantity):
    """Each path as a product of scalar derivatives, in plain Python."""
    trace = random_trace((1, 1), width=1, scale=0.8, seed=3)
    ids, steps = np.array([2, 6, 11]), 5
    line = gi.NeutralLine(1, 5, steps=steps, tolerance=None)
    paths = gi.path_influences(trace, ids, quantity, line)
    start, end = (trace.embedding[w, 0] for w in (5, 6))
    neutral = (start + end) / 2
    expected = np.zeros(len(paths))
    for point in range(steps):
        x = neutral + (point + 0.5) / steps * (end - neutral)
        cells = scalar_forward(trace, [trace.embedding[2, 0], x, trace.embedding[11, 0]])
        for k in range(len(paths)):
            path, product = paths.name(k), end - neutral
            for a, b in zip(path, path[1:]):
                product *= scalar_derivative(trace, cells, a, b, quantity)
            expected[k] += product / steps
    np.testing.assert_allclose(paths.values, expected, rtol=1e-12, atol=1e-18)


def scalar_forward(trace, words):
    cells, state = {}, {0: (0.0, 0.0), 1: (0.0, 0.0)}
    for step, x in enumerate(words):
        for layer, w in enumerate(trace.layers):
            h, c = state[layer]
            z = {k: x * w.kernel[k][0, 0] + h * w.recurrent[k][0, 0] + w.bias[k][0] for k in "ifgo"}
            v = {k: math.tanh(z[k]) if k == "g" else 1 / (1 + math.exp(-z[k])) for k in z}
            v["before"], v["c"] = c, v["f"] * c + v["i"] * v["g"]
            x = v["h"] = v["o"] * math.tanh(v["c"])
            cells[layer, step], state[layer] = v, (v["h"], v["c"])
    return cells


def scalar_derivative(trace, cells, a, b, quantity):
    kind, layer, step = b
    if kind == "q":
        right, wrong = quantity.correct_id[0], quantity.wrong_id[0]
        return trace.head_kernel[0, right] - trace.head_kernel[0, wrong]
    v = cells[layer, step]
    if kind == "h":
        return math.tanh(v["c"]) if a[0] == "o" else v["o"] / math.cosh(v["c"]) ** 2
    if kind == "c":
        return v[{"i": "g", "g": "i", "f": "before", "c": "f"}[a[0]]]
    w = trace.layers[layer]
    weight = (w.recurrent if a[2] < step else w.kernel)[kind][0, 0]
    return weight * (1 - v[kind] ** 2 if kind == "g" else v[kind] * (1 - v[kind]))


def test_averages_are_of_products(trace, ids, quantity, line):
    """The published trap: the product of mean Jacobians is something else."""
    coarse = gi.NeutralLine(1, 5, steps=1, tolerance=None)
    paths = gi.path_influences(trace, ids, quantity, line)
    once = gi.path_influences(trace, ids, quantity, coarse)
    assert relative(once.values, paths.values) > 1e-2
    assert abs(once.values.sum() - once.influence.total) < 1e-14


def test_completeness_and_its_order(trace, ids, quantity):
    """The error falls as the square of the number of points."""
    errors = []
    for steps in (4, 8, 16, 32):
        line = gi.NeutralLine(1, 5, steps=steps, tolerance=None)
        errors.append(gi.influence(trace, ids, quantity, line).completeness_error)
    ratios = np.array(errors[:-1]) / errors[1:]
    assert np.all((3.5 < ratios) & (ratios < 4.5))


def test_points_are_doubled_until_complete(ids, quantity):
    sharp = random_trace(scale=2.5)
    once = gi.influence(sharp, ids, quantity, gi.NeutralLine(1, 5, steps=2, tolerance=None))
    found = gi.influence(sharp, ids, quantity, gi.NeutralLine(1, 5, steps=2))
    assert once.completeness_error > 0.01 >= found.completeness_error and found.complete
    assert found.steps > 2 and math.log2(found.steps / 2) % 1 == 0
    change = found.q - found.q_neutral
    assert abs(found.total - change) <= 0.01 * abs(change)
    stopped = gi.influence(sharp, ids, quantity, gi.NeutralLine(1, 5, steps=2, max_steps=3))
    assert not stopped.complete and stopped.steps == 2
    paths = gi.path_influences(sharp, ids, quantity, gi.NeutralLine(1, 5, steps=2))
    assert paths.influence.steps == found.steps and f"steps={found.steps}" in repr(paths)


def test_the_quantity_is_read_at_the_last_word(trace, ids, quantity, line):
    found = gi.influence(trace, ids, quantity, line)
    logits = trace.logits(ids)[0, -1]
    assert abs(found.q - (logits[3] - logits[12])) < 1e-12
    moved = trace.embedding.copy()
    moved[4] = (moved[4] + moved[5]) / 2
    neutral = random_trace()
    neutral.embedding = moved
    logits = neutral.logits(ids)[0, -1]
    assert abs(found.q_neutral - (logits[3] - logits[12])) < 1e-12


def test_symmetries(trace, ids, quantity, short):
    paths = gi.path_influences(trace, ids, quantity, short)
    swapped = gi.path_influences(trace, ids, gi.NumberAgreement(12, 3), short)
    np.testing.assert_allclose(swapped.values, -paths.values, rtol=1e-12)
    itself = gi.NeutralLine(1, int(ids[1]), steps=3)
    nothing = gi.path_influences(trace, ids, quantity, itself)
    assert not nothing.values.any() and nothing.influence.completeness_error == 0
    weights = np.zeros(trace.vocabulary)
    weights[3], weights[12] = 1, -1
    linear = gi.path_influences(trace, ids, gi.LinearQuantity(weights), short)
    np.testing.assert_allclose(linear.values, paths.values, rtol=1e-12)
    neutral = (trace.embedding[4] + trace.embedding[5]) / 2
    given = gi.path_influences(trace, ids, quantity, gi.Line(1, neutral, steps=3, tolerance=None))
    np.testing.assert_allclose(given.values, paths.values, rtol=1e-12)


def test_chunks_do_not_matter(trace, ids, quantity):
    line = gi.NeutralLine(1, 5, steps=7, tolerance=None)
    whole = gi.path_influences(trace, ids, quantity, line)
    parts = gi.path_influences(trace, ids, quantity, line, memory=1)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-12, atol=1e-18)
    assert gi.influence(trace, ids, quantity, line, memory=1).total == pytest.approx(
        whole.values.sum(), rel=1e-12
    )


@pytest.mark.parametrize("fault", ["slope", "forget", "numbers"])
def test_planted_bugs_are_seen(monkeypatch, fault, trace, ids, quantity, short):
    """The oracles fail where a slope, an edge or the bookkeeping of names is wrong."""
    right = gi.path_influences(trace, ids, quantity, short, method="enumerate")
    if fault == "numbers":
        order = _algorithms.numbers
        monkeypatch.setattr(_algorithms, "numbers", lambda *args: np.roll(order(*args), 1))
    else:
        diagonal = _edges.Edges._diagonal

        def wrong(self, source, node):
            if fault == "slope" and node[0] == "g":
                gate = self.cells[node[1:]].g
                return gate * (1 - gate)
            if fault == "forget" and (source[0], node[0]) == ("f", "c"):
                return self.cells[node[1:]].c
            return diagonal(self, source, node)

        monkeypatch.setattr(_edges.Edges, "_diagonal", wrong)
    found = gi.path_influences(trace, ids, quantity, short)
    assert relative(found.values, right.values) > 1e-3
    gap = abs(found.values.sum() - right.values.sum()) / abs(right.values.sum())
    assert gap < 1e-12 if fault == "numbers" else gap > 1e-3


def test_the_result_by_name_rank_and_share(trace, ids, quantity, line):
    paths = gi.path_influences(trace, ids, quantity, line)
    top = paths.top(3)
    assert [p.rank for p in top] == [1, 2, 3] and top[0].value == paths.values.max()
    assert paths.top(1, by="negative")[0].value == paths.values.min()
    assert abs(paths.top(1, by="size")[0].value) == np.abs(paths.values).max()
    for path in (top[0], top[0].nodes, top[0].index):
        assert paths[path].value == top[0].value
        assert paths.share(path) == top[0].value / paths.values[paths.values > 0].sum()
    assert paths.share(paths.top(1, by="negative")[0]) < 0
    assert sum(paths.share(k) for k in np.flatnonzero(paths.values > 0)) == pytest.approx(1)
    assert paths.primary.nodes == gi.primary_path(2, 1, 4) and "c~0.1" in str(paths.primary)
    assert paths.primary.rank == 1 + np.sum(paths.values > paths.primary.value)


def test_neurons_add_up_to_their_path(trace, ids, quantity, line):
    paths = gi.path_influences(trace, ids, quantity, line)
    for segment, units in ((("c", 1), 6), (("c", 0), 7), (("g", 1), 6), (("h", 0), 7)):
        parts = gi.refine(paths.primary, segment)
        assert parts.shape == (units,)
        assert parts.sum() == pytest.approx(paths.primary.value, rel=1e-12)
    with pytest.raises(ValueError, match="segment.*follow one another"):
        gi.refine(paths.primary, ("o", 1))
    with pytest.raises(ValueError, match="must be a `Path`"):
        gi.refine(paths.primary.nodes)


def test_a_neuron_of_a_path_is_the_path_through_it_alone(ids, quantity, short):
    """With all but one neuron of the top cell cut off from the head, that neuron's part is all."""
    trace = random_trace()
    paths = gi.path_influences(trace, ids, quantity, short)
    parts = gi.refine(paths.primary)
    kept = trace.head_kernel.copy()
    for j in range(6):
        trace.head_kernel = np.where(np.arange(6)[:, None] == j, kept, 0)
        alone = gi.path_influences(trace, ids, quantity, short).primary.value
        assert alone == pytest.approx(parts[j], rel=1e-12)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"ids": [[1, 2]]}, "shape \\(length,\\)"),
        ({"ids": [1]}, "longer than the position"),
        ({"ids": [[1], [1, 2]]}, "one sentence.*several lengths"),
        ({"ids": [1, 99, 2]}, "below the vocabulary"),
        ({"quantity": gi.NumberAgreement(3, 99)}, "wrong_id.*below"),
        ({"quantity": gi.LinearQuantity(np.ones(3))}, "one entry for each of 20"),
        ({"line": gi.NeutralLine(1, 50)}, "counterpart_id.*below"),
        ({"line": gi.NeutralLine(1, [5, 6])}, "one for each of 1"),
        ({"line": gi.Line(1, np.zeros(3))}, "shape \\(5,\\)"),
        ({"method": "fast"}, "`method` must be one of"),
        ({"max_paths": 10}, "at most.*Remedy"),
    ],
)
def test_bad_input_to_paths(trace, ids, quantity, short, change, message):
    given = {"trace": trace, "ids": ids, "quantity": quantity, "line": short} | change
    with pytest.raises(ValueError, match=f"(?s){message}"):
        gi.path_influences(**given)


def test_bad_lines_and_quantities():
    for message, make in {
        "integer from 0 on": lambda: gi.NeutralLine(-1, 5),
        "at least 1": lambda: gi.NeutralLine(1, 5, steps=0),
        "steps=None": lambda: gi.NeutralLine(1, 5, steps=None),
        "tolerance": lambda: gi.NeutralLine(1, 5, tolerance=0),
        "two sequences": lambda: gi.NumberAgreement([1, 2], 3),
        "finite": lambda: gi.LinearQuantity([np.nan]),
    }.items():
        with pytest.raises(ValueError, match=message):
            make()


def test_what_is_no_path(trace, ids, quantity, short):
    found = gi.path_influences(trace, ids, quantity, short)
    for wrong, message in {
        1.5: "`path` must be a path's nodes, or its number",
        None: "`path` must be a path's nodes, or its number",
        "primary": "A node must be",
        (("x", 0),): "A node must be",
        -1: "from 0 to",
    }.items():
        with pytest.raises(ValueError, match=message):
            found[wrong]
    for number in (-1, None, 2.0):
        with pytest.raises(ValueError, match="`number` must be an integer"):
            found.top(number)
    assert found.top(0) == []
