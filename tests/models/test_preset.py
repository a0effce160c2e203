import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf.models import preset


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    net = gloro_tf.models.LiResNet(1, 4, (8, 8, 1), 3, dense_width=8, dense_depth=1)
    return gloro_tf.GloroModel(model=net, epsilon=0.1).freeze()


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).random((20, 8, 8, 1)).astype("float32")


def test_round_trip_in_a_fresh_process(model, x, tmp_path):
    model.save_to_preset(tmp_path / "p")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy as np, gloro_tf\n"
        "m = gloro_tf.GloroModel.from_preset(sys.argv[1] + '/p')\n"
        "np.save(sys.argv[1] + '/r.npy', m.certify(np.load(sys.argv[1] + '/x.npy')).radius)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "r.npy"), model.certify(x).radius)


def test_unfrozen_stays_unfrozen(x, tmp_path):
    net = gloro_tf.models.ConvNet("2C2F", (8, 8, 1), 3)
    gloro_tf.GloroModel(model=net, epsilon=0.1).save_to_preset(tmp_path / "p")
    loaded = gloro_tf.GloroModel.from_preset(tmp_path / "p")
    assert not loaded.is_frozen
    np.testing.assert_array_equal(
        loaded.logits_model.predict(x, verbose=0), net.predict(x, verbose=0)
    )


def test_equal_models_give_equal_bytes(model, tmp_path):
    model.save_to_preset(tmp_path / "a")
    model.save_to_preset(tmp_path / "b")
    sums = [(tmp_path / name / "SHA256SUMS").read_text() for name in "ab"]
    assert sums[0] == sums[1]
    model.save_to_preset(tmp_path / "a")  # writing over a preset is allowed


def test_damage_is_seen(model, tmp_path):
    model.save_to_preset(tmp_path / "p")
    path = tmp_path / "p" / "model.weights.npz"
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    for bad in (bytes(flipped), good[:-40], b"<html>busy</html>", b""):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match="SHA-256 mismatch"):
            gloro_tf.GloroModel.from_preset(tmp_path / "p")
        with pytest.raises(ValueError):
            arrays = preset.read_arrays(path)
            assert bad != bytes(flipped) or arrays  # a flip inside an array may read
            raise ValueError
    path.unlink()
    with pytest.raises(FileNotFoundError, match="model.weights.npz"):
        gloro_tf.GloroModel.from_preset(tmp_path / "p")


def test_other_folders_are_left_alone(model, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ValueError, match="Nothing was changed"):
        model.save_to_preset(tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["mine.txt"]


def test_weights_of_another_architecture_are_refused(model):
    other = gloro_tf.models.LiResNet(1, 4, (8, 8, 1), 3, dense_width=6, dense_depth=1)
    other = gloro_tf.GloroModel(model=other, epsilon=0.1)
    with pytest.raises(ValueError, match="has shape"):
        preset.set_arrays(other, preset.arrays_of(model))
    arrays = preset.arrays_of(model)
    first = next(iter(arrays))
    with pytest.raises(ValueError, match="another architecture"):
        preset.set_arrays(model, {k: v for k, v in arrays.items() if k != first})


def test_a_description_that_is_none(tmp_path, model):
    model.save_to_preset(tmp_path / "p")
    for text in (
        "{",
        json.dumps({"class_name": "No", "config": {}, "module": "no", "registered_name": "no>No"}),
    ):
        (tmp_path / "p" / "config.json").write_text(text)
        digest = preset.sha256(tmp_path / "p" / "config.json")
        sums = (tmp_path / "p" / "SHA256SUMS").read_text().splitlines()
        (tmp_path / "p" / "SHA256SUMS").write_text(f"{digest}  config.json\n{sums[1]}\n")
        with pytest.raises(ValueError):
            gloro_tf.GloroModel.from_preset(tmp_path / "p")


def test_parts():
    arrays = {str(i): np.zeros(10, "float32") for i in range(5)}
    parts = preset.split(arrays, limit=80)
    assert [len(p) for p in parts] == [2, 2, 1]
    assert {k: v for p in parts for k, v in p.items()}.keys() == arrays.keys()


def test_a_stride_changed_by_hand_ends_the_frozen_state():
    net = gloro_tf.models.ConvNet("2C2F", (8, 8, 1), 3)
    model = gloro_tf.GloroModel(model=net, epsilon=0.1).freeze()
    x = np.zeros((1, 8, 8, 1), "float32")
    model.certify(x)
    net.get_layer("conv_1").trainable = False  # changes no output
    model.certify(x)
    net.get_layer("conv_1").dilation_rate = (2, 2)
    with pytest.raises(RuntimeError, match="changed since"):
        model.certify(x)


def test_free_kernels_can_be_left_out(model, x):
    """They come back such that the function is the same, and training goes on from it."""
    lean, whole = preset.arrays_of(model, free=False), preset.arrays_of(model)
    assert len(whole) - len(lean) == 4  # the kernels of two necks; kernel and gamma of the dense
    net = gloro_tf.models.LiResNet(1, 4, (8, 8, 1), 3, dense_width=8, dense_depth=1)
    again = preset.set_arrays(gloro_tf.GloroModel(model=net, epsilon=0.1), lean)
    assert again.is_frozen
    logits = [keras.ops.convert_to_numpy(m.logits_model(x)) for m in (again, model)]
    np.testing.assert_array_equal(*logits)
    for layer in net.layers:
        if isinstance(layer, gloro_tf.layers.CholeskyDense):
            fresh = keras.ops.convert_to_numpy(layer._orthogonalize())
            stored = keras.ops.convert_to_numpy(layer.orthogonal_kernel)
            np.testing.assert_allclose(fresh, stored, atol=1e-3)
    lean.pop(next(iter(lean)))
    with pytest.raises(ValueError, match="another architecture"):
        preset.set_arrays(again, lean)


def test_one_image_without_its_batch_is_refused_by_name(model, x):
    with pytest.raises(ValueError, match=r"`x` must have the shape \(n, 8, 8, 1\)"):
        model.certify(x[0])
