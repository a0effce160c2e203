"""Layers that must not stretch distances: activations, centering, patches."""

import keras
import numpy as np
import pytest
from keras import ops

import gloro_tf

ACTIVATIONS = [
    gloro_tf.layers.MinMax(),
    gloro_tf.layers.GroupSort(4),
    gloro_tf.layers.GroupSort(0),
    gloro_tf.layers.BetaAbs(0.3),
    gloro_tf.layers.Householder(),
]


def run(layer, x, **kwargs):
    return ops.convert_to_numpy(layer(x.astype("float32"), **kwargs))


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=lambda layer: type(layer).__name__)
def test_activations_keep_norms_and_distances(layer):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 500, 8))
    layer.build((None, 8))
    if layer.trainable_variables:
        layer.angle.assign(rng.uniform(-7, 7, size=4))
    f, g = run(layer, x), run(layer, y)
    np.testing.assert_allclose(np.linalg.norm(f, axis=1), np.linalg.norm(x, axis=1), rtol=1e-5)
    assert np.all(np.linalg.norm(f - g, axis=1) <= np.linalg.norm(x - y, axis=1) * (1 + 1e-5))
    near = x + 1e-2 * rng.normal(size=x.shape)  # pairs across a fold are closest to it
    moved = np.linalg.norm(run(layer, near) - f, axis=1) / np.linalg.norm(near - x, axis=1)
    assert 0.5 < moved.max() <= 1 + 1e-4
    assert 1 <= gloro_tf.lipschitz.bound(layer) <= 1 + 1e-5


def test_group_sort_of_two_is_minmax():
    x = np.random.default_rng(0).normal(size=(5, 3, 6))
    np.testing.assert_array_equal(
        np.sort(run(gloro_tf.layers.GroupSort(2), x), -1),
        np.sort(run(gloro_tf.layers.GroupSort(2), np.roll(x, 0)), -1),
    )
    np.testing.assert_allclose(
        run(gloro_tf.layers.GroupSort(2), x), run(gloro_tf.layers.MinMax(), x), atol=1e-6
    )


def test_group_sort_sorts_groups_downwards():
    y = run(gloro_tf.layers.GroupSort(3), np.array([[1.0, 5, 3, 2, 9, 4]]))
    np.testing.assert_array_equal(y, [[9, 5, 3, 4, 1, 2]])


def test_householder_starts_as_minmax():
    x = np.random.default_rng(0).normal(size=(9, 6))
    np.testing.assert_allclose(
        run(gloro_tf.layers.Householder(), x), run(gloro_tf.layers.MinMax(), x), atol=1e-6
    )


def test_groups_must_fit():
    with pytest.raises(ValueError, match="that 4 divides"):
        gloro_tf.layers.GroupSort(4)(np.zeros((1, 6), "float32"))
    with pytest.raises(ValueError, match="`beta`"):
        gloro_tf.layers.BetaAbs(1.5)


def test_space_to_depth_makes_a_dense_layer_a_strided_convolution():
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, 8, 8, 3)), rng.normal(size=(4, 4, 3, 5))
    patches = run(gloro_tf.layers.SpaceToDepth(4), x)
    expected = ops.conv(x.astype("float32"), kernel.astype("float32"), 4, "valid")
    np.testing.assert_allclose(
        patches @ kernel.reshape(-1, 5), ops.convert_to_numpy(expected), atol=1e-4
    )
    with pytest.raises(ValueError, match="`block` must divide"):
        gloro_tf.layers.SpaceToDepth(3)(np.zeros((1, 8, 8, 1), "float32"))


def test_centering_is_a_translation_at_inference():
    layer = gloro_tf.layers.Centering(momentum=0.0)
    x = np.random.default_rng(0).normal(3, 1, size=(64, 5, 5, 4))
    centered = run(layer, x, training=True)
    np.testing.assert_allclose(centered.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(run(layer, x), centered, atol=1e-5)  # momentum 0: the last batch
    np.testing.assert_allclose(run(layer, x + 1) - run(layer, x), 1, atol=1e-5)
    model = keras.Sequential([keras.Input((5, 5, 4)), layer])
    assert gloro_tf.lipschitz.bound(model) == pytest.approx(1, rel=1e-12)


def test_centering_sends_gradients_through_the_mean():
    inputs = keras.Input((2,))
    layer = gloro_tf.layers.Centering()
    model = keras.Model(inputs, layer(keras.layers.Dense(2, name="d")(inputs)))
    bias = ops.convert_to_numpy(model.get_layer("d").bias)
    model.compile(keras.optimizers.SGD(0.1), loss=lambda y, p: ops.sum(p, axis=-1))
    model.fit(np.ones((4, 2)), np.zeros((4, 2)), verbose=0)
    np.testing.assert_allclose(ops.convert_to_numpy(model.get_layer("d").bias), bias, atol=1e-6)
    assert np.all(ops.convert_to_numpy(layer.bias) < -0.09)
