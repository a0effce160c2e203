"""One worker of two that train together; arguments: what to do, its index, ports, a folder."""

import importlib
import json
import os
import pathlib
import sys

WHAT, INDEX, PORTS = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(",")
FOLDER = pathlib.Path(sys.argv[4])
os.environ["TF_CONFIG"] = json.dumps(
    {
        "cluster": {"worker": [f"127.0.0.1:{port}" for port in PORTS]},
        "task": {"type": "worker", "index": INDEX},
    }
)

if WHAT == "one":
    del os.environ["TF_CONFIG"]

import keras  # noqa: E402
import numpy as np  # noqa: E402

import gloro_tf  # noqa: E402
from gloro_tf.training import Recipe, placement  # noqa: E402
from gloro_tf.training.strategy import cluster  # noqa: E402

RECIPE = Recipe(
    model="2C2F", loss="crossentropy", epochs=2, batch_size=512, optimizer="sgd", learning_rate=0.1
)
training = importlib.import_module("gloro_tf.training.run")
WRITTEN = []


def watch(event, arguments):
    """Notes what this process opens to write in the run's folder."""
    if event == "open" and str(arguments[0]).startswith(str(FOLDER / WHAT)):
        if arguments[2] & (os.O_WRONLY | os.O_RDWR):
            WRITTEN.append(str(arguments[0]))


def train(strategy, path, images):
    """A model of the digits, trained with the recipe, and what it is then."""
    where, workers = placement(strategy), cluster(strategy)
    dataset = gloro_tf.data.load("digits")
    keras.utils.set_random_seed(0)
    folder, how = training.Workdir(path, {}), training._How(False, False, 0.0, 0)
    with workers.together(), where:
        model = training._train(RECIPE, dataset, folder, how, workers)
        found = {"weights": arrays(model)}
        if keras.backend.backend() == "tensorflow":
            labels = np.arange(len(images)) % 10
            found["scores"] = np.array(model.evaluate(images, labels, verbose=0))
        return model, found


def arrays(model):
    """The weights of its network and its power iterates, as one array."""
    kept = [v for v in model.variables if "fingerprint" not in v.path and "frozen" not in v.path]
    return np.concatenate([keras.ops.convert_to_numpy(v).ravel() for v in kept])


def drop_the_all_reduce():
    """The planted bug: each worker steps along its own gradient."""
    import tensorflow as tf

    original = tf.distribute.ReplicaContext.all_reduce
    tf.distribute.ReplicaContext.all_reduce = lambda self, op, value, options=None: (
        value if isinstance(value, (list, tuple)) else original(self, op, value, options)
    )


def on_this_process(model):
    """The same weights, on a device of this process."""
    weights = [keras.ops.convert_to_numpy(v) for v in model.logits_model.variables]
    net = gloro_tf.models.build(RECIPE.model, model.logits_model.input_shape[1:], model.classes)
    net.set_weights(weights)
    return gloro_tf.GloroModel(model=net, epsilon=model.epsilon)


def main():
    if WHAT == "drop":
        drop_the_all_reduce()
    sys.addaudithook(watch)
    images = gloro_tf.data.to_float(gloro_tf.data.load("digits").x_test)
    model, found = train("one" if WHAT == "one" else "multiworker", FOLDER / WHAT, images)
    if keras.backend.backend() == "jax":
        model = on_this_process(model)
    model.freeze()
    found |= {f"table_{name}": table for name, table in model.frozen_tables().items()}
    found["radius"] = model.certify(images).radius
    np.savez(FOLDER / f"{WHAT}{INDEX}.npz", written=np.array(WRITTEN, "str"), **found)


if __name__ == "__main__":
    main()
