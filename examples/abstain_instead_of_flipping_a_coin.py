"""
Title: Abstain instead of flipping a coin
Description: Networks that differ by their seed, or by one training example, disagree on some inputs.
Ensembles that abstain there never contradict each other, and their explanations agree, too.
"""

"""
## Setup

Run it with `digits` or `breast_cancer` for one of the data sets; takes a minute or two for both.
"""

import importlib.util
import itertools
import sys

import keras
import numpy as np

import gloro_tf
from gloro_tf import ensembles

POOL, SIZES, ALPHA = 200, (1, 5, 10, 15, 20), 0.05
COUNT = POOL // max(SIZES)  # disjoint ensembles of each size


def digits():
    data = gloro_tf.data.load("digits")
    x, x_test = [gloro_tf.data.to_float(p).reshape(-1, 64) for p in (data.x_train, data.x_test)]
    return x, data.y_train, x_test, data.y_test


def breast_cancer():
    if not importlib.util.find_spec("sklearn"):
        raise SystemExit("This data needs `pip install scikit-learn`. Or run it with `digits`.")
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    test, train = np.split(np.random.default_rng(0).permutation(len(y)), [171])
    x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    return x[train].astype("float32"), y[train], x[test].astype("float32"), y[test]


"""
## Two hundred small networks, trained at once

"seed" changes initial weights and order; "leave_one_out" only drops one example for each network.
"""


def train(x, y, source):
    def build():
        layers = [keras.layers.Dense(64, "relu"), keras.layers.Dense(int(y.max()) + 1)]
        return keras.Sequential([keras.Input(x.shape[1:]), *layers])

    adam = keras.optimizers.Adam(3e-3)
    return ensembles.train_members(build, x, y, POOL, source, epochs=30, optimizer=adam)


"""
## Disjoint ensembles of each size: on how many points do two of them contradict each other?

Attributions are the gradients of the score of the class that most networks predict.
"""


def compare(labels, slopes, y, n):
    classes = int(y.max()) + 1
    groups = np.arange(COUNT * n).reshape(COUNT, n)
    plain = [(labels[g][..., None] == np.arange(classes)).sum(0).argmax(-1) for g in groups]
    answers = plain if n == 1 else [np.full(len(y), -1)] * COUNT
    if n >= ensembles.smallest_ensemble(ALPHA):  # five never agree enough: p = 0.0625
        answers = [ensembles.selective_vote(labels[g], classes, ALPHA) for g in groups]
    pairs = itertools.combinations([slopes[g].mean(axis=0) for g in groups], 2)
    alike = [ensembles.attribution_similarity(a, b, ("spearman", "top_k")) for a, b in pairs]
    means = [np.mean([pair[name] for pair in alike]) for name in ("spearman", "top_k")]
    return ensembles.consistency_report(answers, y), ensembles.consistency_report(plain, y), *means


head = "n, abstain, accuracy, plain vote, differ, plain vote, rank corr., top-5 shared".split(", ")
print(
    f"{COUNT} ensembles of each size n, alpha {ALPHA}; percentages, and similarity of attributions"
)
print("".join(f"{word:>14}" for word in head))
curves = {}
for data in [globals()[name] for name in sys.argv[1:] or ("breast_cancer", "digits")]:
    x, y, x_test, y_test = data()
    for source in ("seed", "leave_one_out"):
        many = train(x, y, source)
        labels = many.labels(x_test)
        slopes = ensembles.attributions(many, x_test, average=False)
        right, flips = (labels == y_test).mean(axis=1), (labels != labels[0]).any(axis=0).mean()
        name = f"{data.__name__}, {source}"
        print(f"{name}: networks reach {right.mean():.2%} +- {right.std():.2%}", end=", ")
        print(f"{flips:.2%} of the points flip", flush=True)
        for n in SIZES:
            report, plain, rank, top = compare(labels, slopes, y_test, n)
            row = report.abstention, report.accuracy, plain.accuracy, report.inconsistent
            row = [100 * value for value in (*row, plain.inconsistent)]
            print(f"{n:14}" + "".join(f"{v:14.2f}" for v in row), f"{rank:13.3f}{5 * top:14.2f}")
            curves.setdefault(name, []).append([row[4], row[3], 100 * rank])

"""
## A picture, and the number to check
"""

if importlib.util.find_spec("matplotlib"):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    titles = "inconsistent, plain vote, %", "inconsistent, abstaining, %", "rank correlation, %"
    for column, (axis, title) in enumerate(zip(figure.subplots(1, 3), titles)):
        axis.plot(SIZES, np.array(list(curves.values()))[:, :, column].T, marker="o")
        axis.set(title=title, xlabel="networks in an ensemble")
    axis.legend(list(curves), fontsize=8)
    figure.savefig("abstain.png", dpi=150)

worst = max(row[1] for rows in curves.values() for row in rows[2:])
print(f"\nPoints on which two ensembles of 10 or more that abstain differ: {worst:.2f} %")
