import numpy as np
import pytest
from keras import ops

from gloro_tf.margins import FrozenMargins, certified_radius, with_bottom

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(200, 6)).astype("float32")
WEIGHTS = RNG.normal(size=(4, 6))
K = np.linalg.norm(WEIGHTS[:, :, None] - WEIGHTS[:, None, :], axis=0).astype("float32")


def numpy(x):
    return ops.convert_to_numpy(x)


def bottom(logits, constants, epsilon):
    return numpy(with_bottom(ops.convert_to_tensor(logits), constants, epsilon))[:, -1]


def test_against_brute_force():
    for row, found in zip(LOGITS, bottom(LOGITS, K, 0.3), strict=True):
        j = row.argmax()
        expected = max(row[i] + 0.3 * K[j, i] for i in range(6) if i != j)
        assert found == pytest.approx(expected, rel=1e-6)


def test_bottom_decides_as_the_radius_does():
    radius = numpy(certified_radius(LOGITS, K))
    for epsilon in RNG.uniform(0, 1, size=20):
        if np.min(np.abs(radius - epsilon)) > 1e-5:
            certified = LOGITS.max(axis=1) > bottom(LOGITS, K, np.float32(epsilon))
            np.testing.assert_array_equal(certified, radius > epsilon)


def test_at_radius_zero_bottom_is_the_second_logit():
    np.testing.assert_array_equal(bottom(LOGITS, K, 0.0), np.sort(LOGITS, axis=1)[:, -2])


def test_bottom_grows_with_epsilon():
    values = [bottom(LOGITS, K, e) for e in (0.0, 0.1, 0.2, 1.0)]
    assert all((b >= a).all() for a, b in zip(values, values[1:], strict=False))


def test_shifts_and_permutations():
    np.testing.assert_allclose(bottom(LOGITS + 2, K, 0.3), bottom(LOGITS, K, 0.3) + 2, rtol=1e-5)
    order = RNG.permutation(6)
    permuted = bottom(LOGITS[:, order], K[order][:, order], 0.3)
    np.testing.assert_array_equal(permuted, bottom(LOGITS, K, 0.3))


@pytest.mark.parametrize("logits", [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [2.0, 2.0, 2.0]])
@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_ties_never_certify(logits, constant):
    logits = np.array([logits], "float32")
    table = np.full((3, 3), constant, "float32")
    assert not (logits.max() > bottom(logits, table, 0.1)).any()
    assert numpy(certified_radius(logits, table))[0] == 0


def test_duplicate_classes_certify_only_with_a_margin():
    table = np.zeros((2, 2), "float32")
    assert numpy(certified_radius(np.array([[1.0, 1.0]], "float32"), table))[0] == 0
    assert numpy(certified_radius(np.array([[1.5, 1.0]], "float32"), table))[0] == np.inf


def frozen():
    return FrozenMargins.from_bound(
        K.astype("float64"), np.full((6, 6), 1e-4), np.full((6, 6), 1e-3)
    )


def test_frozen_radius_is_smaller_and_close():
    labels, radius = frozen().radius(LOGITS, np.ones(len(LOGITS)))
    plain = numpy(certified_radius(LOGITS, K))
    np.testing.assert_array_equal(labels, LOGITS.argmax(axis=1))
    assert (radius <= plain).all() and np.median(plain - radius) < 0.01
    slack = 2 * 1e-4 + 2 * 1e-3
    for row, r in zip(LOGITS.astype("float64"), radius, strict=True):
        j = row.argmax()
        best = min((row[j] - row[i] - slack) / (K[j, i] + 1e-4) for i in range(6) if i != j)
        assert r == pytest.approx(max(best, 0), rel=1e-6, abs=1e-9)


def test_frozen_bottom_agrees_with_the_frozen_radius():
    tables = frozen()
    inputs = np.zeros((len(LOGITS), 4), "float32")
    single = FrozenMargins(*[np.asarray(t, "float32") for t in vars(tables).values()])
    rows = numpy(single.with_bottom(ops.convert_to_tensor(LOGITS), inputs, 0.2))
    _, radius = tables.radius(LOGITS, np.zeros(len(LOGITS)))
    certified = rows[:, :-1].max(axis=1) > rows[:, -1]
    clear = np.abs(radius - 0.2) > 1e-4
    np.testing.assert_array_equal(certified[clear], radius[clear] > 0.2)
    assert not (certified & (radius <= 0.2)).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_certifies(bad):
    logits = np.array([[5.0, bad, 0.0, 0.0, 0.0, 0.0]], "float32")
    assert frozen().radius(logits, np.ones(1))[1][0] == 0
    assert frozen().radius(LOGITS[:1], np.array([np.nan]))[1][0] == 0
    single = FrozenMargins(*[np.asarray(t, "float32") for t in vars(frozen()).values()])
    row = numpy(single.with_bottom(ops.convert_to_tensor(logits), np.ones((1, 4), "float32"), 0.1))
    assert not np.nan_to_num(row[0, :-1], nan=-np.inf).max() > row[0, -1]
