"""What relaxing the promise buys on CIFAR-100: strict, top-3, top-5 and affinity models side by side.

The same network with the same training (recipes `liresnet_4x32_cifar100*`), from the zoo. EMMA asks a
top-k model for the same margins as a strict one, so those three share their weights bit for bit; the
affinity model was trained with the sets. Guaranteed bounds, 10,000 test images, radius 36/255.

    PYTHONPATH=. python benchmarks/relaxed_promises.py --data_dir=...
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import numpy as np  # noqa: E402

import gloro_tf  # noqa: E402
import zoo  # noqa: E402


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    args = parser.parse_args()
    data = gloro_tf.data.load("cifar100", data_dir=args.data_dir)
    x, y = gloro_tf.data.to_float(data.x_test), data.y_test
    strict = zoo.load("liresnet_4x32.cifar100")
    affinity = zoo.load("liresnet_4x32_affinity.cifar100")
    net, epsilon = strict.logits_model, strict.epsilon
    models = [("strict", "its own", strict)]
    for k in (3, 5):
        model = gloro_tf.RTKModel(model=net, epsilon=epsilon, k=k).freeze()
        models.append((f"top-{k}", "the strict model's", model))
    sets = "cifar100_superclasses"
    as_sets = gloro_tf.AffinityModel(model=net, epsilon=epsilon, affinity_sets=sets).freeze()
    models.append(("affinity", "the strict model's", as_sets))
    models.append(("affinity", "its own", affinity))
    timing.print_machine("keras")
    timing.print_table(
        f"CIFAR-100, radius {epsilon:.4f}",
        ["promise", "weights", "clean", "rejected", "right and accepted"]
        + ["label in the promised set", "mean size of it"],
        [row(*entry, x, y) for entry in models],
    )


if __name__ == "__main__":
    main()
