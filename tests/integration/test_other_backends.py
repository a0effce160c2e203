"""Models saved on one backend certify the same in a fresh process, on it and on others."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import gloro_tf

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = """
import sys, keras, gloro_tf, numpy as np
x = np.load("x.npy")
for name in sys.argv[1:]:
    model = keras.saving.load_model(name + ".keras", compile=False)
    np.save(name + ".npy", np.stack(model.certify(x)[:2]))
print("ok")
"""


def member(seed):
    keras.utils.set_random_seed(seed)
    net = gloro_tf.models.CholeskyMLP(1, 8, (8, 8, 1), 3, name=f"net_{seed}")
    return gloro_tf.GloroModel(model=net, epsilon=0.01, name=f"member_{seed}").freeze()


def saved_models():
    net = gloro_tf.models.LiResNet(1, 4, (8, 8, 1), 3, dense_width=8, dense_depth=1)
    members = [member(seed) for seed in range(3)]
    inner = gloro_tf.ensembles.VotingEnsemble(members, [1, 2, 1.5], name="inner")
    return {
        "liresnet": gloro_tf.GloroModel(model=net, epsilon=0.01).freeze(),
        "nested": gloro_tf.ensembles.VotingEnsemble([inner, *members[:2]], name="outer"),
        "cascade": gloro_tf.ensembles.CascadeEnsemble(members),
    }


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_files_pass_between_processes_and_backends(backend, tmp_path):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    models = saved_models()
    x = np.random.default_rng(0).random((20, 8, 8, 1)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    for name, model in models.items():
        model.save(tmp_path / f"{name}.keras")
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CODE, *models]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert "ok" in done.stdout, done.stderr[-2000:]
    for name, model in models.items():
        label, radius = np.load(tmp_path / f"{name}.npy")
        expected = model.certify(x)
        np.testing.assert_array_equal(label, expected.label)
        np.testing.assert_allclose(radius, expected.radius, atol=1e-5)
