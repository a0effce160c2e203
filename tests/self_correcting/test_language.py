"""Expressions, preconditions, properties and what is found in them before any input."""

import itertools
import json
import warnings

import brute_force
import keras
import numpy as np
import pytest
from keras import ops

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
    SelfCorrectingLayer,
    analyse,
    chain,
    from_vnnlib,
    to_vnnlib,
)
from gloro_tf.self_correcting._combinations import Combinations
from gloro_tf.self_correcting.normal_form import alternatives
from gloro_tf.self_correcting.outputs import expression_from_config

Y = Outputs(5, names=["COC", "WL", "WR", "SL", "SR"])


def satisfied(found, rows):
    """Decides alternatives on rows of different scores, by their definition."""
    good = np.zeros(len(rows), "bool")
    for one in found:
        pairs = np.argwhere(one.graph)
        edges = np.all(rows[:, pairs[:, 0]] > rows[:, pairs[:, 1]], axis=1)
        good |= edges & one.top[rows.argmax(1)] & one.bottom[rows.argmin(1)]
    return good


def test_normal_form_keeps_the_meaning():
    rng = np.random.default_rng(0)
    kinds = set()
    for _ in range(300):
        m = int(rng.integers(2, 6))
        every, y = brute_force.permutations(m), Outputs(m)
        post, decide = brute_force.random_post(rng, y, 3)
        for score, sign in (("max", 1), ("min", -1)):
            found = alternatives(post, score)
            np.testing.assert_array_equal(satisfied(found, sign * every), decide(every))
            tops = np.any([a.tops() for a in found], axis=0) if found else np.zeros(m, "bool")
            expected = np.isin(np.arange(m), (sign * every)[decide(every)].argmax(1))
            np.testing.assert_array_equal(tops, expected)
            kinds.add(len(found))
        again = expression_from_config(json.loads(json.dumps(post.to_config())), m)
        assert again.to_config() == post.to_config()
    assert kinds >= {0, 1, 2, 3}


def test_frequent_shapes_count_once():
    """However they are written."""
    others = [Y[j] for j in range(1, 5)]
    not_best = Y[0] < others[0]
    for other in others[1:]:
        not_best = not_best | (Y[0] < other)
    best = (Y[1] < Y[0]) & (Y[2] < Y[0]) & (Y[3] < Y[0]) & (Y[4] < Y[0])
    for post in (
        not_best,
        ~Y["COC"].is_max(),
        best,
        Y["COC"].is_max() | Y["WL"].is_max(),
        ~Y[3].is_max() & ~Y[4].is_max(),
        Y.above([0, 1], [2, 3, 4]),
        chain(Y[0], Y[1], Y[2]),
    ):
        assert len(alternatives(post)) == len(alternatives(post, "min")) == 1


