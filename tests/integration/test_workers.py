"""Several processes that train one model, on TensorFlow."""

import importlib
import json
import signal
import time

import keras
import numpy as np
import pytest
from workers import config, finish, free_ports, run_probe, start

import gloro_tf
from gloro_tf.training import Recipe, _multiworker_fit, cluster, placement

TENSORFLOW = keras.backend.backend() == "tensorflow"
tensorflow_only = pytest.mark.skipif(not TENSORFLOW, reason="workers of TensorFlow")


def reference(path, probe_recipe):
    """The same training in this process: weights, and the frozen model."""
    training = importlib.import_module("gloro_tf.training.run")
    folder, how = training.Workdir(path, {}), training._How(False, False, 0.0, 0)
    keras.utils.set_random_seed(0)
    return training._train(probe_recipe, gloro_tf.data.load("digits"), folder, how)


def arrays(model):
    kept = [v for v in model.variables if "fingerprint" not in v.path and "frozen" not in v.path]
    return np.concatenate([keras.ops.convert_to_numpy(v).ravel() for v in kept])


RECIPE = Recipe(
    model="2C2F", loss="crossentropy", epochs=2, batch_size=512, optimizer="sgd", learning_rate=0.1
)


@tensorflow_only
@pytest.mark.slow
def test_two_workers_train_as_one_process(tmp_path):
    chief, other = run_probe("train", tmp_path, KERAS_BACKEND="tensorflow")
    for name in set(chief) - {"written"}:
        np.testing.assert_array_equal(chief[name], other[name], err_msg=name)
    one = reference(tmp_path / "one", RECIPE)
    np.testing.assert_allclose(chief["weights"], arrays(one), rtol=0, atol=1e-5)
    images = gloro_tf.data.to_float(gloro_tf.data.load("digits").x_test)
    scores = one.evaluate(images, np.arange(len(images)) % 10, verbose=0)
    np.testing.assert_allclose(chief["scores"], scores, atol=1e-4)
    one.freeze()
    tables = one.frozen_tables()
    np.testing.assert_allclose(chief["table_growth"], tables["growth"], rtol=1e-5)
    np.testing.assert_allclose(chief["radius"], one.certify(images).radius, atol=1e-5)
    assert chief["radius"].max() > 0.01

    assert len(other["written"]) == 0 < len(chief["written"])
    names = [{f.name for f in (tmp_path / run).iterdir()} for run in ("train", "one")]
    assert names[0] == names[1] >= {"recipe.json", "history.csv", "checkpoint.keras"}


@tensorflow_only
@pytest.mark.slow
def test_without_the_all_reduce_the_workers_differ(tmp_path):
    chief, other = run_probe("drop", tmp_path, KERAS_BACKEND="tensorflow")
    assert np.abs(chief["weights"] - other["weights"]).max() > 1e-3
    one = reference(tmp_path / "one", RECIPE)
    assert np.abs(chief["weights"] - arrays(one)).max() > 1e-3


