"""No attack inside a certified radius succeeds; the same attack a little further out does."""

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf import testing


def test_digits_hold_at_their_certified_radii(digits, digits_model):
    held = testing.certificate_breaks(digits_model, digits[2], steps=40, restarts=3)
    assert held.attacked > 300
    assert not held.broken.any()


def test_the_same_attack_breaks_digits_further_out(digits, digits_model):
    x = digits[2][:150]
    broken = testing.certificate_breaks(digits_model, x, factor=4, steps=40, restarts=1).broken
    assert broken.mean() > 0.5


def test_an_inflated_certificate_is_caught(digits, digits_model):
    """A radius that is not a multiple of the right one: every point claims the third quartile."""
    x = digits[2][:150]
    label, radius, _ = digits_model.certify(x)
    points, margins = testing.pgd(
        digits_model.logits_model, x, label, np.quantile(radius, 0.75), steps=40, restarts=1
    )
    changed = digits_model.certify(points).label != label
    assert changed.sum() >= 5
    np.testing.assert_array_equal(changed, margins > 0)


def test_a_linear_model_breaks_exactly_at_its_radius():
    """Where the certificate is tight, the attack must find the edge from both sides."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6,))
    net = keras.Model(inputs, keras.layers.Dense(4)(inputs))
    x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
    logits = np.asarray(keras.ops.convert_to_numpy(net(x)), "float64")
    label, kernel = logits.argmax(axis=1), net.layers[-1].get_weights()[0].astype("float64")
    gaps = np.linalg.norm(kernel[:, label].T[:, :, None] - kernel[None], axis=1)
    margins = np.take_along_axis(logits, label[:, None], 1) - logits
    margins[np.arange(64), label] = np.inf
    with np.errstate(divide="ignore"):
        radius = (margins / gaps).min(axis=1)
    _, inside = testing.pgd(net, x, label, radius * (1 - 1e-3), steps=60, restarts=2)
    _, outside = testing.pgd(net, x, label, radius * 1.02, steps=60, restarts=12)
    assert (inside < 0).all()
    assert (outside > 0).mean() > 0.95


def test_attacked_inputs_stay_inside_their_balls(digits, digits_model):
    x = digits[2][:80]
    radius = np.linspace(0, 3, 80)
    label = digits_model.certify(x).label
    points, _ = testing.pgd(digits_model.logits_model, x, label, radius, steps=5, restarts=2)
    moved = np.linalg.norm((points.astype("float64") - x).reshape(80, -1), axis=1)
    assert points.dtype == np.float32
    assert (moved <= radius).all()
    assert (moved[1:] > 0.5 * radius[1:]).mean() > 0.9


RELAXED = {
    "rtk": lambda net: gloro_tf.RTKModel(model=net, epsilon=0.2, k=3),
    "affinity": lambda net: gloro_tf.AffinityModel(
        model=net, epsilon=0.2, affinity_sets=[[0, 6, 8, 9], [1, 4, 7], [2, 3, 5]]
    ),
}


@pytest.mark.parametrize("kind", RELAXED)
def test_promised_sets_hold_at_their_radii(digits, digits_model, kind):
    """Some 1,000 sets: each is attacked at its own radius, then at three times that."""
    model = RELAXED[kind](digits_model.logits_model).freeze()
    held = testing.promise_breaks(model, digits[2], steps=30, restarts=2)
    assert held.attacked > (1000 if kind == "rtk" else 360)
    assert not held.broken.any()
    further = testing.promise_breaks(model, digits[2][:100], factor=3, steps=30, restarts=1)
    assert further.broken.mean() > 0.3


@pytest.mark.slow
def test_mnist_holds_at_its_certified_radii(mnist, mnist_model):
    """1,000 real test points, 100 steps, 4 restarts."""
    x = mnist[2][:1000]
    certificate = mnist_model.certify(x)
    assert certificate.certified.mean() > 0.8
    held = testing.certificate_breaks(mnist_model, x, steps=100, restarts=4)
    assert held.attacked > 990
    assert not held.broken.any()


@pytest.mark.slow
def test_the_same_attack_breaks_mnist_further_out(mnist, mnist_model):
    x = mnist[2][:200]
    broken = testing.certificate_breaks(mnist_model, x, factor=3, steps=100, restarts=1).broken
    assert broken.mean() > 0.5
