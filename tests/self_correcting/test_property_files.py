"""Properties in JSON and in VNN-LIB."""

import brute_force
import keras
import numpy as np
import pytest
from deciding import decide, satisfied

from gloro_tf.self_correcting import (
    Always,
    AnyOf,
    Box,
    LinearLE,
    Normalizer,
    Not,
    Outputs,
    Predicate,
    PredictedIn,
    Property,
    SafeOrdering,
    chain,
    from_vnnlib,
    to_vnnlib,
)
from gloro_tf.self_correcting.normal_form import alternatives

Y = Outputs(5, names=["COC", "WL", "WR", "SL", "SR"])


@keras.saving.register_keras_serializable(package="self_correcting_tests")
def first_is_positive(x):
    return x[:, 0] > 0


def example_properties():
    units = Normalizer([1.0, 2.0], [3.0, 4.0])
    box = Box([None, 0.1], [1 / 3, None], tolerance=[0.0, 1e-3], units=units)
    return [
        Property(box & LinearLE([[0.1, 1 / 3]], [2 / 3]), Y[0] < Y[1], "a"),
        Property(AnyOf(box, Box([0, 0], [1, 1])), ~Y[2].is_max() & (Y[3] > Y[4])),
        Property(Not(PredictedIn([1, 2])), Y.above([0, 1], [4]) | Y.argmin_in(3), "c"),
        Property(Predicate(first_is_positive), chain(Y[0], Y[1], Y[2]), "d"),
    ]


def test_json(tmp_path):
    ordering = SafeOrdering(example_properties(), score="min")
    again = SafeOrdering.from_json(ordering.to_json(tmp_path / "p.json"))
    assert again.get_config() == ordering.get_config()
    assert SafeOrdering.from_json(path=tmp_path / "p.json").names == ["a", "property", "c", "d"]
    assert again["a"].pre.parts[0].lower[0] == -np.inf
    x = np.random.default_rng(0).normal(size=(50, 2))
    for one, other in zip(ordering, again, strict=True):
        best = np.zeros(50, "int64")
        np.testing.assert_array_equal(
            decide(one.pre, x, best, m=5), decide(other.pre, x, best, m=5)
        )
    unregistered = Property(Predicate(lambda x: x[:, 0] > 0), Y[0] < Y[1])
    with pytest.raises(ValueError, match="must be registered"):
        SafeOrdering([unregistered]).to_json()
    with pytest.raises(ValueError, match="must be one of"):
        SafeOrdering.from_json(ordering.to_json().replace('"AnyOf"', '"SomeOf"'))


PHI2 = """; a comment
(declare-const X_0 Real)
(declare-const X_1 Real)
(declare-const Y_0 Real)
(declare-const Y_1 Real)
(declare-const Y_2 Real)
(assert (or (and (>= X_0 0.6) (<= X_0 0.75)) (and (<= X_0 -0.6) (>= X_0 -1))))
(assert (<= X_1 0.5))
(assert (>= (* 2 X_1) (- 1.0)))
(assert (>= Y_0 Y_1))
(assert (<= Y_2 Y_0))
"""


def test_reading_vnnlib(tmp_path):
    (prop,) = from_vnnlib(PHI2)
    y = Outputs(3)
    assert alternatives(prop.post)[0].key() == alternatives(~y[0].is_max())[0].key()
    x = [[0.7, 0], [-0.7, 0], [0, 0], [0.7, -0.6]]
    assert list(decide(prop.pre, x)) == [True, True, False, False]
    (tmp_path / "prop_2.vnnlib").write_text(PHI2)
    assert from_vnnlib(str(tmp_path / "prop_2.vnnlib"))[0].name == "prop_2"
    linear = PHI2.replace("(<= X_1 0.5)", "(<= (+ X_0 X_1) 0.5)")
    pre = from_vnnlib(linear)[0].pre
    assert list(decide(pre, [[0.7, -0.3], [0.7, 0.3]])) == [True, False]
    mixed = PHI2 + "(assert (or (and (<= X_1 0) (>= Y_1 Y_2)) (and (>= X_1 0) (>= Y_2 Y_1))))"
    assert len(from_vnnlib(mixed)) == 2


@pytest.mark.parametrize(
    "change, match",
    [
        (("(>= Y_0 Y_1)", "(>= Y_0 3.99)"), "values of outputs are no order.*3.99"),
        (("(>= Y_0 Y_1)", "(>= Y_0 X_1)"), "values of outputs"),
        (("(>= Y_0 Y_1)", "(>= Y_0 Y_7)"), "Y_7, which is not declared"),
        (("(>= Y_0 Y_1)", "(>= Y_0 Z)"), "Unknown name"),
        (("(>= Y_0 Y_1)", "(=> Y_0 Y_1)"), "made of and, or"),
        (("(* 2 X_1)", "(* X_1 X_1)"), "must be linear"),
        (("(assert (<= Y_2 Y_0))", "(assert (<= Y_2 Y_0)"), "not closed"),
        (("(assert (<= Y_2 Y_0))", "(assert (<= Y_2 Y_0)))"), "has no"),
        (("(declare-const X_0 Real)", "(declare-fun X_0 Real)"), "Unknown VNN-LIB command"),
    ],
)
def test_vnnlib_that_is_no_property(change, match):
    with pytest.raises(ValueError, match=match):
        from_vnnlib(PHI2.replace(*change))


@pytest.mark.parametrize("source", ["\x00", "latin", "folder", "long"])
def test_what_is_no_file_of_text(source, tmp_path):
    if source == "latin":
        source = tmp_path / "latin.vnnlib"
        source.write_bytes(b"; \xe9\n")
    source = {"folder": tmp_path, "long": "x" * 5000}.get(source, source)
    with pytest.raises(ValueError, match="Received"):
        from_vnnlib(source)


@pytest.mark.parametrize("version", [1, 2])
def test_vnnlib_round_trip(version):
    rng = np.random.default_rng(0)
    for _ in range(40):
        m = int(rng.integers(2, 6))
        post, decided = brute_force.random_post(rng, Outputs(m), 2)
        every = brute_force.permutations(m)
        if not decided(every).any() or decided(every).all():
            continue
        low = rng.normal(size=3)
        pre = Box(low, [None, low[1], low[2] + 1])
        if rng.random() < 0.5:
            pre = pre & LinearLE(rng.normal(size=(2, 3)), rng.normal(size=2))
        text = to_vnnlib(Property(pre, post), bounds=(-9, 9), version=version)
        good = np.ones(len(every), "bool")
        for prop in from_vnnlib(text):
            good &= satisfied(alternatives(prop.post), every)
        np.testing.assert_array_equal(good, decided(every))
        x = rng.normal(size=(200, 3)) * 2
        x[:, 1] = low[1]
        np.testing.assert_array_equal(decide(prop.pre, x), decide(pre, np.clip(x, -9, 9)))
    with pytest.raises(ValueError, match="`bounds` must be given"):
        to_vnnlib(Property(Box([None], [0]), Y[0] < Y[1]))
    with pytest.raises(ValueError, match="must hold in a box"):
        to_vnnlib(Property(Always(), Y[0] < Y[1]))
