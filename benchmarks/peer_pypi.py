"""Seconds per epoch against PyPI gloro 1.1.1: the same network, data and work, in turns.

The peer runs in an environment of its own; `_peer_pypi_gloro.py` says how it is made and what is
trained (2C2F, batch 256, Adam, cross-entropy with bottom, no metrics, two threads). Its epochs
include the callback with which it converges its power iterates at each epoch's end, as `fit` adds
it. Three ways of ours stand against it: the default (2 power iterations in each step, none at an
epoch's end: `evaluate` converges them when it needs them, and certificates use none), the same
compiled by XLA, as `train.py` does for such a network (the peer's own step does not compile), and
the peer's schedule (5 in each step, 100 more at each epoch's end, inside the clock). Building, data
checks and first epochs, which trace, are left out on both sides.

    python benchmarks/peer_pypi.py --peer_python .peer/bin/python
"""

import argparse
import os
import pathlib
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402

PEER = pathlib.Path(__file__).with_name("_peer_pypi_gloro.py")
PEER_NAME = "PyPI gloro 1.1.1, 5 a step, converged each epoch"
XLA = "2 a step, jit_compile=True"
OURS = {  # power iterations in a step, more of them at an epoch's end, XLA
    "2 a step": (2, 0, "auto"),
    XLA: (2, 0, True),
    "5 a step, 100 more each epoch": (5, 100, "auto"),
}
BAR = 3.0


def train_ours(args):
    """The worker: seconds of each epoch but the first."""
    import keras
    import tensorflow as tf

    import gloro_tf

    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    keras.utils.set_random_seed(0)
    images, labels = timing.random_data(args.samples)
    in_step, at_end, compiled = OURS[args.worker]
    net = gloro_tf.models.ConvNet("2C2F", (28, 28, 1), 10, activation=args.activation)
    model = gloro_tf.GloroModel(model=net, epsilon=0.3, power_iterations=in_step)
    model.compile(
        keras.optimizers.Adam(1e-3), loss="crossentropy", metrics=[], jit_compile=compiled
    )
    converge = (lambda: model.refresh_iterates(at_end)) if at_end else (lambda: None)
    run = timing.epoch(model, images, labels, args.batch, converge)
    return [run() for _ in range(args.epochs)][1:]


def turn(args, activation, name):
    """One process of one side; `[(wall, cpu), ...]` of its epochs."""
    common = ["--samples", args.samples, "--epochs", args.epochs, "--batch", args.batch]
    common += ["--activation", activation]
    if name == PEER_NAME:
        result = timing.worker([PEER, *common], python=args.peer_python)
        return list(zip(result["epoch_wall"], result["epoch_cpu"], strict=True))
    return timing.worker([__file__, "--worker", name, *common], KERAS_BACKEND="tensorflow")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer_python", default=".peer/bin/python")
    parser.add_argument("--samples", type=int, default=25_600)
    parser.add_argument("--epochs", type=int, default=3, help="of each process; one is left out")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=2, help="processes of each side")
    parser.add_argument("--activation", choices=("minmax", "relu"), default="minmax")
    parser.add_argument("--worker", choices=OURS)
    args = parser.parse_args()
    if args.worker:
        return timing.answer(train_ours(args))
    timing.print_machine("keras", "tensorflow")
    rows = []
    for activation in ("minmax", "relu"):
        seconds = {name: [] for name in (PEER_NAME, *OURS)}
        for _ in range(args.rounds):
            for name in seconds:
                seconds[name] += turn(args, activation, name)
        middle = {
            n: [statistics.median(c) for c in zip(*v, strict=True)] for n, v in seconds.items()
        }
        for name, (wall, cpu) in middle.items():
            faster = [f"{middle[PEER_NAME][i] / middle[name][i]:.2f}x" for i in (1, 0)]
            bar = f"at least {BAR:.0f}x" if (activation, name) == ("minmax", XLA) else ""
            label = name if name == PEER_NAME else f"gloro_tf, {name}"
            rows.append([activation, label, f"{cpu:.2f}", f"{wall:.2f}", *faster, bar])
    timing.print_table(
        f"Seconds per epoch of {args.samples:,} images, batch {args.batch} "
        f"({args.rounds} processes a side in turn, {args.epochs - 1} epochs each, medians)",
        ["activation", "library and power iterations", "CPU s", "wall s"]
        + ["times faster, CPU", "times faster, wall", "bar"],
        rows,
    )


if __name__ == "__main__":
    main()
