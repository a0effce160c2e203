"""Trains on one device and on two, and compares; its argument is a folder to write into."""

import importlib
import json
import pathlib
import sys

import keras
import numpy as np

if keras.backend.backend() == "tensorflow":  # JAX has devices by XLA_FLAGS
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )

import gloro_tf  # noqa: E402
from gloro_tf.training import Recipe, placement  # noqa: E402

RECIPE = Recipe(
    model="2C2F", loss="crossentropy", epochs=2, batch_size=512, optimizer="sgd", learning_rate=0.1
)
training = importlib.import_module("gloro_tf.training.run")


def train(path, name):
    folder = training.Workdir(path / name, {})
    dataset = gloro_tf.data.load("digits")
    keras.utils.set_random_seed(0)
    with placement(name):
        return training._train(RECIPE, dataset, folder, training._How(False, False, 5.0, 0))


def replicas(variable):
    if keras.backend.backend() == "jax":
        return [np.asarray(shard.data) for shard in variable.value.addressable_shards]
    return [v.numpy() for v in getattr(variable.value, "values", [variable.value])]


def main(path):
    one, two = train(path, "one"), train(path, "mirrored")
    state = [replicas(v) for v in two.non_trainable_variables]
    pairs = zip(one.weights, two.weights, strict=True)
    x = gloro_tf.data.to_float(gloro_tf.data.load("digits").x_test)
    radii = [model.freeze().certify(x).radius for model in (one, two)]
    two.save(path / "two.keras")
    loaded = keras.saving.load_model(path / "two.keras").certify(x).radius
    result = {
        "replicas": [len(copies) for copies in state],
        "same": all(np.array_equal(copies[0], c) for copies in state for c in copies),
        "weights": float(
            max(
                np.abs(np.subtract(replicas(a)[0], replicas(b)[0])).max()
                for a, b in pairs
                if "frozen" not in a.path and "fingerprint" not in a.path
            )
        ),
        "radii": float(np.abs(radii[0] - radii[1]).max()),
        "largest": float(radii[0].max()),
        "loaded": float(np.abs(radii[1] - loaded).max()),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
