"""What relaxing the promise buys on CIFAR-100: strict, top-3, top-5 and affinity models side by side.

Two tables, 10,000 test images, radius 36/255, guaranteed bounds. The first reads the zoo, whose models
were trained with EMMA: it asks a top-k model for the same margins as a strict one, so those share their
weights. The second is of four trainings that differ in the promise alone, with the cross-entropy of the
bottom logit, which sees it (recipes `crossentropy_4x32_cifar100*`, each trained into a folder of its
name under `--runs`):

    for promise in "" _rtk3 _rtk5 _affinity; do
      python train.py --recipe=crossentropy_4x32_cifar100$promise --data_dir=... \\
        --workdir=RUNS/crossentropy_4x32_cifar100$promise
    done
    PYTHONPATH=. python benchmarks/relaxed_promises.py --data_dir=... --runs=RUNS
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

import gloro_tf  # noqa: E402
import zoo  # noqa: E402

HEADERS = ["promise", "weights", "clean", "rejected", "right and accepted"]
HEADERS += ["label in the promised set", "mean size of it"]
TRAINED = {"strict": "", "top-3": "_rtk3", "top-5": "_rtk5", "affinity": "_affinity"}


def row(name, weights, model, x, y):
    found = model.certify(x)
    members = getattr(found, "members", None)
    if members is None:
        members = (np.arange(model.classes) == found.label[:, None]) & found.certified[:, None]
    return [
        name,
        weights,
        f"{np.mean(found.label == y):.2%}",
        f"{1 - found.certified.mean():.2%}",
        f"{np.mean((found.label == y) & found.certified):.2%}",
        f"{members[np.arange(len(x)), y].mean():.2%}",
        f"{members.sum(axis=1)[found.certified].mean():.2f}",
    ]


def of_the_zoo():
    """The models with EMMA: name, whose weights, model."""
    strict = zoo.load("liresnet_4x32.cifar100")
    net, epsilon = strict.logits_model, strict.epsilon
    yield "strict", "its own", strict
    for k in (3, 5):
        model = gloro_tf.RTKModel(model=net, epsilon=epsilon, k=k).freeze()
        yield f"top-{k}", "the strict model's", model
    sets = "cifar100_superclasses"
    as_sets = gloro_tf.AffinityModel(model=net, epsilon=epsilon, affinity_sets=sets).freeze()
    yield "affinity", "the strict model's", as_sets
    yield "affinity", "its own", zoo.load("liresnet_4x32_affinity.cifar100")


def trained(runs):
    """The four models with the bottom logit's cross-entropy."""
    for promise, ending in TRAINED.items():
        path = pathlib.Path(runs) / f"crossentropy_4x32_cifar100{ending}" / "model.keras"
        yield promise, "its own", keras.saving.load_model(path, compile=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--runs", help="folder of the four trainings; without it, the zoo alone")
    args = parser.parse_args()
    data = gloro_tf.data.load("cifar100", data_dir=args.data_dir)
    x, y = gloro_tf.data.to_float(data.x_test), data.y_test
    timing.print_machine("keras")
    tables = {"EMMA, from the zoo": of_the_zoo()}
    if args.runs:
        tables["bottom logit's cross-entropy"] = trained(args.runs)
    for title, models in tables.items():
        rows = [row(*entry, x, y) for entry in models]
        timing.print_table(f"CIFAR-100, radius 36/255, {title}", HEADERS, rows)


if __name__ == "__main__":
    main()
