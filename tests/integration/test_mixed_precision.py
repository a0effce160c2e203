"""Mixed precision trains in bfloat16 and certifies in float32."""

import dataclasses
import importlib

import keras
import numpy as np

import gloro_tf
from gloro_tf.training import Recipe, run

training = importlib.import_module("gloro_tf.training.run")


def test_a_mixed_run_ends_in_a_float32_certificate(tmp_path, finished, digits):
    recipe = dataclasses.replace(Recipe(**finished[1]["recipe"]), model="2C2F", epochs=2)
    before = keras.config.dtype_policy()
    report = run(recipe, tmp_path, mixed_precision=True, verbose=0)
    assert keras.config.dtype_policy() == before
    assert report["mixed_precision"] is True
    choices = {**report["recipe"], "mixed_precision": True}
    folder, data = training.Workdir(tmp_path, choices), gloro_tf.data.load("digits")
    trained, done = training.resumed_or_new(recipe, data, folder, True, steps=5)
    assert done == recipe.epochs
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert {layer.compute_dtype for layer in model.logits_model.layers} == {"float32"}
    assert "bfloat16" in {layer.compute_dtype for layer in trained.logits_model.layers}
    for a, b in zip(
        trained.logits_model.get_weights(), model.logits_model.get_weights(), strict=True
    ):
        assert a.dtype == "float32"
        np.testing.assert_array_equal(a, b)
    assert model.is_frozen and model.epsilon == trained.epsilon
    certificate = model.certify(digits[2])
    assert np.mean(certificate.label == digits[3]) == report["test"]["clean_accuracy"]
    assert (certificate.radius > 0).any()
