"""Smooth activations: what they compute, what they declare, and how they round."""

import math

import keras
import numpy as np
import pytest
from keras import ops

import gloro_tf
from gloro_tf import layers, smoothness
from gloro_tf.layers.scalar_activations import SLOPES

SMOOTH = {
    "soft_huber": layers.SoftHuber(0.1),
    "log_cosh": layers.LogCosh(10.0),
    "softplus": layers.Softplus(10.0),
    "gelu": layers.UnitSlope("gelu"),
    "gelu_tanh": layers.UnitSlope("gelu_tanh"),
    "silu": layers.UnitSlope("silu"),
    "mish": layers.UnitSlope("mish"),
    "smooth_minmax": layers.SmoothMinMax(0.1),
    "pair_norm": layers.PairNorm(),
    "n_activation": layers.NActivation(),
}


def run(layer, x):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(np.asarray(x, "float32"))))


@pytest.mark.parametrize("name", SMOOTH)
def test_no_slope_exceeds_what_is_declared(name):
    steepest, promised = smoothness.steepest(SMOOTH[name], points=1501)
    assert SMOOTH[name].lipschitz == 1.0
    assert 0.97 < steepest <= promised * (1 + 3e-6)
    assert promised <= 1.000001


def test_the_measurement_sees_a_constant_that_is_too_small(monkeypatch):
    monkeypatch.setitem(SLOPES, "silu", 1.0)
    steepest, promised = smoothness.steepest(layers.UnitSlope("silu"), points=501)
    assert steepest > 1.05 * promised


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _gelu_slope(x):
    normal = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x])
    return normal + x * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def _gelu_tanh_slope(x):
    inner, growth = (x + 0.044715 * x**3), (1 + 3 * 0.044715 * x**2)
    t = np.tanh(math.sqrt(2 / math.pi) * inner)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * math.sqrt(2 / math.pi) * growth


def _mish_slope(x):
    t = np.tanh(np.logaddexp(0, x))
    return t + x * (1 - t**2) * _sigmoid(x)


EXACT_SLOPES = {
    "gelu": _gelu_slope,
    "gelu_tanh": _gelu_tanh_slope,
    "silu": lambda x: _sigmoid(x) * (1 + x * (1 - _sigmoid(x))),
    "mish": _mish_slope,
}


@pytest.mark.parametrize("name", EXACT_SLOPES)
def test_slopes_are_the_largest_derivatives_rounded_up(name):
    """By the derivatives written out, in float64; beyond 12 they are within 1e-13 of 0 or 1."""
    low, high = -12.0, 12.0
    for _ in range(4):
        x = np.linspace(low, high, 20_001)
        slopes = np.abs(EXACT_SLOPES[name](x))
        best, step = x[np.argmax(slopes)], x[1] - x[0]
        low, high = best - step, best + step
    assert np.max(slopes) <= SLOPES[name] <= np.max(slopes) * (1 + 1e-5)


