import os
import pathlib
import signal
import sys

import keras
import numpy as np
import oracles
import pytest

import gloro_tf
from gloro_tf.geometric_projections import Network, _search, certify
from gloro_tf.geometric_projections._agenda import Agenda, KeyTable

SHARED = pathlib.Path(os.environ.get("GLORO_TF_SHARED", "../shared"))


def wide(seed=0, inputs=8, width=12, depth=2):
    rng = np.random.default_rng(seed)
    sizes = [inputs, *[width] * depth, 4]
    weights = []
    for a, b in zip(sizes[:-1], sizes[1:], strict=True):
        pair = rng.normal(size=(a, b)) / np.sqrt(a) * 1.5, 0.2 * rng.normal(size=b)
        weights.append(tuple(p.astype("float32").astype("float64") for p in pair))
    return weights, rng.normal(size=(30, inputs)).astype("float32")


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_linear_network_has_the_closed_form_radius_in_one_region(norm):
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(5, 4)), rng.normal(size=4)
    x = rng.normal(size=(20, 5)).astype("float32")
    logits = x.astype("float64") @ kernel + bias
    label = logits.argmax(axis=1)
    gaps = logits[np.arange(20), label][:, None] - logits
    dual = 2 if norm == "l2" else 1
    lengths = np.linalg.norm(kernel[:, label].T[:, :, None] - kernel, ord=dual, axis=1)
    radius = np.min(np.where(gaps > 0, gaps / np.maximum(lengths, 1e-300), np.inf), axis=1)
    for options in ({"exact": False}, {"exact": True}, {"lower_bound": True}):
        verdicts = certify(oracles.network([(kernel, bias)]), x, 0.5, norm=norm, **options)
        np.testing.assert_array_equal(verdicts.status == "ROBUST", radius > 0.5)
        np.testing.assert_array_equal(verdicts.status == "NOT_ROBUST", radius <= 0.5)
        np.testing.assert_allclose(verdicts.radius, np.minimum(radius, 0.5), rtol=1e-9)
        assert np.all(verdicts.regions == 1)


def test_smaller_balls_stay_robust_and_radii_agree():
    weights, x = wide()
    network = oracles.network(weights)
    far = certify(network, x, 0.6, lower_bound=True)
    assert 3 < (far.status == "ROBUST").sum() < 27
    for epsilon in (0.1, 0.3, 0.5):
        verdicts = certify(network, x, epsilon)
        np.testing.assert_array_equal(verdicts.status == "ROBUST", far.radius > epsilon)
        assert np.all(verdicts.distance[verdicts.status == "NOT_ROBUST"] <= epsilon)
        assert np.all(verdicts.radius <= far.distance)


def test_verdicts_are_invariant_under_symmetries():
    weights, x = wide(1)
    expected = certify(oracles.network(weights), x, 0.4)
    assert len(set(expected.status)) == 2
    rng = np.random.default_rng(5)
    (first, a), (second, b), (third, c) = weights
    order, gain = rng.permutation(len(a)), rng.uniform(0.5, 2, len(a))
    turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    permuted = [(first[:, order], a[order]), (second[order], b), (third, c)]
    scaled = [(first * gain, a * gain), (second / gain[:, None], b), (third, c)]
    turned = [(turn.T @ first, a), (second, b), (third, c)]
    tall = [(np.vstack([first, np.zeros((30, 12))]), a), *weights[1:]]
    far = np.concatenate([x, rng.normal(size=(30, 30)).astype("float32")], axis=1)
    moved = (x.astype("float64") @ turn).astype("float32")
    for other, points in ((permuted, x), (scaled, x), (turned, moved), (tall, far)):
        verdicts = certify(oracles.network(other), points, 0.4)
        np.testing.assert_array_equal(verdicts.status, expected.status)


