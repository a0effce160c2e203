import keras
import numpy as np
import pytest
from keras import ops

from gloro_tf import metrics
from gloro_tf.margins import certified_radius

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(50, 4)).astype("float32")
BOTTOM = RNG.normal(size=(50, 1)).astype("float32") + 0.7
ROWS = np.concatenate([LOGITS, BOTTOM], axis=1)
LABELS = RNG.integers(0, 4, 50)
RIGHT = LOGITS.argmax(axis=1) == LABELS
CERTIFIED = LOGITS.max(axis=1) > BOTTOM[:, 0]
K = np.abs(RNG.normal(size=(4, 4))).astype("float32") * (1 - np.eye(4, dtype="float32"))
RADIUS = ops.convert_to_numpy(certified_radius(LOGITS, K))
PACKED = np.concatenate([LOGITS, RADIUS[:, None]], axis=1)
MEMBERS = (RNG.random((50, 4)) < 0.4).astype("float32")
HOLDS = MEMBERS[np.arange(50), LABELS]
SIZES = MEMBERS.sum(axis=1)

CASES = [
    (metrics.CleanAccuracy(), ROWS, RIGHT.mean()),
    (metrics.VRA(), ROWS, (RIGHT & CERTIFIED).mean()),
    (metrics.RejectionRate(), ROWS, 1 - CERTIFIED.mean()),
    (metrics.VRA(0.5), PACKED, (RIGHT & (RADIUS > 0.5)).mean()),
    (metrics.VRA(0.0), PACKED, RIGHT.mean()),
    (metrics.CertifiedRadius(), PACKED, np.where(RIGHT, RADIUS, 0).mean()),
    (metrics.RelaxedVRA(), MEMBERS, HOLDS.mean()),
    (metrics.PromisedSetSize(), MEMBERS, SIZES[SIZES > 0].mean()),
]


@pytest.mark.parametrize("metric, rows, expected", CASES, ids=lambda v: getattr(v, "name", ""))
def test_ragged_batches_and_both_label_forms(metric, rows, expected):
    for labels in (LABELS, LABELS[:, None], np.eye(4, dtype="float32")[LABELS]):
        metric.reset_state()
        for part in (slice(0, 32), slice(32, 50)):
            metric.update_state(labels[part], rows[part])
        assert float(ops.convert_to_numpy(metric.result())) == pytest.approx(expected, rel=1e-5)


def test_sample_weights():
    metric = metrics.CleanAccuracy()
    weights = RNG.uniform(size=50)
    metric.update_state(LABELS, ROWS, sample_weight=weights)
    expected = np.sum(RIGHT * weights) / weights.sum()
    assert float(ops.convert_to_numpy(metric.result())) == pytest.approx(expected, rel=1e-5)


def test_a_tie_with_bottom_is_not_certified():
    row = np.array([[1.0, 0.0, 1.0]], "float32")
    metric = metrics.VRA()
    metric.update_state(np.array([0]), row)
    assert float(ops.convert_to_numpy(metric.result())) == 0


@pytest.mark.parametrize("metric", [case[0] for case in CASES], ids=lambda m: m.name)
def test_configs_round_trip(metric):
    copy = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(copy) is type(metric) and copy.get_config() == metric.get_config()


def test_names():
    assert metrics.get("vra.0.5").epsilon == 0.5
    assert metrics.get("vra").epsilon is None
    assert metrics.get("accuracy") == "accuracy"
    with pytest.raises(ValueError, match="Did you mean 'clean_accuracy'"):
        metrics.get("clean_acuracy")
    with pytest.raises(ValueError, match="Received: epsilon"):
        metrics.VRA(-0.1)
