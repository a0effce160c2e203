"""Time the PyPI package ``gloro`` 1.1.1 training the 2C2F network.

This is the reference side of the training-speed comparison. It does not import
this repository: ``gloro`` 1.1.1 needs Keras 2, so it runs in an environment of
its own, made with (Python 3.11)::

    python3.11 -m venv .peer
    .peer/bin/pip install tensorflow-cpu==2.15.1 "numpy<2"
    .peer/bin/pip install gloro==1.1.1 --no-deps

(``--no-deps`` keeps pip from asking for the full ``tensorflow`` package.)

Run it from the root of the repository::

    .peer/bin/python benchmarks/_peer_pypi_gloro.py
    .peer/bin/python benchmarks/_peer_pypi_gloro.py --activation relu

The task: random 28x28x1 images in [0, 1] and random labels of 10 classes,
epsilon 0.3, convolutions (16, 4x4, stride 2) and (32, 4x4, stride 2), a hidden
layer of 100, sparse cross-entropy on the logits with the extra class, Adam at
1e-3, float32, two threads, no metrics, no validation.

``GloroNet`` is used as a user gets it: 5 power iterations in each forward pass,
and ``fit`` adds the ``UpdatePowerIterates`` callback, which restarts and
converges the iterates at the end of each epoch. That is part of its training,
so it is inside the epoch times. Its convergence before the first epoch and its
more precise one after the last epoch are in neither.

The first epoch includes tracing; its times are given apart and are not used.
The last line of standard output is one JSON object, times in seconds per epoch.
CPU time is that of the whole process, all threads, and is the steadier figure
on a machine that others use too.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import gloro  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from gloro.layers import MinMax  # noqa: E402

CLASSES = 10
EPSILON = 0.3
LEARNING_RATE = 1e-3
SEED = 0
THREADS = 2


class EpochClock(tf.keras.callbacks.Callback):
    """Wall and CPU seconds of each epoch.

    ``GloroNet.fit`` puts its own callback before those it is given, so the end
    of an epoch is read here after the iterates have been converged.
    """

    def __init__(self):
        super().__init__()
        self.wall = []
        self.cpu = []

    def on_epoch_begin(self, epoch, logs=None):
        self._wall_start = time.perf_counter()
        self._cpu_start = time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        self.wall.append(time.perf_counter() - self._wall_start)
        self.cpu.append(time.process_time() - self._cpu_start)


def build_2c2f(activation):
    """The 2C2F network with its GloRo margin layer (166,406 weights)."""

    def act(x):
        return MinMax()(x) if activation == "minmax" else tf.keras.layers.ReLU()(x)

    inputs = tf.keras.Input((28, 28, 1))
    x = act(tf.keras.layers.Conv2D(16, 4, strides=2, padding="same")(inputs))
    x = act(tf.keras.layers.Conv2D(32, 4, strides=2, padding="same")(x))
    x = tf.keras.layers.Flatten()(x)
    x = act(tf.keras.layers.Dense(100)(x))
    outputs = tf.keras.layers.Dense(CLASSES)(x)
    return gloro.GloroNet(inputs, outputs, epsilon=EPSILON)


def random_data(samples):
    """Random images in [0, 1] and random labels; only the speed matters."""
    rng = np.random.default_rng(SEED)
    images = rng.random((samples, 28, 28, 1), dtype=np.float32)
    labels = rng.integers(0, CLASSES, size=samples)
    return images, labels


def parse_args():
    parser = argparse.ArgumentParser(
        description="Time the PyPI package gloro training the 2C2F network."
    )
    parser.add_argument("--samples", type=int, default=12_800)
    parser.add_argument("--epochs", type=int, default=4, help="at least 2; the first is not used")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--activation", choices=("minmax", "relu"), default="minmax")
    args = parser.parse_args()
    if args.epochs < 2:
        parser.error("--epochs must be at least 2: the first one is not used")
    if args.samples < 1 or args.batch < 1:
        parser.error("--samples and --batch must be positive")
    return args


def main():
    args = parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    tf.keras.utils.set_random_seed(SEED)

    images, labels = random_data(args.samples)
    model = build_2c2f(args.activation)
    model.compile(
        loss="sparse_crossentropy",
        optimizer=tf.keras.optimizers.Adam(LEARNING_RATE),
    )

    load_before = os.getloadavg()[0]
    clock = EpochClock()
    model.fit(
        images,
        labels,
        batch_size=args.batch,
        epochs=args.epochs,
        callbacks=[clock],
        verbose=0,
    )

    wall = [round(seconds, 3) for seconds in clock.wall]
    cpu = [round(seconds, 3) for seconds in clock.cpu]
    result = {
        "library": f"gloro {gloro.__version__}",
        "tensorflow": tf.__version__,
        "network": "2C2F",
        "activation": args.activation,
        "samples": args.samples,
        "batch": args.batch,
        "threads": THREADS,
        "load_before": round(load_before, 2),
        "first_epoch_wall": wall[0],
        "first_epoch_cpu": cpu[0],
        "epoch_wall": wall[1:],
        "epoch_cpu": cpu[1:],
        "best_wall": min(wall[1:]),
        "best_cpu": min(cpu[1:]),
        "median_wall": round(statistics.median(wall[1:]), 3),
        "median_cpu": round(statistics.median(cpu[1:]), 3),
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
