r"""Does certified training leak more or less of its training data than plain training?

    PYTHONPATH=. python benchmarks/membership_certified.py --dataset=mnist --members=500 \
        --data_dir=...

One small network, trained on the same members as a `GloroModel` and plainly, for as many epochs.
Then the one that is right more often on the attacker's images, which neither has seen, is trained
again until it is as accurate there as the other: at equal accuracy, and no image that attacks are
judged on has a say in when it stops. Proxies take as many epochs as their target. Each target is
written to `--store` when it is done; a run that was stopped goes on there.
"""

import argparse
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from _timing import print_machine, print_table  # noqa: E402

import gloro_tf  # noqa: E402
from gloro_tf import membership  # noqa: E402
from gloro_tf.membership import curves  # noqa: E402

RADII = {"digits": 0.3, "mnist": 0.3, "cifar10": 36 / 255}
FULL, EQUAL = "as many epochs", "equal accuracy"
FIGURES = "training accuracy", "test accuracy", "loss threshold", "bayes-wb", "LiRA, offline"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=sorted(RADII), default="digits")
    parser.add_argument("--data_dir")
    parser.add_argument("--members", type=int, default=359)
    parser.add_argument("--targets", type=int, default=5)
    parser.add_argument("--proxies", type=int, default=3, help="of each target")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=2e-3, help="of Adam")
    parser.add_argument("--store", default="runs/membership_certified", help="a folder")
    return parser.parse_args()


class Case:
    """One target's examples and its trainings."""

    def __init__(self, args, number):
        self.args, self.number = args, number
        x, y = images(args)
        count = args.members
        split = membership.MembershipSplit(len(x), members=count, nonmembers=count, seed=number)
        self.members, self.pool, self.judged = (
            (x[rows], y[rows]) for rows in (split.members, split.attacker, split.candidates)
        )
        self.inside = split.is_member

    def net(self):
        shape = self.members[0].shape[1:]
        return gloro_tf.models.ConvNet((((8, 3, 1), (8, 4, 2)), (32,)), shape, 10)

    def recipe(self, kind, epochs, stop=None):
        """Of a `"certified"` or `"plain"` training; it may stop early."""
        rate, loss = self.args.rate, keras.losses.SparseCategoricalCrossentropy(from_logits=True)

        def build():
            radius = RADII[self.args.dataset]
            net = self.net()
            return net if kind == "plain" else gloro_tf.GloroModel(model=net, epsilon=radius)

        def fit(model, x, y):
            model.compile(keras.optimizers.Adam(rate), loss if kind == "plain" else "crossentropy")
            calls = [] if stop is None else [stop]
            model.fit(x, y, batch_size=32, epochs=epochs, callbacks=calls, verbose=0)

        return membership.TrainingRecipe(build, fit=fit)

    def measured(self):
        """`{"kind, condition": figures}` of this target, and the epochs of the one that stopped."""
        epochs, found, reached = self.args.epochs, {}, {}
        for kind in ("certified", "plain"):
            recipe = self.recipe(kind, epochs)
            model = recipe.train(*self.members, seed=self.number)
            found[f"{kind}, {FULL}"] = found[f"{kind}, {EQUAL}"] = self._leak(recipe, model)
            reached[kind] = membership.Naive(model).score(*self.pool).mean()
        better = max(reached, key=reached.get)
        stop = _Stop(min(reached.values()), *self.pool)
        model = self.recipe(better, epochs, stop).train(*self.members, seed=self.number)
        found[f"{better}, {EQUAL}"] = self._leak(self.recipe(better, stop.epochs), model)
        return found | {"stopped": [better, stop.epochs]}

    def _leak(self, recipe, model):
        """As `FIGURES`: two accuracies, and the areas under the ROC curves of three attacks."""
        size, seed = len(self.members[0]), self.number
        proxies = membership.fit_proxies(recipe, *self.pool, self.args.proxies, size, seed=seed)
        right = membership.Naive(model).score(*self.judged)
        attacks = membership.LossThreshold(model), membership.BayesWB(model, proxies)
        attacks += (membership.LiRA(model, proxies),)
        areas = [curves.auc(a.score(*self.judged), self.inside)[0] for a in attacks]
        return [float(right[self.inside].mean()), float(right[~self.inside].mean()), *areas]


class _Stop(keras.callbacks.Callback):
    """Stops when accuracy on other images is reached."""

    def __init__(self, until, x, y):
        super().__init__()
        self.until, self.x, self.y, self.epochs = until, x, y, 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs = epoch + 1
        if membership.Naive(self.model).score(self.x, self.y).mean() >= self.until:
            self.model.stop_training = True


def images(args):
    """A shuffled part of the set: members, as many strangers, and four times as many to attack with."""
    data = gloro_tf.data.load(args.dataset, data_dir=args.data_dir)
    y = np.concatenate([data.y_train, data.y_test])
    chosen = np.random.default_rng(0).permutation(len(y))[: 6 * args.members]
    x = np.concatenate([data.x_train, data.x_test])[chosen]
    return gloro_tf.data.to_float(x), y[chosen]


def all_targets(args):
    """The figures of each target, measured or read."""
    choices = {k: v for k, v in vars(args).items() if k not in ("data_dir", "targets", "store")}
    name = "-".join(str(value) for value in choices.values())
    found = []
    for number in range(args.targets):
        path = pathlib.Path(args.store) / f"{name}-{number}.json"
        if not path.exists():
            result = Case(args, number).measured()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(result))
        found.append(json.loads(path.read_text()))
        print(f"target {number + 1} of {args.targets}", flush=True)
    return found


def main():
    args = parse()
    print_machine("keras")
    found = all_targets(args)
    rows = []
    for condition in (EQUAL, FULL):
        names = [f"{kind}, {condition}" for kind in ("certified", "plain")]
        both = [np.array([target[name] for target in found]) for name in names]
        rows += [[name, *_intervals(values)] for name, values in zip(names, both, strict=True)]
        rows.append([f"difference, {condition}", *_intervals(both[0] - both[1])])
    stopped = ", ".join(f"{kind} after {epochs}" for kind, epochs in (t["stopped"] for t in found))
    print_table(
        f"{args.dataset}, {args.members} members, {args.targets} targets with {args.proxies} proxies "
        f"each, radius {RADII[args.dataset]:.3g}, {args.epochs} epochs (for equal accuracy: "
        f"{stopped}); areas under the ROC curve; mean and 95 % interval",
        ["training", *FIGURES],
        rows,
    )


def _intervals(columns):
    pairs = (membership.interval_over_targets(column) for column in columns.T)
    return [f"{mean:.3f} +- {half:.3f}" for mean, half in pairs]


if __name__ == "__main__":
    main()
