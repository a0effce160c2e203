import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf.training import Recipe, run
from gloro_tf.training.resident import Resident

PROBE = pathlib.Path(__file__).with_name("resident_probe.py")


@pytest.mark.parametrize("part", ["step", pytest.param("runs", marks=pytest.mark.slow)])
def test_on_jax(part, tmp_path):
    pytest.importorskip("jax")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment["PYTHONPATH"] = str(PROBE.parents[2])
    done = subprocess.run(
        [sys.executable, PROBE, tmp_path, part], env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip().endswith("ok"), done.stderr[-3000:]


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="the error of other backends")
def test_other_backends_are_told():
    net = gloro_tf.models.ConvNet("2C2F", (8, 8, 1), 3)
    with pytest.raises(ValueError, match="KERAS_BACKEND=jax"):
        Resident(net, np.zeros((4, 8, 8, 1)), np.zeros(4), 2, "none", 0, [])


@pytest.mark.parametrize("minutes", [-1, float("nan"), float("inf")])
def test_budgets_must_be_positive(minutes, tmp_path):
    with pytest.raises(ValueError, match="`time_budget`"):
        run(Recipe(), tmp_path / "w", time_budget=minutes)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="slow there")
def test_a_budget_on_any_backend(tmp_path):
    recipe = Recipe(model="cholesky_mlp.1x8", validation=0.0)
    report = run(recipe, tmp_path / "w", time_budget=0.002, verbose=0)
    assert 1 <= report["recipe"]["epochs"] != recipe.epochs


def test_averaged_weights_keep_their_orthonormal_kernels(tmp_path):
    recipe = Recipe(model="cholesky_mlp.1x16", epochs=1, ema=0.9, optimizer="sgd", validation=0.0)
    run(recipe, tmp_path / "w", verbose=0)
    net = keras.saving.load_model(tmp_path / "w" / "model.keras").logits_model
    layer = net.get_layer("dense_1")
    stored = keras.ops.convert_to_numpy(layer.orthogonal_kernel)
    fresh = keras.ops.convert_to_numpy(layer._orthogonalize())
    np.testing.assert_allclose(stored, fresh, atol=1e-5)