REFERENCE = {
    "soft_huber": lambda x: np.sqrt(x**2 + 0.01) - 0.1,
    "log_cosh": lambda x: (np.logaddexp(10 * x, -10 * x) - np.log(2)) / 10,
    "softplus": lambda x: np.logaddexp(0, 10 * x) / 10,
    "n_activation": lambda x: np.where(x <= -1, x + 2, np.where(x >= 0, x, -x)),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_values(name):
    x = np.linspace(-5, 5, 401).reshape(-1, 1)
    np.testing.assert_allclose(run(SMOOTH_MAKERS[name](), x), REFERENCE[name](x), atol=2e-6)


def test_smooth_minmax_tends_to_minmax_and_keeps_sums():
    x = np.random.default_rng(0).normal(size=(200, 6))
    for delta in (1.0, 0.1, 1e-3):
        smooth, hard = run(layers.SmoothMinMax(delta), x), run(layers.MinMax(), x)
        assert np.abs(smooth - hard).max() <= delta / np.sqrt(2) + 1e-6
        np.testing.assert_allclose(smooth.sum(axis=1), x.sum(axis=1), atol=1e-5)


def test_norms_of_pairs_and_windows():
    x = np.random.default_rng(0).normal(size=(3, 5, 4, 2)).astype("float32")
    pairs = run(layers.PairNorm(), x)
    np.testing.assert_allclose(pairs[..., 0], np.linalg.norm(x, axis=-1), rtol=1e-5)
    pooled = run(layers.L2Pooling2D(), x)
    assert pooled.shape == layers.L2Pooling2D().compute_output_shape(x.shape) == (3, 2, 2, 2)
    windows = x[:, :4].reshape(3, 2, 2, 2, 2, 2)
    np.testing.assert_allclose(pooled, np.sqrt((windows**2).sum(axis=(2, 4))), rtol=1e-4)


def test_the_gradient_at_zero_is_zero():
    from gloro_tf.ops import gradient_function

    gradient = gradient_function(
        lambda x, training=False: layers.PairNorm()(x), lambda out: ops.sum(out, axis=-1), False
    )
    np.testing.assert_array_equal(gradient(np.zeros((2, 4), "float32"))[1], 0.0)


def certified_net(name):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(8, 3)(inputs)
    x = layers.L2Pooling2D()(SMOOTH_MAKERS[name]()(x))
    x = SMOOTH_MAKERS[name]()(keras.layers.Dense(12)(keras.layers.Flatten()(x)))
    return keras.Model(inputs, keras.layers.Dense(3)(x))


SMOOTH_MAKERS = {
    name: (lambda layer: lambda: type(layer).from_config({**layer.get_config(), "name": None}))(v)
    for name, v in SMOOTH.items()
}


@pytest.mark.parametrize("name", ["log_cosh", "softplus", "smooth_minmax", "pair_norm", "gelu"])
def test_networks_certify_and_executed_errors_stay_below_their_bounds(name, tmp_path):
    """The float32 network against itself in float64: half of `slope * size + offset` bounds it."""
    net = certified_net(name)
    model = gloro_tf.GloroModel(model=net, epsilon=0.05).freeze()
    assert gloro_tf.testing.assert_bound_holds(net, (8, 8, 1), restarts=2) > 0.02
    x = np.random.default_rng(0).random((24, 8, 8, 1)).astype("float32")
    found = model.certify(x)
    assert (found.radius > 0).any()
    points, margins = gloro_tf.testing.pgd(
        net,
        x,
        found.label,
        np.where(np.isfinite(found.radius), found.radius, 0),
        steps=10,
        restarts=1,
    )
    assert np.all(margins < 0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.certify(x).radius, found.radius)


@pytest.mark.parametrize(
    "make, word",
    [
        (lambda: layers.SoftHuber(0), "`delta`"),
        (lambda: layers.SoftHuber(1e20), "`delta`"),
        (lambda: layers.PairNorm("a"), "`delta`"),
        (lambda: layers.LogCosh(-1), "`beta`"),
        (lambda: layers.Softplus(float("inf")), "`beta`"),
        (lambda: layers.UnitSlope("relu"), "`activation`"),
        (lambda: layers.L2Pooling2D(0), "`pool_size`"),
        (lambda: layers.PairNorm().build((None, 3)), "`PairNorm`"),
        (lambda: layers.SmoothMinMax().build((None, 3)), "`SmoothMinMax`"),
    ],
)
def test_bad_arguments_are_refused(make, word):
    with pytest.raises(ValueError, match=word):
        make()


def test_nothing_overflows_where_float32_still_has_numbers():
    """Squares of 1e20 do not fit; a certified ball would hold inputs without an answer."""
    x = np.array([[1e20, -3e25, 1e30, 2e37]], "float32")
    for name in SMOOTH_MAKERS:
        y = run(SMOOTH_MAKERS[name](), x)
        assert np.isfinite(y).all(), name
    np.testing.assert_allclose(run(layers.PairNorm(), x)[0, 0], 1e30, rtol=1e-6)
    windows = run(layers.L2Pooling2D(), np.full((1, 2, 2, 1), 1e30))
    np.testing.assert_allclose(windows, 2e30, rtol=1e-6)


@pytest.mark.parametrize("delta", [1e-12, 1e-3, 1e12])
@pytest.mark.parametrize("name", ["soft_huber", "pair_norm", "smooth_minmax"])
def test_executed_values_err_no_more_than_their_rules_say(name, delta):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(400, 6)) * 10.0 ** rng.uniform(-30, 20, (400, 1))).astype("float32")
    layer = type(SMOOTH[name])(delta)
    wide = type(SMOOTH[name])(delta, dtype="float64")
    if keras.backend.backend() == "jax":
        pytest.skip("needs float64")
    executed = run(layer, x).astype("float64")
    exact = ops.convert_to_numpy(wide(ops.convert_to_tensor(x.astype("float64"), "float64")))
    from gloro_tf.lipschitz.registry import rule_of

    rule = rule_of(layer)(layer, (None, 6))
    rule = rule[0] if isinstance(rule, (tuple, list)) else rule
    relative, absolute = rule.rounding(rule.bound())
    error = np.linalg.norm(executed - exact, axis=1)
    allowed = relative * np.linalg.norm(x.astype("float64"), axis=1) + absolute
    assert np.all(error <= allowed)
