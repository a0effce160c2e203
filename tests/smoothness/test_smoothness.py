"""Constructions with known tightness, and tightness measured on models."""

import math

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf import geometric_projections, smoothness
from gloro_tf.smoothness import Disk, Orthant, Polygon, TwoArcs, Wedge

WEDGES = {  # degrees: {pieces: (worst, mean)}, as derived independently
    90: {
        2: (0.707107, 0.90032),
        3: (0.923880, 0.97450),
        4: (0.965926, 0.98862),
        5: (0.980785, 0.99359),
        9: (0.995185, 0.99839),
        17: (0.998795, 0.99960),
    },
    120: {2: (0.5, 0.82699), 3: (0.866025, 0.95493), 5: (0.965926, 0.98862)},
    45: {2: (0.923880, None), 3: (0.980785, None)},
}


@pytest.mark.parametrize("degrees, pieces", [(d, p) for d in WEDGES for p in WEDGES[d]])
def test_wedges(degrees, pieces):
    worst, mean = WEDGES[degrees][pieces]
    wedge = Wedge(math.radians(degrees))
    stated = smoothness.wedge_tightness(wedge.angle, pieces)
    x = wedge.beside_the_corner(200_000)
    measured = wedge.linear(x, pieces) / wedge.distance(x)
    for value in (stated[0], measured.min()):
        assert abs(value - worst) < 1e-3
    if mean is not None:
        assert abs(stated[1] - mean) < 1e-3 and abs(measured.mean() - mean) < 1e-3
    assert measured.max() <= 1 + 1e-12


def test_no_other_choice_of_normals_beats_equal_angles():
    """The wedge's statement with its hypothesis broken: unequal angles are worse."""
    wedge = Wedge(math.radians(90))
    x = wedge.beside_the_corner(20_000)
    turns = np.radians([-45, 10, 45])
    unequal = np.max(x @ np.stack([np.cos(turns), np.sin(turns)]), axis=1) / wedge.distance(x)
    assert unequal.min() < smoothness.wedge_tightness(wedge.angle, 3)[0] - 0.02


@pytest.mark.parametrize(
    "k, mean", [(2, 0.9007), (3, 0.8307), (10, 0.6099), (100, 0.2752), (784, 0.1203)]
)
def test_orthants(k, mean):
    orthant = Orthant(k)
    x = orthant.beside_the_corner(40_000 if k < 784 else 10_000, seed=1)
    measured = orthant.linear(x) / orthant.distance(x)
    assert abs(measured.mean() - mean) < 1e-3
    diagonal = np.ones((1, k))
    worst = orthant.linear(diagonal) / orthant.distance(diagonal)
    assert abs(worst[0] - 1 / math.sqrt(k)) < 1e-12 and measured.min() >= worst[0] - 1e-12


@pytest.mark.parametrize(
    "sides, worst", [(4, 0.7071), (8, 0.9239), (16, 0.9808), (32, 0.9952), (64, 0.9988)]
)
def test_polygons(sides, worst):
    polygon = Polygon(sides)
    assert abs(smoothness.polygon_tightness(sides) - worst) < 1e-4
    x = polygon.beside_the_corner(50_000)
    measured = polygon.linear(x) / polygon.distance(x)
    assert abs(measured.min() - worst) < 1e-3 and measured.max() <= 1 + 1e-9


def boundary(region, side=1501, reach=2.0):
    axis = np.linspace(-reach, reach, side)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    return smoothness.boundary_points(region.distance(grid).reshape(side, side), axis)


@pytest.mark.parametrize("region", [Disk(), Polygon(5), TwoArcs(), Polygon(4, 0.7)], ids=repr)
def test_distances_are_those_to_the_boundary(region):
    zeros = boundary(region)
    x = np.random.default_rng(0).uniform(-1.5, 1.5, (400, 2))
    nearest = np.sqrt(((x[:, None] - zeros[None]) ** 2).sum(-1)).min(axis=1)
    assert np.abs(np.abs(region.distance(x)) - nearest).max() < 5e-3
    y = x + np.random.default_rng(1).normal(size=x.shape)
    change = np.abs(region.distance(x) - region.distance(y))
    assert np.all(change <= np.linalg.norm(x - y, axis=1) + 1e-12)


def test_a_linear_model_is_tight_by_both_methods():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    model = gloro_tf.GloroModel(
        model=keras.Model(inputs, keras.layers.Dense(3)(inputs)), epsilon=0.1
    ).freeze()
    x = np.random.default_rng(0).normal(size=(30, 5)).astype("float32")
    exact = smoothness.tightness(model, x, limit=100.0)
    attacked = smoothness.tightness(model, x, method="attack")
    assert exact.method == "exact" and attacked.method == "attack" and exact.settled.all()
    for found in (exact, attacked):
        np.testing.assert_allclose(found.values, 1, atol=1e-3)
        np.testing.assert_allclose(found.slope, 1, atol=1e-3)
    assert exact.quantiles[0.5] > 0.999 and "exact" in str(exact)


