"""
Title: Does my model remember its patients?
Description: An audit of two overfit networks: who of their training data can be told from strangers?

A network that was trained on patients can give away who they were, even if it is nearly as
accurate on strangers. One call attacks it in every way and says how sure an attacker can be.
"""

"""
## Setup

Needs `pip install "gloro_tf[examples]"`; takes about a minute on two cores.
"""

import keras
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits

from gloro_tf import membership

PROXIES, SHADOWS = 16, 32


def standardised(load, members):
    """Standardised by the attacker's part: the members' own mean would leak by itself."""
    x, y = load(return_X_y=True)
    split = membership.MembershipSplit(len(x), members=members, seed=0)
    rows = x[split.attacker]
    spread = rows.std(axis=0)
    x = (x - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return x.astype("float32"), y, split


"""
## A recipe: what the attacker knows about the training

Full batches, no regularisation, until nothing is wrong: overfit on purpose.
"""


def recipe_for(x, y):
    def build():
        layers = [keras.layers.Dense(64, "relu"), keras.layers.Dense(int(y.max()) + 1)]
        return keras.Sequential([keras.Input(x.shape[1:]), *layers])

    adam = keras.optimizers.Adam(0.01)
    return membership.TrainingRecipe(build, epochs=300, batch_size=10_000, optimizer=adam)


"""
## Train, then audit
"""

reports = {}
for load, members in ((load_breast_cancer, 113), (load_digits, 359)):
    name = load.__name__.removeprefix("load_")
    x, y, split = standardised(load, members)
    recipe = recipe_for(x, y)
    model = recipe.train(x[split.members], y[split.members], seed=1)
    print(f"\n{name}: {split}")
    reports[name] = membership.audit(
        model,
        recipe,
        (x, y, split),
        proxies=PROXIES,
        shadows=SHADOWS,
        precision=0.75,
        path=f"membership_{name}",
    )

"""
## Why does the attacker believe that this digit was there?

Evidence adds up to the score. Where it is positive, the training set's displacement shows.
"""

rows = split.members[:100]
strangers = x[split.attacker], y[split.attacker]
proxies = membership.fit_proxies(recipe, *strangers, 8, 359)
attack = membership.BayesWB(
    model, proxies, score="logodds", population=strangers, population_inside=proxies.masks
)
evidence = attack.evidence(x[rows], y[rows])
surest = int(np.argmax(evidence.score))
pixels = [f"({p // 8}, {p % 8})" for p in evidence.top(4)[surest]]
print(f"\nSurest member: a {y[rows][surest]}, given away by the pixels {', '.join(pixels)}")

"""
## The numbers to check
"""

error = np.abs(evidence.score - attack.score(x[rows], y[rows])).max()
print(f"Evidence and scores differ by at most {error:.1e}")
for name, report in reports.items():
    found = report.evaluations
    print(f"{name}: gap {found['naive'].gap:.3f}; AUC of", end=" ")
    shown = "loss threshold", "bayes-wb", "bayes-wb, matched", report.strongest
    print(", ".join(f"{attack} {found[attack].auc:.3f}" for attack in dict.fromkeys(shown)))
