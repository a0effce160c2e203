"""Property files, JSON and VNN-LIB: properties, or a refusal that names what is wrong."""

import json

import pytest
from fuzzing import NUMBERS, answer, edited, edited_tree, fuzz
from hypothesis import strategies as st

from gloro_tf import self_correcting as sc

Y = sc.Outputs(3, names=["stay", "left", "right"])
RIGHT = sc.SafeOrdering(
    [
        sc.Property(sc.Box([0, None], [1, 2]), ~Y["stay"].is_max(), "first"),
        sc.Property(sc.PredictedIn([1]) | sc.Always(), (Y[0] < Y[1]) & (Y[1] < Y[2])),
        sc.Property(sc.LinearLE([[1.0, 2.0]], [0.5]), Y.argmin_in(0, 1)),
    ],
    score="min",
)
LEAVES = st.sampled_from(
    [None, True, 0, 1, -1, 2, 2.5, 10**400, 1e300, "nan", "inf", "max", "and", "Box", "Not", ""]
    + [[], {}, [[]], ["or"], [0], [["above", [0], [1]]], {"kind": "Not"}, {"mean": 0}]
)
VNNLIB = """(declare-const X_0 Real) (declare-const X_1 Real)
(declare-const Y_0 Real) (declare-const Y_1 Real)
(assert (<= X_0 0.5)) (assert (or (and (>= X_1 (* 2 X_0)) (<= Y_0 Y_1)) (>= Y_1 Y_0)))
"""
WORDS = ("(", ")", "X_0", "Y_1", "X_9", "X[0]", "+", "*", "/", "-", "and", "or", "not", "=", ";")


@fuzz(250, tree=edited_tree(RIGHT.get_config(), LEAVES))
def test_edited_properties(tree):
    found = answer(sc.SafeOrdering.from_json, json.dumps(tree))
    if found is not None:
        assert sc.SafeOrdering.from_json(found.to_json()).get_config() == found.get_config()


@fuzz(80, text=edited(RIGHT.to_json()))
def test_edited_json(text):
    answer(sc.SafeOrdering.from_json, text)


@fuzz(250, text=edited(VNNLIB, pieces=(*WORDS, *NUMBERS)))
def test_edited_vnnlib(text):
    for prop in answer(sc.from_vnnlib, text) or []:
        assert isinstance(prop, sc.Property)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"properties":' * 50_000])
def test_nested_json(text):
    assert answer(sc.SafeOrdering.from_json, text) is None


@pytest.mark.parametrize("word", ["(", "(assert (or ", "(assert (and "])
@pytest.mark.parametrize("times", [3000, 100_000])
def test_nested_vnnlib(word, times):
    text = VNNLIB + word * times + ")" * (times * word.count("("))
    assert answer(sc.from_vnnlib, text) is None
