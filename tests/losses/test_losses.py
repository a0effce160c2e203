import keras
import numpy as np
import pytest
from keras import ops

from gloro_tf import losses

ROW = np.array([[2.0, 0.0, -1.0, 1.5]], "float32")
LABEL = np.array([0])


def value(loss, y_true, y_pred):
    return float(ops.convert_to_numpy(loss(y_true, y_pred)))


@pytest.mark.parametrize(
    "name, expected",
    [
        ("crossentropy", 0.583139),
        ("sparse_crossentropy", 0.583139),
        ("trades_kl.1.5", 0.789785),
        ("sparse_trades_kl.1.5", 0.789785),
        ("trades_ce.1.5", 1.576185),
    ],
)
def test_published_values(name, expected):
    loss = losses.get(name)
    assert value(loss, LABEL, ROW) == pytest.approx(expected, abs=2e-6)
    assert value(loss, np.eye(3, dtype="float32")[LABEL], ROW) == pytest.approx(expected, abs=2e-6)


def packed(logits, growth):
    return np.concatenate([logits, growth], axis=-1).astype("float32")


def emma_in_numpy(logits, growth, label, floor=0.01):
    difference = logits - logits[label]
    share = np.clip(-difference / np.maximum(growth, 1e-8), floor, 1)
    return np.log(np.sum(np.exp(difference + share * growth)))


def test_emma_against_its_formula():
    rng = np.random.default_rng(0)
    for _ in range(50):
        logits, growth = rng.normal(size=4), rng.uniform(0, 2, size=4)
        label = int(rng.integers(4))
        growth[label] = 0
        found = value(losses.EMMA(), np.array([label]), packed(logits[None], growth[None]))
        assert found == pytest.approx(emma_in_numpy(logits, growth, label), rel=1e-5)


def test_emma_reduces_to_crossentropy_and_to_the_static_margin():
    logits = np.array([[3.0, 0.5, -1.0]], "float32")
    zero = packed(logits, np.zeros((1, 3)))
    plain = -float(ops.convert_to_numpy(ops.log_softmax(logits))[0, 0])
    assert value(losses.EMMA(), LABEL, zero) == pytest.approx(plain, rel=1e-6)
    robust = packed(logits, np.array([[0.0, 1.0, 2.0]]))
    static = value(losses.StaticMargin(), LABEL, robust)
    assert value(losses.EMMA(), LABEL, robust) == pytest.approx(static, rel=1e-6)


def test_emma_pins_classes_to_a_tie():
    logits = np.array([[1.0, 0.5]], "float32")
    assert value(losses.EMMA(), LABEL, packed(logits, [[0.0, 3.0]])) == pytest.approx(np.log(2))


def test_emma_is_finite_where_everything_vanishes():
    assert np.isfinite(value(losses.EMMA(), LABEL, np.zeros((1, 6), "float32")))


def test_emma_gradient_goes_through_the_growth_and_not_the_share():
    logits, growth = np.array([[1.0, 0.5]]), np.array([[0.0, 3.0]])
    loss, step = losses.EMMA(), 1e-3
    base, moved = packed(logits, growth), packed(logits, growth + [[0, step]])
    share = 0.5 / 3.0
    expected = 0.5 * share * step
    shifted = emma_in_numpy(logits[0], growth[0], 0)
    linear = np.log(1 + np.exp(-0.5 + share * (3.0 + step)))
    assert linear - shifted == pytest.approx(expected, rel=1e-2)
    # The value itself does not move (the class stays pinned), so only a detached share explains
    # the gradient that backends report; checked on TensorFlow.
    assert value(loss, LABEL, base) == pytest.approx(value(loss, LABEL, moved), abs=1e-6)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tensor = tf.Variable(base)
        with tf.GradientTape() as tape:
            result = loss(LABEL, tensor)
        np.testing.assert_allclose(tape.gradient(result, tensor)[0, 3], 0.5 * share, rtol=1e-4)


def annealed_in_numpy(logits, growth, label, temperature=0.75, offset=2.0, power=5.0):
    difference = logits - logits[label]
    share = np.clip(-difference / np.maximum(growth, 1e-8), 0.01, 1)
    shifted = difference + share * growth
    shifted[label] -= offset
    q = np.exp(shifted[label] / temperature) / np.sum(np.exp(shifted / temperature))
    return -temperature * (1 - q) ** power * np.log(q)


def test_logit_annealing_against_its_formula():
    rng = np.random.default_rng(0)
    for _ in range(20):
        logits, growth = 5 * rng.normal(size=5), rng.random(5)
        growth[2] = 0
        found = value(losses.LogitAnnealing(), np.array([2]), packed(logits[None], growth[None]))
        assert found == pytest.approx(annealed_in_numpy(logits, growth, 2), rel=1e-3, abs=1e-6)


def test_logit_annealing_without_its_extras_is_emma():
    rng = np.random.default_rng(1)
    row = packed(rng.normal(size=(6, 4)), rng.random((6, 4)) * (np.arange(4) != 1))
    plain = losses.LogitAnnealing(temperature=1.0, offset=0.0, power=0.0)
    labels = np.ones(6, "int32")
    assert value(plain, labels, row) == pytest.approx(value(losses.EMMA(), labels, row), rel=1e-5)


def test_trades_is_safe_where_bottom_takes_everything():
    row = np.array([[0.0, 0.0, 300.0]], "float32")
    assert value(losses.Trades(), LABEL, row) == pytest.approx(300, rel=1e-2)


@pytest.mark.parametrize(
    "name", ["emma", "crossentropy", "trades", "trades_ce", "margin", "logit_annealing"]
)
def test_configs_round_trip(name):
    loss = losses.get(name)
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(copy) is type(loss) and copy.get_config() == loss.get_config()


@pytest.mark.parametrize("bad", ["ema", "trades_kl.x", "margin.2", "", "emma.-1", "trades.-1"])
def test_bad_names(bad):
    with pytest.raises(ValueError, match="Received"):
        losses.get(bad)


def test_close_names_are_suggested():
    with pytest.raises(ValueError, match="Did you mean 'emma'"):
        losses.get("ema")


@pytest.mark.parametrize(
    "make",
    [
        lambda: losses.Crossentropy(temperature=0),
        lambda: losses.Trades(weight=-1),
        lambda: losses.Trades(kind="l2"),
        lambda: losses.EMMA(floor=2),
        lambda: losses.EMMA(temperature=0),
        lambda: losses.EMMA(temperature=float("nan")),
        lambda: losses.EMMA(temperature="1"),
        lambda: losses.EMMA(floor="1"),
        lambda: losses.LogitAnnealing(power=float("nan")),
        lambda: losses.LogitAnnealing(offset=-1),
        lambda: losses.Trades(weight=float("inf")),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(ValueError, match="Received"):
        make()
