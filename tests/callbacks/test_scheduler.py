"""What compiled training steps see of a schedule."""

import csv
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import gloro_tf

PROBE = pathlib.Path(__file__).with_name("probe.py")
ROOT = PROBE.parents[2]


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def seen(request, tmp_path_factory):
    """What `probe.py` saw on a backend, and the file that `CSVLogger` wrote."""
    pytest.importorskip(request.param)
    path = tmp_path_factory.mktemp("probe") / "log.csv"
    environment = {**os.environ, "KERAS_BACKEND": request.param, "PYTHONPATH": str(ROOT)}
    output = subprocess.run(
        [sys.executable, str(PROBE), str(path)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert output.returncode == 0, output.stderr
    return json.loads(output.stdout.splitlines()[-1]), path


def test_every_step_gets_the_value_of_its_position(seen):
    # Epoch e of 4 has the steps at positions e, e + 1/4, e + 2/4, e + 3/4: their mean is e + 3/8.
    history, _ = seen
    np.testing.assert_allclose(history["seen"], [2 * (e + 0.375) for e in range(4)], rtol=1e-6)
    np.testing.assert_allclose(history["weight_seen"], [1.625, 0.625, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(history["rates"], [2, 4, 4.2, 4.4], rtol=1e-6)


def test_end_values_stay_and_the_radius_is_not_moved(seen):
    history, _ = seen
    np.testing.assert_allclose(history["final"], [8, 0, 0.05], rtol=1e-6)
    assert history["epsilon"] == pytest.approx(0.1)


def test_logs_have_the_schedules(seen):
    history, _ = seen
    assert history["schedule/epsilon"] == [1.5, 3.5, 5.5, 7.5]
    assert history["schedule/trades"] == [1.25, 0.25, 0, 0]
    assert history["schedule/learning_rate"] == [1, 1, 0.1, 0.1]


def test_layer_norms_reach_the_history_and_other_loggers(seen):
    history, path = seen
    with path.open() as file:
        rows = list(csv.DictReader(file))
    for key in ("estimate/dense", "estimate/model"):
        assert len(history[key]) == 4 and min(history[key]) > 0
        np.testing.assert_allclose([float(row[key]) for row in rows], history[key], rtol=1e-6)


def test_layer_norms_are_the_models_estimates():
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="head")])
    model = gloro_tf.GloroModel(model=net, epsilon=0.1)
    callback, logs = gloro_tf.callbacks.LayerNorms(), {"loss": 1.0}
    callback.set_model(model)
    callback.on_epoch_end(0, logs)
    assert logs.pop("loss") == 1.0
    assert logs == {f"estimate/{k}": v for k, v in model.layer_estimates().items()}
    callback.on_epoch_end(0, None)


def test_impossible_turning_points_stop_before_the_first_step():
    x, y = np.zeros((8, 4), "float32"), np.arange(8) % 3
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model = gloro_tf.GloroModel(model=net, epsilon=0.1)
    model.compile("sgd")
    schedule = gloro_tf.callbacks.EpsilonSchedule("0 linear 5 1 cosine 50% 0")
    with pytest.raises(ValueError, match="must increase"):
        model.fit(x, y, epochs=4, verbose=0, callbacks=[schedule])
    assert int(model.optimizer.iterations) == 0
