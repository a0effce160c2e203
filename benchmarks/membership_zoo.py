"""What entries of the zoo give away about their training images, by attacks without references.

    PYTHONPATH=. python benchmarks/membership_zoo.py --data_dir=...

All training images are members, so no image of their kind is left to train proxies on: the naive
attack and the loss threshold are what an outsider without data has. Judged on equally many
training and test images.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
from _timing import print_machine, print_table  # noqa: E402

import gloro_tf  # noqa: E402
import zoo  # noqa: E402
from gloro_tf import membership  # noqa: E402

NAMES = "convnet_2c2f.mnist,cholesky_mlp_5x256.mnist,liresnet_small.mnist,liresnet_4x32.cifar10"
HEADERS = ["entry", "training accuracy", "test accuracy", "AUC, loss threshold", "95 % interval"]
HEADERS += ["largest advantage", "naive advantage", "TPR at 1 % FPR", "at 0.1 %"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--names", default=NAMES, help="entries, separated by commas")
    parser.add_argument("--images", type=int, default=10_000, help="of each half")
    args = parser.parse_args()
    print_machine("keras")
    rows = [judged(name, args) for name in args.names.split(",")]
    print_table(f"{args.images:,} training and as many test images", HEADERS, rows)


def judged(name, args):
    data = gloro_tf.data.load(zoo.card(name).recipe["dataset"], data_dir=args.data_dir)
    halves = data.x_train[: args.images], data.x_test[: args.images]
    x = gloro_tf.data.to_float(np.concatenate(halves))
    y = np.concatenate([data.y_train[: args.images], data.y_test[: args.images]])
    inside = np.arange(len(y)) < len(halves[0])
    model = zoo.load(name)
    right = membership.Naive(model).score(x, y)
    found = membership.evaluate(membership.LossThreshold(model).score(x, y), inside)
    low, high = found.auc_interval
    train, test = right[inside].mean(), right[~inside].mean()
    rates = ["too few" if rate is None else f"{rate:.4f}" for rate in found.tpr_at_fpr.values()]
    cells = [f"{value:.4f}" for value in (train, test, found.auc)]
    advantages = f"{found.advantage:.4f}", f"{train - test:.4f}"
    return [name, *cells, f"{low:.4f} to {high:.4f}", *advantages, *rates]


if __name__ == "__main__":
    main()