def test_a_tie_is_never_robust():
    network = oracles.network([(np.eye(2), np.zeros(2)), (np.eye(2), np.zeros(2))])
    for options in ({"exact": False}, {"exact": True}, {"lower_bound": True}):
        verdicts = certify(network, np.float32([[0.5, 0.5], [-1, -1], [2, 1]]), 0.25, **options)
        assert list(verdicts.status) == ["NOT_ROBUST", "UNKNOWN", "ROBUST"]
        assert verdicts.radius[0] < 1e-12 and verdicts.radius[1] < 1e-12
    twins = oracles.network([(np.eye(2), np.zeros(2)), (np.ones((2, 2)), np.zeros(2))])
    assert set(certify(twins, np.float32([[1, 1]]), 0.1).status) == {"UNKNOWN"}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_overflow_is_never_robust():
    weights, x = wide()
    huge = [(kernel * 1e130, bias * 1e130) for kernel, bias in weights]
    for options in ({"exact": False}, {"exact": True}):
        verdicts = certify(oracles.network(huge), x, 0.3, max_regions=50, **options)
        assert not np.any(verdicts.status == "ROBUST")
        assert np.all(verdicts.radius[verdicts.status == "UNKNOWN"] == 0)


def test_units_on_their_kink_are_searched_on_both_sides():
    kernel = np.array([[1.0, -1.0, 0.1], [0.3, 0.7, -0.2]])
    head = np.array([[1.0, 0.2], [0.1, 1.0], [-0.4, 0.6]])
    weights = [(kernel, np.zeros(3)), (head, np.array([0.3, 0.0]))]
    x = np.float32([[0.0, 0.0], [0.2, 0.1], [0.3, -0.1], [0.1, -0.1]])  # units that are 0 or nearly
    for norm in ("l2", "linf"):
        verdicts = certify(oracles.network(weights), x, 0.5, norm=norm, lower_bound=True)
        assert not oracles.contradictions(weights, x, 0.5, norm, verdicts, side=400).any()


def test_budgets_end_a_search_with_a_certified_radius():
    weights, x = wide(2, depth=3)
    network = oracles.network(weights)
    full = certify(network, x, 0.4, lower_bound=True)
    verdicts = certify(network, x, 0.4, max_regions=4, batch_size=8)
    late = verdicts.status == "TIMED_OUT"
    assert 5 < late.sum() < 30
    assert np.all(verdicts.radius[late] <= full.radius[late]) and (verdicts.radius > 0).any()
    assert np.all(verdicts.regions <= 4 + 8)
    for budget in ({"seconds": 1e-9}, {"seconds_per_point": 1e-9}):
        assert "TIMED_OUT" in certify(network, x, 0.4, batch_size=4, **budget).status
    assert set(full.status) == {"ROBUST", "NOT_ROBUST"}


def test_interrupting_returns_what_is_known(monkeypatch):
    weights, x = wide(2, depth=3)
    true, calls = _search.Search._visit, []

    def visit(self, *args):
        calls.append(1)
        if len(calls) == 20:
            signal.raise_signal(signal.SIGINT)
        true(self, *args)

    network = oracles.network(weights)
    full = certify(network, x, 0.4, lower_bound=True)
    monkeypatch.setattr(_search.Search, "_visit", visit)
    verdicts = certify(network, x, 0.4, batch_size=32)
    late = verdicts.status == "TIMED_OUT"
    assert 0 < late.sum() < 30 and len(calls) == 20
    np.testing.assert_array_equal(verdicts.status[~late], full.status[~late])
    assert np.all(verdicts.radius <= full.radius)


def test_little_memory_spills_and_decides_the_same():
    weights, x = wide(3, width=20)
    network = oracles.network(weights)
    expected = certify(network, x[:4], 0.5)
    spilled, true = [], Agenda._spill
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Agenda, "_spill", lambda self, n: spilled.append(len(n)) or true(self, n))
        patch.setattr(Agenda, "LEAST", 64)
        verdicts = certify(network, x[:4], 0.5, memory=1, batch_size=64)
    assert sum(spilled) > 100
    np.testing.assert_array_equal(verdicts.status, expected.status)


