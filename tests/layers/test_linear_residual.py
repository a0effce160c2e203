import keras
import numpy as np
import pytest
from keras import ops

import gloro_tf
from gloro_tf.testing import explicit_matrix, spectral_norm

Layer = gloro_tf.layers.LinearResidualConv2D


def built(channels=3, **kwargs):
    layer = Layer(**kwargs)
    layer.build((None, 8, 8, channels))
    return layer


def values(x):
    return ops.convert_to_numpy(x)


def test_merged_and_separate_forms_agree():
    layer = built(scale=0.5)
    rng = np.random.default_rng(0)
    layer.kernel.assign(rng.normal(size=layer.kernel.shape))
    layer.gamma.assign(rng.normal(size=layer.gamma.shape))
    layer.bias.assign(rng.normal(size=layer.bias.shape))
    x = rng.normal(size=(2, 8, 8, 3)).astype("float32")
    branch = ops.conv(x, layer.branch_kernel(), padding="same")
    np.testing.assert_allclose(values(layer(x)), x + values(branch + layer.bias), atol=1e-4)


def test_sixteen_bits_keep_what_a_merged_kernel_loses():
    small = 2.0**-10
    layer = Layer(dtype="mixed_bfloat16")
    layer.build((None, 4, 4, 1))
    layer.kernel.assign(np.full((3, 3, 1, 1), small))
    merged = values(ops.cast(ops.cast(layer.merged_kernel(), "bfloat16"), "float32"))
    assert merged[1, 1, 0, 0] == 1.0  # the planted bug: 1 + small rounds to 1
    y = values(ops.cast(layer(np.zeros((1, 4, 4, 1), "float32") + 1), "float32"))
    x = np.ones((1, 4, 4, 1), "float32")
    kept = layer._convolve(x, ops.cast(layer.branch_kernel(), "float32"))
    assert abs(float(values(kept)[0, 1, 1, 0]) - 9 * small) < 1e-6 and y.shape == (1, 4, 4, 1)


def test_zero_kernel_is_the_identity():
    layer = built()
    layer.kernel.assign(np.zeros(layer.kernel.shape))
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    np.testing.assert_array_equal(values(layer(x)), x)
    assert gloro_tf.lipschitz.bound(layer) == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("size, exact", [(8, 1.276362), (16, 1.293228)])
def test_box_kernel_has_its_closed_form(size, exact):
    layer = Layer()
    layer.build((None, size, size, 1))
    layer.kernel.assign(np.full((3, 3, 1, 1), 0.3 / 9))
    model = keras.Sequential([keras.Input((size, size, 1)), layer])
    assert gloro_tf.lipschitz.bound(model) == pytest.approx(exact, rel=1e-5)
    assert gloro_tf.lipschitz.bound(model) >= 1 + 0.3 * (
        (1 + 2 * np.cos(np.pi / (size + 1))) / 3
    ) ** 2 * (1 - 1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_bound_is_that_of_the_sum_not_of_the_parts(seed):
    layer = built(channels=4)
    rng = np.random.default_rng(seed)
    layer.kernel.assign(0.2 * rng.normal(size=layer.kernel.shape))
    model = keras.Sequential([keras.Input((8, 8, 4)), layer])
    truth = spectral_norm(explicit_matrix(model, (8, 8, 4)))
    bound = gloro_tf.lipschitz.bound(model)
    assert truth <= bound * (1 + 1e-6) and bound <= truth * 1.02
    layer.kernel.assign(-np.asarray(values(layer.kernel)))
    assert gloro_tf.lipschitz.bound(model) != bound  # a bound of 1 + ||K|| would not see the sign


def test_centering_becomes_a_bias():
    layer = built(centering=True, momentum=0.0)
    rng = np.random.default_rng(0)
    layer.kernel.assign(0.1 * rng.normal(size=layer.kernel.shape))
    x = rng.normal(1, 1, size=(32, 8, 8, 3)).astype("float32")
    trained = values(layer(x, training=True))
    np.testing.assert_allclose((trained - x).mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(values(layer(x)), trained, atol=1e-5)


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match="odd"):
        Layer(kernel_size=4)
