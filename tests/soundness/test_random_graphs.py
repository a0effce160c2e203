"""500 random graphs: no pair of inputs is driven further apart than the bound says."""

import keras
import numpy as np
import pytest

from gloro_tf import lipschitz
from gloro_tf.testing import (
    assert_bound_holds,
    explicit_matrix,
    lipschitz_lower_bound,
    random_graph,
    spectral_norm,
)

WIDE = keras.backend.backend() != "jax"  # JAX computes in float32 unless told otherwise
TOLERANCE = 1e-9 if WIDE else 1e-3
COUNT, PART, ASCENTS = (500, 50, 6) if WIDE else (100, 50, 6)
DTYPE = "float64" if WIDE else "float32"


def ratio(seed, steps=0):
    """Attained over bounded, both for one random graph."""
    model = random_graph(seed, dtype=DTYPE)
    bound = lipschitz.bound(model)
    attained = lipschitz_lower_bound(model, model.input_shape[1:], steps=steps, restarts=3)
    assert np.isfinite(bound) and np.isfinite(attained)
    assert attained <= bound * (1 + TOLERANCE), f"seed {seed}: {attained} above {bound}"
    return attained / bound if bound else 1.0


@pytest.mark.parametrize("start", range(0, COUNT, PART))
def test_no_pair_exceeds_the_bound(start, monkeypatch):
    """Every other part with each convolution bounded on the torus; some climb by gradients."""
    if start // PART % 2:
        monkeypatch.setattr(lipschitz.ConvOperator, "explicit_side", 0)
    seeds = range(start, start + PART)
    ratios = np.array([ratio(s, steps=8 if s - start < ASCENTS else 0) for s in seeds])
    assert np.median(ratios) > 0.15
    assert (ratios > 0.9).any(), "nothing here would catch a bound that is a tenth too low"


@pytest.mark.parametrize("start", range(0, 40 if WIDE else 5, 20))
def test_linear_graphs_are_probed_exactly(start):
    """Where an explicit matrix gives the truth, the probe finds it."""
    for seed in range(start, start + (20 if WIDE else 5)):
        model = random_graph(seed, linear=True, dtype=DTYPE)
        shape = model.input_shape[1:]
        truth = spectral_norm(explicit_matrix(model, shape))
        attained = lipschitz_lower_bound(model, shape, restarts=1)
        assert 0.99 * truth <= attained <= truth * (1 + TOLERANCE) + 1e-12
        assert truth <= lipschitz.bound(model) * (1 + TOLERANCE)


def test_gradient_ascent_finds_more_than_random_points_do():
    """One ReLU far out: at random points its slope is seen, or nothing is."""
    inputs = keras.Input((4,), dtype=DTYPE)
    hidden = keras.layers.Dense(3, activation="softplus", dtype=DTYPE)
    outputs = keras.layers.Dense(2, dtype=DTYPE)(hidden(inputs))
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(rng.normal(size=variable.shape))
    hidden.bias.assign([-6.0, -6.0, -6.0])
    few = lipschitz_lower_bound(model, (4,), restarts=2)
    more = lipschitz_lower_bound(model, (4,), restarts=2, steps=60)
    assert few * 1.05 < more <= lipschitz.bound(model) * (1 + TOLERANCE)


def test_a_bound_that_is_too_low_is_reported():
    model = random_graph(3, linear=True, dtype=DTYPE)
    shape = model.input_shape[1:]
    truth = spectral_norm(explicit_matrix(model, shape))
    assert assert_bound_holds(model, shape, truth, tolerance=1e-3) > 0.99
    with pytest.raises(AssertionError, match="must not be below"):
        assert_bound_holds(model, shape, 0.95 * truth, tolerance=1e-3)


@pytest.mark.float64
def test_the_same_seed_gives_the_same_graph():
    first, second = random_graph(5), random_graph(5)
    assert [type(layer) for layer in first.layers] == [type(layer) for layer in second.layers]
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len({len(random_graph(seed).variables) for seed in range(8)}) > 2
