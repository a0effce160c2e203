"""Verdicts where hyperplanes coincide: tied, opposite, dead and sparse units; and convolutions."""

import keras
import numpy as np
import oracles
import pytest

from gloro_tf.geometric_projections import Network, certify
from gloro_tf.geometric_projections._agenda import Agenda

OPTIONS = [{"exact": False}, {"exact": True}, {"exact": True, "lower_bound": True}]


def degenerate(seed):
    """A random network whose units are then copied, turned round, switched off and rounded."""
    rng = np.random.default_rng([seed, 7])
    weights, epsilon, slope = oracles.random_weights(seed)
    for number, (kernel, bias) in enumerate(weights[:-1]):
        if seed % 3 == 0:  # whole numbers: inputs then lie on hyperplanes, and these meet in points
            kernel[:], bias[:] = np.round(kernel), np.round(bias)
        if rng.random() < 0.5:
            kernel[rng.random(kernel.shape) < 0.5] = 0
        for unit in range(1, len(bias)):
            kind, other = rng.integers(0, 6), int(rng.integers(unit))
            if kind < 2:  # the same hyperplane, from the same or from the other side
                sign = 1 - 2 * kind
                kernel[:, unit], bias[unit] = sign * kernel[:, other], sign * bias[other]
            if kind == 2:  # no hyperplane: always on, always off, or always zero
                kernel[:, unit], bias[unit] = 0, rng.integers(-1, 2)
        if rng.random() < 0.3:  # a unit that nothing listens to
            weights[number + 1][0][0] = 0
    if rng.random() < 0.2:  # two classes that always tie
        kernel, bias = weights[-1]
        kernel[:, 1], bias[1] = kernel[:, 0], bias[0]
    return weights, epsilon, slope


def inputs_of(seed):
    x = np.random.default_rng([seed, 1]).normal(size=(4, 2)).astype("float32")
    return np.round(x) if seed % 3 == 0 else x


def wrong_verdicts(seeds):
    wrong, statuses = 0, []
    for seed in seeds:
        weights, epsilon, slope = degenerate(seed)
        x = inputs_of(seed)
        for norm in ("l2", "linf"):
            verdicts = certify(
                oracles.network(weights, slope), x, epsilon, norm=norm, **OPTIONS[seed // 3 % 3]
            )
            wrong += oracles.contradictions(weights, x, epsilon, norm, verdicts, slope).sum()
            statuses += list(verdicts.status)
    return wrong, statuses


def test_no_verdict_of_a_degenerate_network_contradicts_a_dense_grid():
    wrong, statuses = wrong_verdicts(range(30))
    assert wrong == 0
    assert min(statuses.count(s) for s in ("ROBUST", "NOT_ROBUST")) > 20


def test_too_many_units_in_doubt_certify_nothing():
    """An input on seven hyperplanes at once is not searched, so that no radius is certain."""
    weights, epsilon, slope = degenerate(708)
    x = inputs_of(708)
    for options in OPTIONS:
        verdicts = certify(oracles.network(weights, slope), x, epsilon, **options)
        assert verdicts.status[0] == "UNKNOWN" and verdicts.radius[0] == 0
        assert not oracles.contradictions(weights, x, epsilon, "l2", verdicts, slope).any()


@pytest.mark.slow
def test_no_verdict_of_a_thousand_degenerate_networks_contradicts_a_dense_grid():
    assert wrong_verdicts(range(30, 1030))[0] == 0


@pytest.mark.parametrize("count", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_no_budget_makes_a_verdict_or_radius_wrong(count, monkeypatch):
    """Searches that end early, take few regions at once, or keep what waits in files."""
    monkeypatch.setattr(Agenda, "LEAST", 8)
    rng, statuses = np.random.default_rng(3), []
    for seed in range(5000, 5000 + count):
        weights, epsilon, slope = degenerate(seed)
        x, norm = inputs_of(seed), str(rng.choice(["l2", "linf"]))
        options = {
            name: bool(rng.random() < 0.6) for name in ("exact", "lower_bound", "keep_going")
        }
        options["max_regions"] = int(rng.choice([1, 2, 5, 30]))
        options["batch_size"], options["memory"] = int(rng.choice([1, 2, 64])), 1
        network = oracles.network(weights, slope)
        verdicts = certify(network, x, epsilon, norm=norm, **options)
        assert not oracles.contradictions(weights, x, epsilon, norm, verdicts, slope).any(), seed
        statuses += list(verdicts.status)
    assert {"ROBUST", "NOT_ROBUST", "TIMED_OUT", "UNKNOWN"} == set(statuses)


def convolutions(seed):
    """A small convolutional network of two pixels, and its layers as matrices of their own."""
    keras.utils.set_random_seed(seed)
    strides = 1 + seed % 2
    layers = [
        keras.layers.Conv2D(3, 2, padding="same", bias_initializer="random_normal"),
        keras.layers.ReLU(),
        keras.layers.Conv2D(2, (2, 1), strides, padding="same", bias_initializer="random_normal"),
        keras.layers.ReLU(),
        keras.layers.Flatten(),
        keras.layers.Dense(3, bias_initializer="random_normal"),
    ]
    net = keras.Sequential([keras.Input((2, 1, 1)), *layers])
    weights, shape = [], (2, 1, 1)
    for layer in layers:
        if layer.weights:
            size = int(np.prod(shape))
            unit = np.concatenate([np.zeros((1, size)), np.eye(size)]).reshape(-1, *shape)
            if isinstance(layer, keras.layers.Dense):
                unit = unit.reshape(-1, size)
            rows = np.asarray(keras.ops.convert_to_numpy(layer(unit)), "float64")
            shape = rows.shape[1:]
            rows = rows.reshape(len(rows), -1)
            weights.append((rows[1:] - rows[0], rows[0]))
    return net, weights


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_no_verdict_of_a_convolutional_network_contradicts_a_dense_grid(norm):
    statuses = []
    for seed in range(8):
        net, weights = convolutions(seed)
        x = np.random.default_rng([seed, 1]).normal(size=(6, 2)).astype("float32")
        network = Network.of(net)
        found, _ = network.logits(x.astype("float64"))
        np.testing.assert_allclose(found, oracles.forward(weights, x.astype("float64")), atol=1e-5)
        verdicts = certify(net, x.reshape(-1, 2, 1, 1), 0.8, norm=norm)
        # The matrices are those of Keras to float32: a grid may differ by that at the boundary.
        least = oracles.grid_distances(weights, x, 0.8, norm)
        assert not np.any((verdicts.status == "ROBUST") & (least < 0.8 * (1 - 1e-5)))
        points = verdicts.adversarial.reshape(-1, 2)
        for row in np.flatnonzero(verdicts.status == "NOT_ROBUST"):
            answers = net.predict(points[row].reshape(1, 2, 1, 1), verbose=0)
            assert answers.argmax() != verdicts.label[row]
            assert oracles.length(points[row] - x[row], norm) <= 0.8
        statuses += list(verdicts.status)
    assert set(statuses) == {"ROBUST", "NOT_ROBUST"}
