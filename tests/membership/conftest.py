"""A small overfit target and what attacks need, trained once."""

import types

import keras
import pytest
from membership_data import blobs

from gloro_tf.membership import (
    GeneralWB,
    MembershipSplit,
    TrainingRecipe,
    balanced_masks,
    fit_proxies,
)


def build():
    layers = [keras.layers.Dense(16, "relu"), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((20,)), *layers])


@pytest.fixture(scope="package")
def case():
    x, y = blobs(480)
    split = MembershipSplit(480, members=80, nonmembers=80, seed=0)
    recipe = TrainingRecipe(
        build, epochs=60, batch_size=80, optimizer=keras.optimizers.Adam(0.03), jit_compile=False
    )
    model = recipe.train(x[split.members], y[split.members], seed=7)
    pool = x[split.attacker], y[split.attacker]
    judged = x[split.candidates], y[split.candidates]
    proxies = fit_proxies(recipe, *pool, 6, 80, seed=1)
    hidden = fit_proxies(recipe, *pool, 3, 80, slice=0, frozen_from=model, seed=1)
    online = fit_proxies(recipe, *judged, masks=balanced_masks(8, 160), seed=2)
    general = GeneralWB(model, [None, 0], 2, proxies=2).fit(recipe, *pool, size=80)
    return types.SimpleNamespace(**locals())
