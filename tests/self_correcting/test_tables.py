"""The table of few outputs gives, bit for bit, what the search gives that filled it."""

import warnings

import brute_force
import keras
import numpy as np
import pytest
from keras import ops

from gloro_tf.self_correcting import Always, Outputs, Property, SafeOrdering, SelfCorrectingLayer
from gloro_tf.self_correcting._sorting import Sorting
from gloro_tf.self_correcting._table import Table

SETS = {"tensorflow": 12, "torch": 60, "jax": 4}


def layer_of(properties, score="max"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SelfCorrectingLayer(SafeOrdering(properties, score=score), on_conflict="keep")


def searching(layer):
    """The same layer without its table."""
    corrector = layer.corrector
    corrector.sorting = Sorting(corrector.found, corrector.combinations)
    return layer


def random_rows(m, rng):
    x = (rng.integers(0, 8, (96, 2)) / 8).astype("float32")
    y = rng.normal(size=(96, m)).astype("float32")
    y[:32] = np.round(y[:32])
    y[3], y[4, 0], y[5, 1], y[6, 0] = 0.0, np.nan, np.inf, -np.inf
    y[7] = np.where(y[7] > 0, 0.0, -0.0)
    return x, y


def results(layer, x, y):
    z, info = layer([x, y], return_info=True)
    found = {name: ops.convert_to_numpy(part) for name, part in info.items()}
    return {**found, "z": ops.convert_to_numpy(z).view("int32")}


def test_table_is_the_search():
    rng, corrected, used = np.random.default_rng(0), 0, 0
    for _ in range(SETS[keras.backend.backend()]):
        m = int(rng.integers(2, 7))
        properties = [p for p, _, _ in brute_force.random_set(rng, m)]
        score = str(rng.choice(["max", "min"]))
        tabled, searched = layer_of(properties, score), searching(layer_of(properties, score))
        used += isinstance(tabled.corrector.sorting, Table)
        x, y = random_rows(m, rng)
        for some in (slice(0, 32), slice(40, None)):  # with equal scores, and without
            one, other = (results(layer, x[some], y[some]) for layer in (tabled, searched))
            for name in one:
                np.testing.assert_array_equal(one[name], other[name], err_msg=name)
            corrected += np.sum(one["status"] > 1)
    assert corrected > 20 and used > 1


def test_a_wrong_table_is_seen():
    y = Outputs(4)
    layer = layer_of([Property(Always(), y[0] < y[1])])
    table = layer.corrector.sorting
    table.weights = table.weights[::-1]
    rows = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    x = np.zeros((50, 1), "float32")
    status = results(layer, x, rows)["status"]
    # Each row is decided again: what a wrong table breaks is said, and never passed as corrected.
    assert np.any(status == 5) and not np.any(results(layer, x, rows)["violated"][status < 2])


@pytest.mark.parametrize("classes, count", [(7, 1), (6, 6)])
def test_large_tables_are_not_made(classes, count):
    y = Outputs(classes)
    layer = layer_of([Property(Always(), y[0] < y[1])] * count)
    assert isinstance(layer.corrector.sorting, Sorting)