def test_mistakes_of_writing():
    with pytest.raises(TypeError, match=r"chain\(a, b, c\)"):
        _ = Y[0] < Y[1] < Y[2]
    with pytest.raises(TypeError, match="Put each comparison in parentheses"):
        _ = Y[0] < Y[1] | Y[1] < Y[2]
    with pytest.raises(TypeError, match="Use `&`"):
        assert not (Y[0] < Y[1])
    with pytest.raises(TypeError, match="Orders are strict"):
        _ = Y[0] <= Y[1]
    with pytest.raises(TypeError, match="orders carry no numbers"):
        _ = Y[0] < 1500
    with pytest.raises(ValueError, match="above itself"):
        _ = Y[0] < Y["COC"]
    with pytest.raises(ValueError, match="must not be empty"):
        Y.argmax_in()
    with pytest.raises(IndexError, match="from 0 to 4"):
        Y[5]
    with pytest.raises(ValueError, match="must be one of"):
        Y["COCO"]
    with pytest.raises(ValueError, match="different strings"):
        Outputs(2, names=["a", "a"])
    with pytest.raises(TypeError, match="`&`, `\\|` and `~`"):
        assert Always() and Always()


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: Box([1.0, 2.0], [1.0]), r"lower.shape=\(2,\)"),
        (lambda: Box([1.0, 3.0], [1.0, 2.0]), "input 1 between 3.0 and 2.0"),
        (lambda: Box([np.nan], [1.0]), "must not be NaN"),
        (lambda: Box([0.0], [1.0], tolerance=-1), "`tolerance`"),
        (lambda: LinearLE([[1.0, 2.0]], [1.0, 2.0]), r"\(rows, n\) and \(rows,\)"),
        (lambda: Normalizer(0.0, 0.0), "`range`"),
        (lambda: Property(Y[0] < Y[1], Always()), "`pre` must be a precondition"),
        (lambda: Property(Always(), Always()), "`post` must be a postcondition"),
        (lambda: SafeOrdering([]), "`num_outputs` must be given"),
        (lambda: SafeOrdering([], 3, score="argmin"), "`score`"),
        (
            lambda: SafeOrdering([Property(Always(), (Y[0] < Y[1]) & (Y[1] < Y[0]), "p")]),
            r"Property 'p' \(number 0\) contradicts itself",
        ),
        (
            lambda: SafeOrdering([Property(Always(), Y[0] < Y[1], "p")], 4),
            "must be about 4 outputs",
        ),
        (lambda: SafeOrdering([Property(PredictedIn([7]), Y[0] < Y[1])]), "must be below 5"),
        (lambda: SelfCorrectingLayer([], on_conflict="abstain"), "`on_conflict`"),
        (lambda: SelfCorrectingLayer([], gradient="ste"), "`gradient`"),
    ],
)
def test_bad_arguments(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_bad_inputs():
    layer = SelfCorrectingLayer([Property(Box([0.0, 0.0], [1.0, 1.0]), Y[0] < Y[1], "p")])
    rows = np.zeros((2, 5), "float32")
    with pytest.raises(ValueError, match=r"Property 'p' \(number 0\).*\(3,\).*\(2,\)"):
        layer([np.zeros((2, 3)), rows])
    with pytest.raises(ValueError, match=r"called on `\[x, y\]`"):
        SelfCorrectingLayer([Property(Always(), Y[0] < Y[1])])(rows)
    with pytest.raises(ValueError, match="the 4 outputs of the model"):
        SelfCorrectingLayer([Property(Always(), Y[0] < Y[1])])([rows, rows[:, :4]])


def test_too_many_combinations_are_refused():
    either = [Property(Always(), (Y[0] < Y[i]) | (Y[i] < Y[4]), f"p{i}") for i in (1, 2, 3)]
    with pytest.raises(ValueError, match="at least 8.*p1: 2, p2: 2, p3: 2"):
        SelfCorrectingLayer(either, max_combinations=7)
    SelfCorrectingLayer(either, max_combinations=8)


def test_exclusive_properties_share_a_slot():
    either = (Y[0] < Y[1]) | (Y[2] < Y[3])
    apart = [Property(Box([float(i)], [i + 0.5]), either) for i in range(20)]
    assert len(Combinations(SafeOrdering(apart), 4096)) == 2
    touching = [Property(Box([float(i)], [i + 1.0]), either) for i in range(3)]
    assert len(Combinations(SafeOrdering(touching), 4096)) == 4
    named = [Property(PredictedIn([i]), either) for i in range(5)]
    assert len(Combinations(SafeOrdering(named), 4096)) == 2


def decide(pre, x, best=None, m=3):
    x = np.asarray(x, "float32")
    best = np.zeros((len(x), m), "bool") if best is None else np.eye(m, dtype="bool")[best]
    found = pre.holds(ops.convert_to_tensor(x), ops.convert_to_tensor(best))
    return ops.convert_to_numpy(found)


def test_preconditions():
    x = np.array([[0, 0], [1, 1], [0.5, 2], [-1, 0.5]], "float32")
    box = Box([0, None], [None, 1])
    assert list(decide(box, x)) == [True, True, False, False]
    assert list(decide(~box, x)) == [False, False, True, True]
    half = LinearLE([[1.0, 1.0]], [1.5])
    assert list(decide(half, x)) == [True, False, False, True]
    assert list(decide(box & half, x)) == [True, False, False, False]
    assert list(decide(box | half, x)) == [True, True, False, True]
    assert list(decide(PredictedIn([0, 2]), x, [0, 1, 2, 1])) == [True, False, True, False]
    assert decide(Always(), x).all()
    wide = Box([0, None], [None, 1], tolerance=[1, 1])
    assert list(decide(wide, x)) == [True, True, True, True]
    narrow = Not(Box([0, None], [None, 1], tolerance=0.25))  # outward is inward here
    assert list(decide(narrow, [[0.1, 0.1], [0.5, 0.1]])) == [True, False]


def test_faces_belong_to_a_box_in_any_precision():
    rng = np.random.default_rng(0)
    lower, upper = np.sort(rng.normal(size=(2, 1000)), axis=0)
    box = Box(lower, upper)
    for face in (lower, upper):
        assert decide(box, face[None].astype("float32")).all()
    units = Normalizer(rng.normal(size=1000), rng.random(1000) + 0.1)
    physical = Box(lower, upper, units=units)
    assert decide(physical, units.apply(upper)[None]).all()
    np.testing.assert_allclose(units.invert(units.apply(upper)), upper)
    rows = LinearLE(np.eye(1000), upper, units=units)
    assert decide(rows, units.apply(upper)[None]).all()


def test_distances_are_bounds_from_below():
    """Against many random points of the region as it is evaluated; tight for boxes and one row."""
    rng = np.random.default_rng(0)
    box = Box([0.2, 0.3], [0.6, 0.9])
    half = LinearLE([[1.0, -2.0], [0.5, 1.0]], [-0.3, 1.1])
    row = LinearLE([[1.0, -2.0]], [-0.3])
    tight = [box, ~box, row, ~row, box | Box([0.8, 0.0], [1.0, 0.1])]
    regions = [*tight, half, ~half, box & half, box | half, ~(box & half), Not(Not(half))]
    points = rng.random((20000, 2)).astype("float32")
    x = rng.random((40, 2)).astype("float32")
    best = np.zeros((40, 3), "bool")
    for region in regions:
        inside = points[decide(region, points)]
        found = np.sqrt(((x[:, None].astype("float64") - inside) ** 2).sum(-1)).min(1)
        claimed = region.distance(x.astype("float64"), best)
        assert np.all(claimed <= found)
        if region in tight:
            assert np.all(found - claimed < 0.03)
        graph = ops.convert_to_numpy(region.distance(ops.convert_to_tensor(x), best, True, ops))
        np.testing.assert_allclose(graph, claimed, atol=1e-5)
        assert np.all(graph <= found)


def test_distances_of_predictions():
    best = np.eye(3, dtype="bool")
    x = np.zeros((3, 2))
    assert list(PredictedIn([1]).distance(x, best)) == [np.inf, 0, np.inf]
    assert list(Not(PredictedIn([1])).distance(x, best)) == [0, np.inf, 0]
    assert list(Always().distance(x, best)) == [0, 0, 0]
    assert list(Not(Always()).distance(x, best)) == [np.inf] * 3
    assert list(Predicate(lambda x: x[:, 0] > 0).distance(x, best)) == [0, 0, 0]


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


def find(properties, kind):
    return [f for f in analyse(SafeOrdering(properties)) if f.kind == kind]


def test_conflicts_are_found_with_a_witness():
    low, high = Box([0, None], [2, 1]), Box([1, 0], [3, None])
    pair = [Property(low, Y[0] < Y[1], "low"), Property(high, Y[1] < Y[0], "high")]
    (found,) = find(pair, "conflict")
    assert found.properties == ("low", "high")
    for prop in pair:
        assert decide(prop.pre, found.witness[None]).all()
    assert not find([pair[0], Property(Box([2.5, 0], [3, 1]), Y[1] < Y[0])], "conflict")
    assert not find([pair[0], Property(high, Y[2] < Y[0])], "conflict")


def test_conflicts_of_three_that_agree_in_pairs():
    boxes = [Box([0, 0], [2, 2]), Box([1, 0], [3, 2]), Box([0, 1], [3, 3])]
    posts = [Y[0] < Y[1], Y[1] < Y[2], Y[2] < Y[0]]
    three = [Property(*pair) for pair in zip(boxes, posts, strict=True)]
    (found,) = find([*three, Property(Always(), Y[3] < Y[4])], "conflict")
    assert len(found.properties) == 3
    assert all(decide(box, found.witness[None]).all() for box in boxes)
    for pair in itertools.combinations(three, 2):
        assert not find(pair, "conflict")


def test_what_analysis_says_is_what_the_layer_does():
    rng = np.random.default_rng(3)
    conflicts = 0
    for _ in range(12):
        properties = [p for p, _, _ in brute_force.random_set(rng, 4)]
        properties = [p for p in properties if not p.pre.reads_y]
        if not properties:
            continue
        found = find(properties, "conflict")
        conflicts += bool(found)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layer = SelfCorrectingLayer(properties)
        x = np.stack(np.meshgrid(np.arange(13), np.arange(13)), -1).reshape(-1, 2) / 8
        y = np.tile(np.arange(4.0, dtype="float32"), (len(x), 1))
        _, info = layer([x.astype("float32"), y], return_info=True)
        assert bool(found) == bool((ops.convert_to_numpy(info["status"]) == 4).any())
    assert 2 < conflicts < 12


def test_needless_properties_are_found():
    outer, inner = Box([0], [4]), Box([1], [2])
    (found,) = find(
        [Property(inner, ~Y[0].is_max(), "n"), Property(outer, Y.argmax_in(1, 2))], "subsumed"
    )
    assert found.properties == ("n", "property")
    assert not find([Property(inner, Y[0].is_max()), Property(outer, ~Y[1].is_max())], "subsumed")
    same = [Property(inner, Y[0] < Y[1], "a"), Property(inner, Y[0] < Y[1], "b")]
    (found,) = find(same, "subsumed")
    assert found.properties == ("b", "a")


def test_preconditions_on_predictions_that_can_change():
    top = Property(PredictedIn([0, 1]), Y.above([0, 1], [2, 3, 4]), "superclass")
    assert not find([top], "prediction")
    (found,) = find([top, Property(Always(), ~Y[0].is_max(), "never 0")], "prediction")
    assert found.properties == ("superclass", "never 0")


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
