"""Against PyPI deel-lip 1.5.0: verified accuracy and seconds per epoch on the embedded digits.

The peer runs in an environment of its own (`_peer_deel_lip.py` says how it is made) and takes the
loss that does best for it on held-out images; ours is `train.py`'s default. The same hidden widths,
batch and epochs. The peer's certificate divides the gap by sqrt 2 and takes 1 for the constant; its
exported network is also certified by `gloro_tf`, with the bound that its weights really have.

    PYTHONPATH=. python benchmarks/peer_deel_lip.py --peer_python .deel/bin/python
"""

import argparse
import os
import pathlib
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

import gloro_tf  # noqa: E402
from gloro_tf import callbacks  # noqa: E402
from gloro_tf.training import Recipe  # noqa: E402

PEER = pathlib.Path(__file__).with_name("_peer_deel_lip.py")
EPSILON, DIGITS = 0.3, pathlib.Path(gloro_tf.data.__file__).with_name("digits.npz")


def ours(data, epochs):
    """Trains `Recipe()`; returns the frozen model and `[wall, cpu]` seconds per epoch."""
    recipe = Recipe(epochs=epochs)
    keras.utils.set_random_seed(recipe.seed)
    kept = data.validation(recipe.validation, seed=recipe.seed)
    net = gloro_tf.models.build(recipe.model, data.input_shape, data.num_classes)
    model = gloro_tf.GloroModel(
        model=net, epsilon=recipe.epsilon, power_iterations=recipe.power_iterations
    )
    model.compile(recipe.make_optimizer(), loss=recipe.loss)
    schedules = [
        callbacks.EpsilonSchedule(recipe.epsilon_schedule),
        callbacks.LearningRateSchedule(recipe.learning_rate_schedule, recipe.learning_rate),
    ]
    x, y = gloro_tf.data.to_float(kept.x_train), kept.y_train
    model.fit(x, y, batch_size=recipe.batch_size, epochs=1, verbose=0)
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(x, y, batch_size=recipe.batch_size, epochs=epochs, verbose=0, callbacks=schedules)
    spent = time.perf_counter() - wall, time.process_time() - cpu
    return model.freeze(), [seconds / epochs for seconds in spent]


def rebuilt(path, x):
    """The peer's network in Keras 3, whose MinMax pairs halves and not neighbours."""
    arrays = np.load(path)
    kernels = [arrays[f"arr_{i}"] for i in range(len(arrays.files) - 1)]
    width = kernels[0].shape[1]
    pairs = np.concatenate([np.arange(0, width, 2), np.arange(1, width, 2)])
    for sorted_as in (pairs, np.roll(pairs, width // 2)):  # which neighbour holds the larger one
        net = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
        weights, rows = [], slice(None)
        for kernel, bias in zip(kernels[0::2], kernels[1::2], strict=True):
            last = kernel.shape[1] != width
            columns = slice(None) if last else pairs
            weights += [kernel[rows][:, columns], bias[columns]]
            net.add(keras.layers.Dense(kernel.shape[1]))
            if not last:
                net.add(gloro_tf.layers.MinMax())
            rows = sorted_as
        net.set_weights(weights)
        if np.abs(net.predict(x, verbose=0) - arrays["logits"]).max() < 1e-3:
            return gloro_tf.GloroModel(
                model=keras.Model(net.inputs, net.outputs), epsilon=EPSILON
            ).freeze()
    raise SystemExit("The exported network computes other logits.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer_python", default=".deel/bin/python")
    parser.add_argument("--epochs", type=int, default=80)
    args = parser.parse_args()
    timing.print_machine("keras")
    data = gloro_tf.data.load("digits")
    x, y = gloro_tf.data.to_float(data.x_test), data.y_test
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "peer.npz"
        peer = timing.worker(
            [PEER, "--digits", DIGITS, "--export", path, "--epochs", args.epochs],
            python=args.peer_python,
        )
        theirs = rebuilt(path, x)
    model, seconds = ours(data, args.epochs)
    scores = [(m.certify(x), float(m.frozen_tables()["growth"].max())) for m in (theirs, model)]
    vra = [np.mean((c.label == y) & (c.radius > EPSILON)) for c, _ in scores]
    clean = np.mean(scores[1][0].label == y)
    rows = [
        [f"deel-lip 1.5.0, {peer['loss']}, its own certificate", f"{peer['clean']:.2%}"]
        + [f"{peer['vra']:.2%}", "1 (taken)", *[f"{1e3 * s:.0f}" for s in peer["epoch"]]],
        ["deel-lip 1.5.0, its network certified by gloro_tf", f"{peer['clean']:.2%}"]
        + [f"{vra[0]:.2%}", f"{scores[0][1]:.6f}", "", ""],
        ["gloro_tf, train.py's default", f"{clean:.2%}", f"{vra[1]:.2%}"]
        + [f"{scores[1][1]:.6f}", *[f"{1e3 * s:.0f}" for s in seconds]],
    ]
    timing.print_table(
        f"Embedded digits, {args.epochs} epochs of 128, two hidden layers of 256, radius {EPSILON}",
        ["network and certificate", "clean", "VRA", "constant (ours: largest of a pair)"]
        + ["wall ms an epoch", "CPU ms an epoch"],
        rows,
    )


if __name__ == "__main__":
    main()
