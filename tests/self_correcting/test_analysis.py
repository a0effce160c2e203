"""What is found in properties before any input."""

import itertools
import warnings

import brute_force
import numpy as np
from deciding import decide
from keras import ops

from gloro_tf.self_correcting import (
    Always,
    Box,
    Outputs,
    PredictedIn,
    Property,
    SafeOrdering,
    SelfCorrectingLayer,
    analyse,
)

Y = Outputs(5, names=["COC", "WL", "WR", "SL", "SR"])


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


def test_boxes_in_boxes_are_boxes():
    """An intersection, of unions too; one without a point is no region that a conflict needs."""
    one = Property(Box([0, None], [2, None]) & Box([None, 0], [None, 1]), Y[0] < Y[1], "one")
    other = Property(Box([1, 0], [3, 1]) & (Box([0, 0], [1, 1]) | Box([9, 0], [9, 1])), Y[1] < Y[0])
    (found,) = find([one, other], "conflict")
    np.testing.assert_array_equal(found.witness, [1, 0.5])
    for prop in (one, other):
        assert decide(prop.pre, found.witness[None]).all()
    empty = Property(Box([0, 0], [1, 1]) & Box([2, 0], [3, 1]), Y[1] < Y[0])
    assert empty.pre.boxes() is None and not find([one, empty], "conflict")
    x = np.random.default_rng(0).integers(0, 5, (200, 2)).astype("float32")
    layer = SelfCorrectingLayer([one, empty])
    _, info = layer([x, np.zeros((200, 5), "float32")], return_info=True)
    active = ops.convert_to_numpy(info["active"])
    np.testing.assert_array_equal(active[:, 0], (x[:, 0] <= 2) & (x[:, 1] <= 1))
    assert not active[:, 1].any()


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