def test_the_key_table_agrees_with_a_dictionary():
    rng = np.random.default_rng(0)
    table, known = KeyTable(2), {}
    for _ in range(30):
        rows = rng.integers(0, 40, (rng.integers(1, 400), 2)).astype(np.uint64)
        numbers, fresh = table.insert(rows)
        assert fresh.sum() == len({tuple(r) for r in rows.tolist()} - known.keys())
        for row, number in zip(rows.tolist(), numbers):
            assert known.setdefault(tuple(row), number) == number
    assert table.count == len(known) == len(set(known.values()))
    kept = np.sort(rng.choice(table.count, 100, replace=False))
    rows = table.rows[kept].copy()
    table.keep(kept)
    numbers, fresh = table.insert(rows)
    assert not fresh.any() and np.array_equal(numbers, np.arange(100))


def test_the_local_radius_is_never_below_the_global_one(digits):
    x_train, y_train, x_test, _ = digits
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Flatten(), keras.layers.Dense(16, "relu"), keras.layers.Dense(10)]
    net = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    model = gloro_tf.GloroModel(model=net, epsilon=0.15)
    model.compile(keras.optimizers.Adam(5e-3), loss="crossentropy", metrics=[])
    model.fit(x_train, y_train, batch_size=64, epochs=4, verbose=0)
    certificate = model.freeze().certify(x_test[:100])
    verdicts = certify(model, x_test[:100], 0.15)
    np.testing.assert_array_equal(verdicts.label, certificate.label)
    assert not np.any(certificate.certified & (verdicts.status != "ROBUST"))
    robust = (verdicts.status == "ROBUST").sum()
    assert robust > certificate.certified.sum() > 5
    local = certify(model, x_test[:40], 0.5, lower_bound=True)
    assert np.all(local.radius >= np.minimum(certificate.radius[:40], 0.5) * (1 - 1e-9))


def test_the_progress_bar_counts_inputs(capsys):
    weights, x = wide()
    certify(oracles.network(weights), x, 0.2, verbose=1)
    assert "30/30" in capsys.readouterr().out


def published(name):
    """A published network and the 100 published points of MNIST; positions 0 to 99."""
    path = SHARED / "data" / "fgp" / "networks.npz"
    if not path.exists():
        pytest.skip("needs the published networks under GLORO_TF_SHARED")
    sys.path.insert(0, str(SHARED / "data"))
    datasets = pytest.importorskip("datasets")
    sys.path.pop(0)
    if not hasattr(datasets, "GRID"):
        pytest.skip("another module named `datasets` is installed")
    images, _ = datasets.load("mnist", "test")
    index = np.random.RandomState(4444).randint(0, 10000, 100)
    arrays = np.load(path)
    count = sum(key.startswith(f"{name}/w") for key in arrays.files)
    weights = [(arrays[f"{name}/w{i}"], arrays[f"{name}/b{i}"]) for i in range(count)]
    net = keras.Sequential([keras.Input((784,))])
    for kernel, _ in weights[:-1]:
        net.add(keras.layers.Dense(kernel.shape[1], "relu"))
    net.add(keras.layers.Dense(10, "softmax"))
    net.set_weights([part for pair in weights for part in pair])
    return net, images[index].reshape(100, 784) / np.float32(255)


@pytest.mark.parametrize("exact", [False, True])
def test_the_published_points_have_their_published_verdicts(exact):
    net, x = published("mnist_3x20")
    verdicts = certify(net, x, 0.25, exact=exact)
    assert np.flatnonzero(verdicts.status == "NOT_ROBUST").tolist() == [
        *[10, 11, 17, 39, 46, 50, 59, 66, 67]
    ]
    assert (verdicts.status == "ROBUST").sum() == 91
    predicted = keras.ops.convert_to_numpy(net(verdicts.adversarial[[10, 11, 17]])).argmax(1)
    assert np.all(predicted != verdicts.label[[10, 11, 17]])
    nearest = certify(net, x[[10, 11, 17]], 0.25, lower_bound=True)
    np.testing.assert_allclose(nearest.radius, [0.09033, 0.06999, 0.03387], atol=6e-6)
    assert np.median(verdicts.regions) < 30


def test_unbuilt_and_many_input_models_are_refused():
    with pytest.raises(ValueError, match="built"):
        Network.of(keras.Sequential([keras.layers.Dense(3)]))
