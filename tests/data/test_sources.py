import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from gloro_tf.data import load

RNG = np.random.default_rng(0)


def test_digits():
    data = load("digits")
    assert (len(data.x_train), len(data.x_test)) == (1437, 360)
    assert data.input_shape == (8, 8, 1) and data.num_classes == 10 and data.name == "digits"
    assert data.x_train.dtype == np.uint8 and data.y_train.dtype == np.int64
    assert data.x_train.max() == 255 and data.class_names[3] == "3"
    assert (np.bincount(data.y_train) > 135).all() and (np.bincount(data.y_test) >= 34).all()


def test_digits_are_what_scikit_learn_has():
    datasets = pytest.importorskip("sklearn.datasets")
    data, original = load("digits"), datasets.load_digits()
    ours = np.concatenate([data.x_train, data.x_test])[..., 0]
    counts = np.rint(ours / 255 * 16).reshape(len(ours), -1)
    pairs = [(counts, np.concatenate([data.y_train, data.y_test]))]
    pairs.append((original.data, original.target))
    ours, theirs = (np.unique(np.column_stack(p), axis=0) for p in pairs)
    np.testing.assert_array_equal(ours, theirs)


def write_npz(path, **changes):
    x = RNG.integers(0, 256, (12, 4, 4), dtype=np.uint8)
    arrays = dict(x_train=x, y_train=np.arange(12) % 3, x_test=x[:6], y_test=np.arange(6) % 3)
    arrays = {k: v for k, v in {**arrays, **changes}.items() if v is not None}
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("form", ["{}", "arrays:{}"])
def test_npz(tmp_path, form):
    path = write_npz(tmp_path / "toy.npz")
    data = load(form.format(path))
    assert data.name == "toy" and data.input_shape == (4, 4, 1)
    assert data.class_names == ("0", "1", "2")
    named = load(str(write_npz(tmp_path / "named.npz", class_names=["a", "b", "c", "d"])))
    assert named.class_names == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"y_test": None}, "without y_test"),
        ({"y_train": np.arange(12) - 1}, r"y_train\[0\]=-1"),
        ({"y_train": np.arange(12) % 3 + 1000}, "a label 1002 with only 18 images"),
        ({"y_train": np.zeros(12, int), "y_test": np.zeros(6, int)}, "two classes"),
        ({"y_train": np.eye(3)[np.arange(12) % 3]}, r"y_train\.argmax\(axis=1\)"),
        ({"x_train": np.full((12, 4, 4), np.nan)}, "finite"),
        ({"x_train": np.zeros((0, 4, 4)), "y_train": np.zeros(0, int)}, "at least one example"),
        ({"x_train": np.array([None] * 12)}, "object arrays"),
    ],
)
def test_npz_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        load(str(write_npz(tmp_path / "bad.npz", **changes)))


def test_npz_warns_about_the_scale(tmp_path):
    path = write_npz(tmp_path / "bright.npz", x_train=np.full((12, 4, 4), 255.0))
    with pytest.warns(UserWarning, match="255 times smaller"):
        load(str(path))


def test_npz_that_is_not_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="x_train, y_train, x_test, y_test"):
        load("arrays:" + str(tmp_path / "missing.npz"))
    whole = write_npz(tmp_path / "whole.npz").read_bytes()
    for name, content in [("cut.npz", whole[:200]), ("text.npz", b"<html>"), ("empty.npz", b"")]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"Could not read .*{name}"):
            load(str(tmp_path / name))


@pytest.mark.parametrize("source", ["", "  ", None, 3])
def test_not_a_source(source):
    with pytest.raises(ValueError, match="`source` must be a string"):
        load(source)


@pytest.mark.parametrize("size", [0, -3, (4,), (4, 5, 6), "big", (0, 4)])
def test_not_an_image_size(size):
    with pytest.raises(ValueError, match="`image_size` must be a positive"):
        load("digits", image_size=size)


def test_arrays_are_not_resized():
    assert load("digits", image_size=8).input_shape == (8, 8, 1)
    with pytest.raises(ValueError, match="which are not resized"):
        load("digits", image_size=16)


def test_a_directory_needs_a_kind(tmp_path):
    with pytest.raises(ValueError, match="folder:"):
        load(str(tmp_path))


def test_works_without_tensorflow(tmp_path):
    pytest.importorskip("jax")
    write_npz(tmp_path / "toy.npz")
    program = """
        import sys
        sys.modules.update(dict.fromkeys(["tensorflow", "tensorflow_datasets"]))
        from gloro_tf.data import Batches, load
        data = load("digits")
        assert Batches(data.x_train, data.y_train, 64)[0][0].shape == (64, 8, 8, 1)
        load("arrays:toy.npz")
        try:
            load("mnist")
        except ImportError as error:
            assert "pip install tensorflow" in str(error)
        else:
            raise SystemExit("mnist without TensorFlow?")
    """
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": root}
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        check=True,
        cwd=tmp_path,
        env=environment,
    )
