"""Selective ensembles on image data sets: the recipe for MNIST and CIFAR-10.

    PYTHONPATH=. python benchmarks/selective_images.py --dataset=mnist --data_dir=...
    PYTHONPATH=. python benchmarks/selective_images.py --dataset=cifar10 --model=conv --data_dir=...

A pool of networks that differ by their seed, trained at once by `gloro_tf.training.fit_many`, and
disjoint ensembles of it: how often two of them contradict each other, and how often they abstain.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

import gloro_tf  # noqa: E402
from gloro_tf import ensembles  # noqa: E402

SIZES, ALPHA = (10, 15, 20), 0.05


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--model", choices=("mlp", "conv"), default="mlp")
    parser.add_argument("--pool", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--examples", type=int, default=20_000, help="training images used")
    parser.add_argument("--source", choices=("seed", "leave_one_out"), default="seed")
    return parser.parse_args()


def builder(model, shape, classes):
    """A function that builds one network: a small perceptron, or LeNet-like."""
    layers = keras.layers

    def mlp():
        return [layers.Flatten(), layers.Dense(64, "relu")]

    def conv():
        convolutions = [layers.Conv2D(8, 5, 2, activation="relu"), layers.Conv2D(16, 3, 2)]
        return [*convolutions, layers.ReLU(), layers.Flatten(), layers.Dense(64, "relu")]

    body = {"mlp": mlp, "conv": conv}[model]
    return lambda: keras.Sequential([keras.Input(shape), *body(), layers.Dense(classes)])


def main():
    args = parse()
    data = gloro_tf.data.load(args.dataset, data_dir=args.data_dir)
    chosen = np.random.default_rng(0).permutation(len(data.x_train))[: args.examples]
    x, y = gloro_tf.data.to_float(data.x_train[chosen]), data.y_train[chosen]
    x_test, y_test = gloro_tf.data.to_float(data.x_test), data.y_test
    build = builder(args.model, data.input_shape, data.num_classes)
    timing.print_machine("keras")
    many = ensembles.train_members(
        build, x, y, args.pool, args.source, epochs=args.epochs, batch_size=64
    )
    labels = np.concatenate([many.labels(part) for part in np.array_split(x_test, 20)], axis=1)
    rows = []
    for n in SIZES:
        groups = np.arange(args.pool // n * n).reshape(-1, n)
        answers = [ensembles.selective_vote(labels[g], data.num_classes, ALPHA) for g in groups]
        votes = [(labels[g][..., None] == np.arange(data.num_classes)).sum(0) for g in groups]
        found = ensembles.consistency_report(answers, y_test)
        plain = ensembles.consistency_report([v.argmax(-1) for v in votes], y_test)
        row = found.abstention, found.accuracy, plain.accuracy, found.inconsistent
        rows.append([n, len(groups), *[f"{v:.2%}" for v in (*row, plain.inconsistent)]])
    right, flips = (labels == y_test).mean(axis=1), (labels != labels[0]).any(axis=0).mean()
    timing.print_table(
        f"{args.dataset}, {args.model}, {args.pool} networks, {len(x):,} images, {args.epochs} "
        f"epochs, {args.source}: networks reach {right.mean():.2%} +- {right.std():.2%}, "
        f"{flips:.2%} of the test points flip",
        ["n", "ensembles", "abstain", "accuracy, abstain = error", "accuracy, plain vote"]
        + ["inconsistent, selective", "inconsistent, plain vote"],
        rows,
    )


if __name__ == "__main__":
    main()