def test_relu_networks_by_projections_and_smooth_ones_by_attack(digits):
    keras.utils.set_random_seed(0)
    model = {}
    for name, layer in (("relu", keras.layers.ReLU), ("smooth", gloro_tf.layers.SoftHuber)):
        net = keras.Sequential(
            [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(12), layer()]
            + [keras.layers.Dense(10)],
            name=name,
        )
        model[name] = gloro_tf.GloroModel(model=net, epsilon=0.1)
        model[name].compile(keras.optimizers.Adam(1e-2), loss="crossentropy", metrics=[])
        model[name].fit(digits[0], digits[1], epochs=2, batch_size=64, verbose=0)
        model[name].freeze()
    x = digits[2][:12]
    exact = smoothness.tightness(model["relu"], x)
    assert exact.method == "exact" and exact.settled.any()
    assert np.nanmax(exact.values) <= 1 and 0.05 < np.nanmedian(exact.values)
    attacked = smoothness.tightness(model["relu"], x, method="attack")
    both = np.isfinite(exact.values) & np.isfinite(attacked.values)
    assert np.all(attacked.values[both] <= exact.values[both] * (1 + 1e-4))
    assert smoothness.tightness(model["smooth"], x[:4]).method == "attack"
    with pytest.raises(geometric_projections.NotPiecewiseLinearError):
        smoothness.tightness(model["smooth"], x[:4], method="exact")
    with pytest.raises(ValueError, match="`method`"):
        smoothness.tightness(model["relu"], x, method="guess")
    top = gloro_tf.RTKModel(model=model["relu"].logits_model, epsilon=0.1, k=3).freeze()
    with pytest.raises(ValueError, match="`model`"):
        smoothness.tightness(top, x)


def test_distances_that_are_not_settled_are_told_apart():
    rows = [np.array(v) for v in ([0.5, np.nan], [0.1, 0.3], [0.2, 0.4])]
    found = smoothness.Tightness(*rows, "exact", np.array([True, False]), np.ones(2))
    assert "of 1 whose distance is not settled, at most 0.750" in str(found)
    settled = smoothness.Tightness(*rows, "exact", np.array([True, True]), np.ones(2))
    assert "not settled" not in str(settled)


def test_a_small_sweep():
    rows = smoothness.capacity_sweep(
        Disk(), widths=(8,), activations=("relu", "minmax"), seeds=2, steps=200, examples=1024,
        side=61,
    )  # fmt: skip
    assert [row["activation"] for row in rows] == ["relu", "minmax"]
    by_name = {row["activation"]: row for row in rows}
    assert by_name["minmax"]["mean"] > by_name["relu"]["mean"] > 0.1
    assert by_name["minmax"]["mean"] <= 1.01
    with pytest.raises(ValueError, match="`activations`"):
        smoothness.capacity_sweep(Disk(), activations=("swish",))


def test_the_picture_of_the_plane(tmp_path):
    pytest.importorskip("matplotlib")
    keras.utils.set_random_seed(0)
    model = gloro_tf.GloroModel(
        model=gloro_tf.models.CholeskyMLP(2, 8, (2,), 2), epsilon=0.05
    ).freeze()
    figure = smoothness.picture(model, ((-1, 1), (-1, 1)), side=31, path=tmp_path / "plane.png")
    assert (tmp_path / "plane.png").stat().st_size > 5000 and len(figure.axes) == 1
    with pytest.raises(ValueError, match="`model`"):
        other = gloro_tf.models.CholeskyMLP(2, 8, (3,), 2)
        smoothness.picture(gloro_tf.GloroModel(model=other, epsilon=0.1).freeze())


@pytest.mark.parametrize(
    "make, word",
    [
        (lambda: smoothness.wedge_tightness(1.0, 2.5), "`pieces`"),
        (lambda: smoothness.wedge_tightness("a", 2), "`angle`"),
        (lambda: smoothness.polygon_tightness(2.5), "`sides`"),
        (lambda: Wedge(4.0), "`angle`"),
        (lambda: Wedge(1.0).linear(np.zeros((1, 2)), 1), "`pieces`"),
        (lambda: Wedge(1.0).distance(np.zeros((1, 3))), "`x`"),
        (lambda: Orthant(0), "`k`"),
        (lambda: Orthant(3).distance(np.zeros((1, 2))), "`x`"),
        (lambda: Disk(-1.0), "`radius`"),
        (lambda: Disk().distance(np.zeros(2)), "`x`"),
        (lambda: Polygon(2), "`sides`"),
        (lambda: TwoArcs(1.0, 2.0), "`apart`"),
        (lambda: TwoArcs(1.0, -0.5), "`apart`"),
        (lambda: smoothness.capacity_sweep(3), "`region`"),
        (lambda: smoothness.capacity_sweep(Disk(), examples=10), "`examples`"),
        (lambda: smoothness.capacity_sweep(Disk(), widths=(0,)), "`widths`"),
        (lambda: smoothness.capacity_sweep(Disk(), side=1), "`side`"),
        (lambda: smoothness.picture(keras.Sequential([keras.Input((2,))])), "`model`"),
    ],
)
def test_what_is_refused_by_name(make, word):
    with pytest.raises(ValueError, match=word):
        make()
