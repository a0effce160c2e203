"""A model frozen on one backend certifies the same on another."""

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
CODE = (
    "import sys, keras, gloro_tf, numpy as np; x = np.load(sys.argv[2]);"
    "m = keras.saving.load_model(sys.argv[1], compile=False);"
    "np.save(sys.argv[3], m.certify(x).radius); print('ok')"
)


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_files_pass_between_backends(backend, tmp_path):
    if not importlib.util.find_spec(backend) or backend == keras.backend.backend():
        pytest.skip(f"{backend} is not installed, or is the one that runs")
    net = gloro_tf.models.LiResNet(1, 4, (8, 8, 1), 3, dense_width=8, dense_depth=1)
    model = gloro_tf.GloroModel(model=net, epsilon=0.01).freeze()
    x = np.random.default_rng(0).random((20, 8, 8, 1)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    model.save(tmp_path / "m.keras")
    files = [str(tmp_path / name) for name in ("m.keras", "x.npy", "radius.npy")]
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CODE, *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "ok" in done.stdout, done.stderr[-2000:]
    np.testing.assert_allclose(np.load(files[2]), model.certify(x).radius, atol=1e-5)
