"""Preconditions: which inputs they hold for, and how far away others are."""

import numpy as np
from deciding import decide
from keras import ops

from gloro_tf.self_correcting import Always, Box, LinearLE, Normalizer, Not, Predicate, PredictedIn


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
