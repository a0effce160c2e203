"""Trained and frozen models to attack, and real images from wherever they are."""

import importlib.util
import os
import pathlib

import keras
import numpy as np
import pytest

import gloro_tf

BACKEND = keras.backend.backend()


def train(model, x, y, *, epochs, batch_size, learning_rate, loss="emma"):
    keras.utils.set_random_seed(0)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * (len(x) // batch_size))
    model.compile(keras.optimizers.Adam(rate), loss=loss)
    model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0)
    return model.freeze()


@pytest.fixture(scope="session")
def digits_model(digits):
    """A small ReLU network with two dense layers behind a convolution, frozen."""
    keras.utils.set_random_seed(0)
    net = gloro_tf.models.ConvNet([[(8, 3, 2)], [32]], digits[0].shape[1:], 10, activation="relu")
    model = gloro_tf.GloroModel(model=net, epsilon=0.3)
    return train(model, *digits[:2], epochs=12, batch_size=64, learning_rate=5e-3)


def _mnist_folder():
    root = pathlib.Path(__file__).resolve().parents[2]
    return pathlib.Path(os.environ.get("GLORO_TF_DATA", root.parent / "shared" / "data"))


def _from_shards(folder):
    spec = importlib.util.spec_from_file_location("shards", folder / "datasets.py")
    shards = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shards)
    return [part for split in ("train", "test") for part in shards.load("mnist", split)]


@pytest.fixture(scope="session")
def mnist():
    """`(x_train, y_train, x_test, y_test)` of MNIST, or a skip that says how to provide it."""
    folder = _mnist_folder()
    if (folder / "datasets.py").is_file():
        parts = _from_shards(folder)
    elif (folder / "mnist").is_dir():
        data = gloro_tf.data.load("mnist", data_dir=str(folder))
        parts = [data.x_train, data.y_train, data.x_test, data.y_test]
    else:
        pytest.skip(f"no MNIST in '{folder}': set GLORO_TF_DATA to its shards or a TFDS folder")
    images = [gloro_tf.data.to_float(parts[i]) for i in (0, 2)]
    return images[0], parts[1].astype("int64"), images[1], parts[3].astype("int64")


@pytest.fixture(scope="session")
def mnist_model(mnist):
    """2C2F at epsilon 0.3 after three epochs on 12,000 images, frozen; well under a minute."""
    keras.utils.set_random_seed(0)
    net = gloro_tf.models.ConvNet("2C2F", (28, 28, 1), 10)
    model = gloro_tf.GloroModel(model=net, epsilon=0.3)
    x, y = mnist[0][:12_000], mnist[1][:12_000]
    return train(model, x, y, epochs=3, batch_size=128, learning_rate=2e-3)


@pytest.fixture
def on_torus(monkeypatch):
    """Bounds every convolution on the torus, however small."""
    monkeypatch.setattr(gloro_tf.lipschitz.ConvOperator, "explicit_side", 0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)