@pytest.mark.slow
def test_two_processes_of_jax_train_as_one(tmp_path):
    pytest.importorskip("jax")
    chief, other = run_probe("train", tmp_path, KERAS_BACKEND="jax")
    (one,) = run_probe("one", tmp_path, count=1, KERAS_BACKEND="jax")
    for name in set(chief) - {"written"}:
        np.testing.assert_array_equal(chief[name], other[name], err_msg=name)
        if not name.startswith("table_"):
            np.testing.assert_allclose(chief[name], one[name], rtol=0, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(chief["table_growth"], one["table_growth"], rtol=1e-5)
    assert len(other["written"]) == 0 < len(chief["written"])


def workers(workdir):
    flags = {"model": "cholesky_mlp.1x16", "loss": "crossentropy", "epochs": 12, "batch_size": 512}
    given = [f"--{name}={value}" for name, value in flags.items()]
    more = ["--checkpoint_seconds=0", "--verbose=0", f"--workdir={workdir}"]
    ports = free_ports(2)
    return [
        start(["train.py", *given, *more], TF_CONFIG=config(ports, i), KERAS_BACKEND="tensorflow")
        for i in range(2)
    ]


def wait_for_rows(path, count):
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().count("\n") > count:
            return
        time.sleep(0.02)
    raise AssertionError(f"'{path}' never had {count} rows")


@tensorflow_only
@pytest.mark.slow
def test_a_killed_worker_costs_nothing(tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    chief, other = workers(killed)
    wait_for_rows(killed / "history.csv", 3)
    other.send_signal(signal.SIGKILL)
    (code, message), _ = finish([chief, other])
    assert code not in (0, None) and not (killed / "report.json").exists()
    assert "Start all workers again" in message and "Traceback" not in message

    for folder in (killed, whole):
        for code, message in finish(workers(folder)):
            assert code == 0, message[-3000:]
    one, two = (keras.saving.load_model(path / "model.keras") for path in (killed, whole))
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (killed / "history.csv").read_text() == (whole / "history.csv").read_text()
    assert json.loads((killed / "report.json").read_text())["test"]["clean_accuracy"] > 0.2


@pytest.mark.parametrize(
    "text, message",
    [
        ("{}", "must be JSON with a cluster and a task"),
        ("not json", "must be JSON with a cluster and a task.*not json"),
        ('{"cluster": {"worker": ["a:1"]}, "task": 3}', "must be JSON"),
        (config([1, 2], 2), "must name a task of its cluster"),
        (config([1, 2], -1), "must name a task of its cluster"),
        (config([1, 1], 0), "an address of its own"),
        (config(["x", 2], 0), "as 'host:port'"),
        (
            '{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}',
            "as 'host:port'",
        ),
        (
            '{"cluster": {"ps": ["a:1"], "worker": ["a:2"]}, "task": {"type": "ps", "index": 0}}',
            "list workers, and at most one chief",
        ),
    ],
)
@pytest.mark.parametrize("strategy", ["auto", "multiworker"])
def test_malformed_clusters_are_refused(monkeypatch, text, message, strategy):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=f"`TF_CONFIG` must.*{message}|{message}.*Write it as"):
        placement(strategy)
    with placement("one"):
        pass


def test_clusters_are_read(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert cluster.from_environment() == cluster.ALONE and cluster.ALONE.is_chief
    with pytest.raises(ValueError, match="needs several workers in `TF_CONFIG`"):
        placement("multiworker")
    given = {"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]}}
    for kind, index, place in (("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)):
        text = json.dumps({**given, "task": {"type": kind, "index": index}})
        monkeypatch.setenv("TF_CONFIG", text)
        found = cluster.from_environment()
        assert (found.size, found.index, found.is_chief) == (3, place, place == 0)
    with pytest.raises(ValueError, match="'mirrored' covers one process.*3 workers"):
        placement("mirrored")
    with pytest.raises(ValueError, match="`time_budget` is for one process.*--strategy=one"):
        found.require_alone(resident=False, time_budget=3.0)


def test_the_repair_is_for_the_versions_that_need_it():
    assert [_multiworker_fit.has_the_faults(v) for v in ("3.11.3", "3.12.0", "3.15.1")] == [
        False,
        True,
        True,
    ]
    assert not _multiworker_fit.has_the_faults("3.16.0.dev0")


def test_parts_of_batches_are_the_batch():
    images, labels = np.arange(60.0).reshape(10, 6).astype("float32"), np.arange(10)
    batches = gloro_tf.data.Batches(images[..., None, None], labels, 8, seed=3)
    whole = batches[0]
    for position in range(2):
        parts = [batches.part(0, number, 4)[position] for number in range(4)]
        np.testing.assert_array_equal(np.concatenate(parts), whole[position])
    with pytest.raises(ValueError, match="`batch_size` must be a multiple of the 3 replicas"):
        batches.part(0, 0, 3)
