"""Relaxed margins against a brute force over every k, every class inside and every class outside."""

import numpy as np
import pytest
from keras import ops

from gloro_tf.margins import (
    FrozenMargins,
    Relaxation,
    loosest,
    relaxed_bottom,
    relaxed_radii,
    with_bottom,
)

SETS = np.array([[1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]], "bool")


def brute_force(logits, constants, k, sets=None):
    """`(n, k)` radii, by loops."""
    answers = np.zeros((len(logits), k))
    for row, values in enumerate(np.asarray(logits, "float64")):
        order = np.argsort(-values, kind="stable")
        for size in range(1, k + 1):
            inside, outside = order[:size], order[size:]
            radius = min((values[j] - values[i]) / constants[j, i] for j in inside for i in outside)
            allowed = sets is None or any(all(s[j] for j in inside) for s in sets)
            answers[row, size - 1] = max(radius, 0) if allowed else -1
    return answers


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(400, 6)).astype("float32")
    constants = rng.uniform(0.5, 2, size=(6, 6))
    constants = ((constants + constants.T) / 2).astype("float32")
    np.fill_diagonal(constants, 0)
    return logits, constants


def rows(constants):
    return lambda j: (ops.take(constants, j, axis=0), 0.0)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("sets", [None, SETS], ids=["top-k", "affinity"])
def test_radii(case, k, sets):
    logits, constants = case
    relaxation, expected = Relaxation(k, sets), brute_force(logits, constants, k, sets)
    found, order = relaxed_radii(ops.convert_to_tensor(logits), rows(constants), relaxation)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-4, atol=1e-6)
    zeros = np.zeros_like(constants, "float64")
    frozen = FrozenMargins(constants.astype("float64"), zeros, zeros)
    exact, frozen_order = frozen.radii(logits, np.zeros(len(logits)), relaxation)
    np.testing.assert_allclose(exact, expected, rtol=1e-6)
    assert np.all(exact <= expected)
    np.testing.assert_array_equal(ops.convert_to_numpy(order), frozen_order)


@pytest.mark.parametrize("epsilon", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("k, sets", [(1, None), (3, None), (3, SETS)])
def test_bottom_decides_as_the_radii_do(case, epsilon, k, sets):
    logits, constants = case
    scores = relaxed_bottom(
        ops.convert_to_tensor(logits),
        lambda j: epsilon * ops.take(constants, j, axis=0),
        Relaxation(k, sets),
    )
    scores = ops.convert_to_numpy(scores)
    certified = scores[:, :-1].max(axis=1) > scores[:, -1]
    radii = brute_force(logits, constants, k, sets).max(axis=1)
    clear = np.abs(radii - epsilon) > 1e-5
    np.testing.assert_array_equal(certified[clear], radii[clear] > epsilon)


def test_one_is_ordinary_robustness_bit_for_bit(case):
    logits, constants = case
    strict = ops.convert_to_numpy(with_bottom(logits, constants, 0.3))
    winner = logits.argmax(axis=1)
    rival = logits + np.float32(0.3) * constants[winner]
    rival[np.arange(len(rival)), winner] = -np.inf
    np.testing.assert_array_equal(strict[:, -1], rival.max(axis=1))
    singletons = Relaxation(1, np.eye(6, dtype="bool"))
    same = ops.convert_to_numpy(with_bottom(logits, constants, 0.3, singletons))
    np.testing.assert_array_equal(strict, same)


def test_monotone_in_epsilon_and_in_k(case):
    logits, constants = case
    radii = [brute_force(logits, constants, k).max(axis=1) for k in (1, 2, 3)]
    found = [
        ops.convert_to_numpy(relaxed_radii(logits, rows(constants), Relaxation(k))[0]).max(axis=1)
        for k in (1, 2, 3)
    ]
    for small, large in zip(found, found[1:], strict=False):
        assert np.all(small <= large) and np.any(small < large)
    np.testing.assert_allclose(found[2], radii[2], rtol=1e-4, atol=1e-6)
    bottoms = [
        ops.convert_to_numpy(with_bottom(logits, constants, e, Relaxation(2)))[:, -1]
        for e in (0.1, 0.2, 0.4)
    ]
    assert np.all(bottoms[0] <= bottoms[1]) and np.all(bottoms[1] <= bottoms[2])


def test_affinity_lies_between_strict_and_top_k(case):
    logits, constants = case
    covered = np.concatenate([SETS, np.eye(6, dtype="bool")])
    strict, affinity, free = (
        brute_force(logits, constants, k, s).max(axis=1)
        for k, s in ((1, None), (3, covered), (3, None))
    )
    assert np.all(strict <= affinity) and np.all(affinity <= free)
    assert np.any(strict < affinity) and np.any(affinity < free)


def test_ties_at_the_edge_of_a_set_never_certify():
    logits = np.array([[2.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]], "float32")
    constants = (1 - np.eye(4)).astype("float32")
    radii, _ = relaxed_radii(logits, rows(constants), Relaxation(3))
    np.testing.assert_allclose(ops.convert_to_numpy(radii), [[1, 0, 1], [0, 0, 0]])
    scores = ops.convert_to_numpy(with_bottom(logits, constants, 1e-6, Relaxation(3)))
    assert scores[1, -1] >= scores[1, :-1].max()


def test_a_value_mask_would_certify_ties():
    """The planted bug: leaving out every class with the winner's value, not the winner alone."""
    logits = np.array([[1.0, 1.0, 0.0]], "float32")
    by_value = np.where(logits == logits.max(), -np.inf, logits).max()
    assert logits.max() > by_value  # would certify
    scores = ops.convert_to_numpy(with_bottom(logits, np.ones((3, 3), "float32"), 1e-3))
    assert not scores[0, :-1].max() > scores[0, -1]


def test_infinite_growth_never_certifies():
    tables = FrozenMargins(*[np.full((3, 3), np.inf)] * 3)
    radii, _ = tables.radii(np.array([[3.0, 1.0, 0.0]]), np.ones(1), Relaxation(2))
    np.testing.assert_array_equal(radii, 0)


def test_loosest():
    radii = np.array([[0.5, 0.2, 0.4], [0.0, -1.0, 0.0]], "float32")
    assert ops.convert_to_numpy(loosest(radii, 0.3)).tolist() == [3, 0]


def test_memory_is_linear_in_classes():
    tracemalloc = pytest.importorskip("tracemalloc")
    rng = np.random.default_rng(0)
    logits, constants = rng.normal(size=(256, 1000)), rng.random((1000, 1000))
    zeros = np.zeros_like(constants)
    tracemalloc.start()
    FrozenMargins(constants, zeros, zeros).radii(logits, np.ones(256), Relaxation(10))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 256 * 2**20
