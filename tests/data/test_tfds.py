import os
import socket

import numpy as np
import pytest

from gloro_tf.data import load

pytest.importorskip("tensorflow")
tfds = pytest.importorskip("tensorflow_datasets")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of TensorFlow and of its data sets
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args):
        raise AssertionError(f"a socket was opened: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def store(data_dir, name, splits, shape, sizes=None, dtype=np.uint8, label=None):
    import tensorflow as tf

    def part(count):
        sides = sizes or [shape[:2]]
        for i in range(count):
            image = RNG.integers(0, 256, (*sides[i % len(sides)], shape[2]))
            yield {"image": image.astype(dtype), "label": i % 3}

    signature = {
        "image": tf.TensorSpec(shape, dtype),
        "label": tf.TensorSpec((), np.int64),
    }
    features = {
        "image": tfds.features.Image(shape=shape, dtype=dtype),
        "label": label or tfds.features.ClassLabel(names=["red", "green", "blue"]),
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={
            split: tf.data.Dataset.from_generator(lambda n=n: part(n), output_signature=signature)
            for split, n in splits.items()
        },
        data_dir=str(data_dir),
        disable_shuffling=True,
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    store(folder, "colours", {"train": 12, "validation": 6}, (4, 5, 3))
    store(folder, "mixed", {"train": 15}, (None, None, 3), sizes=[(4, 4), (8, 6)])
    return folder


@pytest.mark.parametrize("source", ["colours", "tfds:colours", "tfds:colours:1.0.0"])
def test_prepared_by_name(stored, source):
    data = load(source, data_dir=stored)
    assert data.class_names == ("red", "green", "blue")
    assert data.x_train.shape == (12, 4, 5, 3) and data.x_train.dtype == np.uint8
    assert len(data.x_test) == 6
    np.testing.assert_array_equal(data.y_train, np.arange(12) % 3)


def test_prepared_by_path(stored):
    data = load(f"prepared:{stored}/colours/1.0.0")
    by_name = load("colours", data_dir=stored)
    assert data.name == "colours"
    np.testing.assert_array_equal(data.x_train, by_name.x_train)


def test_sizes_and_missing_test_split(stored):
    with pytest.raises(ValueError, match="differ in size.*image_size=64"):
        load("mixed", data_dir=stored)
    data = load("mixed", data_dir=stored, image_size=(6, 7))
    assert data.input_shape == (6, 7, 3) and data.x_train.dtype == np.uint8
    assert np.bincount(data.y_test).tolist() == [1, 1, 1] and len(data.x_train) == 12
    assert load("colours", data_dir=stored, image_size=8).input_shape == (8, 8, 3)


def test_not_prepared_names_both_ways(tmp_path):
    for name in ("mnist", "fashion_mnist", "cifar10", "cifar100", "tfds:mnist"):
        with pytest.raises(FileNotFoundError, match="(?s)--download.*--data_dir"):
            load(name, data_dir=tmp_path)
    assert not os.listdir(tmp_path)


def test_not_prepared_by_path(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"dataset_info\.json.*prepared:/data/mnist"):
        load(f"prepared:{tmp_path}")


def test_unknown_name(tmp_path):
    with pytest.raises(ValueError, match="'folder:PATH'.*Did you mean .*mnist"):
        load("MNISTT", data_dir=tmp_path)
    with pytest.raises(ValueError, match="no_config"):
        load("mnist/no_config", data_dir=tmp_path)


def test_not_image_classification(tmp_path):
    store(tmp_path, "deep", {"train": 3}, (4, 4, 1), dtype=np.uint16)
    with pytest.raises(ValueError, match="image classification set with 8-bit"):
        load("deep", data_dir=tmp_path)
    store(tmp_path, "numbers", {"train": 3}, (4, 4, 1), label=tfds.features.Scalar(np.int64))
    with pytest.raises(ValueError, match="source='numbers' with the features"):
        load("numbers", data_dir=tmp_path)
    store(tmp_path, "only_test", {"test": 3}, (4, 4, 1))
    with pytest.raises(ValueError, match="split 'train'"):
        load("only_test", data_dir=tmp_path)


def test_download_prepares_without_google_storage(tmp_path, monkeypatch):
    mnist, seen = type(tfds.builder("mnist", data_dir=tmp_path)), []
    prepare = mnist.download_and_prepare

    def examples(count):
        for i in range(count):
            yield i, {"image": np.full((28, 28, 1), i, np.uint8), "label": i % 10}

    def record(self, download_config):
        seen.append(download_config.try_download_gcs)
        prepare(self, download_config=download_config)

    splits = {"train": 20, "test": 10}
    monkeypatch.setattr(
        mnist, "_split_generators", lambda self, _: {k: examples(n) for k, n in splits.items()}
    )
    monkeypatch.setattr(mnist, "download_and_prepare", record)
    data = load("mnist", data_dir=tmp_path, download=True)
    assert data.x_train.shape == (20, 28, 28, 1) and data.num_classes == 10
    load("mnist", data_dir=tmp_path)
    assert seen == [False]


def test_real_mnist():
    folder = os.environ.get("GLORO_TF_DATA", "")
    if not os.path.isdir(os.path.join(folder, "mnist")):
        pytest.skip("GLORO_TF_DATA does not name a folder with a prepared mnist")
    data = load("mnist", data_dir=folder)
    assert data.x_train.shape == (60000, 28, 28, 1) and len(data.x_test) == 10000
    assert abs(data.x_train.mean() / 255 - 0.1307) < 1e-4
