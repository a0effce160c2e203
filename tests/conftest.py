"""Fixtures for the whole suite."""

import importlib.util
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

import keras  # noqa: E402
import pytest  # noqa: E402

import gloro_tf  # noqa: E402

ROOT = pathlib.Path(__file__).parents[1]


def has_float64():
    """Whether the backend computes in float64; JAX does not unless told to."""
    if keras.backend.backend() != "jax":
        return True
    import jax

    return bool(jax.config.jax_enable_x64)


def pytest_collection_modifyitems(items):
    if not has_float64():
        skip = pytest.mark.skip(reason="needs float64: run with JAX_ENABLE_X64=1")
        for item in items:
            if item.get_closest_marker("float64"):
                item.add_marker(skip)


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def train_py():
    """The module `train.py`; its flags can be defined once in a process."""
    spec = importlib.util.spec_from_file_location("train_py", ROOT / "train.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def digits():
    """The embedded digits, as float32 in [0, 1]: `(x_train, y_train, x_test, y_test)`."""
    data = gloro_tf.data.load("digits")
    images = [gloro_tf.data.to_float(x) for x in (data.x_train, data.x_test)]
    return images[0], data.y_train, images[1], data.y_test


@pytest.fixture(scope="session")
def frozen(digits):
    """A small certified model, trained on the digits and frozen. Do not change its weights."""
    keras.utils.set_random_seed(1)
    net = gloro_tf.models.ConvNet((((8, 3, 1), (8, 4, 2)), (32,)), (8, 8, 1), 10)
    model = gloro_tf.GloroModel(model=net, epsilon=0.2)
    model.compile(keras.optimizers.Adam(5e-3), loss="crossentropy")
    model.fit(digits[0], digits[1], batch_size=64, epochs=8, verbose=0)
    return model.freeze()
