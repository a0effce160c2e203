import keras
import numpy as np
import pytest
from keras import ops

import gloro_tf

LAYERS = [
    gloro_tf.layers.MinMax(),
    gloro_tf.layers.CholeskyDense(4),
    gloro_tf.layers.CholeskyDense(9),
    gloro_tf.layers.CholeskyDense(6, residual=0.5),
    gloro_tf.layers.UnitNormHead(3),
    gloro_tf.layers.Centering(),
    gloro_tf.layers.GroupSort(3),
    gloro_tf.layers.GroupSort(0),
    gloro_tf.layers.HalfAbs(),
    gloro_tf.layers.BetaAbs(0.25),
    gloro_tf.layers.Householder(),
    gloro_tf.layers.SpaceToDepth(2),
    gloro_tf.layers.LinearResidualConv2D(3, scale=0.5),
    gloro_tf.layers.LinearResidualConv2D(centering=True),
]
IMAGE_LAYERS = (gloro_tf.layers.SpaceToDepth, gloro_tf.layers.LinearResidualConv2D)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_config_shape_and_training(layer, tmp_path):
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    shape = (4, 6, 2) if isinstance(layer, IMAGE_LAYERS) else (6,)
    inputs = keras.Input(shape)
    outputs = copy(inputs)
    model = keras.Model(inputs, outputs)
    x = np.random.default_rng(0).normal(size=(8, *shape)).astype("float32")
    y = model.predict(x, verbose=0)
    assert y.shape[1:] == copy.compute_output_shape((None, *shape))[1:] == outputs.shape[1:]
    if model.trainable_variables:
        model.compile("sgd", loss="mse")
        model.fit(x, y + 1, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_minmax_is_a_permutation_at_ties_too():
    x = np.array([[1.0, 5.0, 3.0, 2.0], [2.0, -1.0, 2.0, -1.0]], "float32")
    y = ops.convert_to_numpy(gloro_tf.layers.MinMax()(x))
    np.testing.assert_array_equal(y, [[3, 5, 1, 2], [2, -1, 2, -1]])


def test_minmax_refuses_odd_sizes():
    with pytest.raises(ValueError, match="even number"):
        gloro_tf.layers.MinMax()(np.zeros((2, 3), "float32"))


def test_cholesky_dense_is_nearly_an_isometry():
    layer = gloro_tf.layers.CholeskyDense(16)
    layer.build((None, 16))
    values = np.linalg.svd(ops.convert_to_numpy(layer.orthogonal_kernel), compute_uv=False)
    assert 0.999 < values.min() <= values.max() <= 1.0
    assert gloro_tf.lipschitz.bound(layer) <= 1.0


def test_cholesky_dense_stores_what_training_used():
    layer = gloro_tf.layers.CholeskyDense(5)
    x = np.random.default_rng(0).normal(size=(4, 7)).astype("float32")
    layer(x)
    layer.kernel.assign(np.random.default_rng(1).normal(size=(7, 5)).astype("float32"))
    trained = ops.convert_to_numpy(layer(x, training=True))
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), trained, atol=1e-6)


def test_head_columns_have_unit_length():
    layer = gloro_tf.layers.UnitNormHead(3)
    layer.build((None, 6))
    layer.kernel.assign(np.arange(1, 19, dtype="float32").reshape(6, 3))
    lengths = np.linalg.norm(ops.convert_to_numpy(layer.unit_kernel()), axis=0)
    np.testing.assert_allclose(lengths, 1, rtol=1e-6)


@pytest.mark.parametrize("cls", [gloro_tf.layers.CholeskyDense, gloro_tf.layers.UnitNormHead])
def test_units_must_be_positive(cls):
    with pytest.raises(ValueError, match="units"):
        cls(0)


@pytest.mark.parametrize("layer", [gloro_tf.layers.MinMax, gloro_tf.layers.Householder])
def test_a_cloned_layer_is_saved(layer, tmp_path):
    inputs = keras.Input((4,))
    net = keras.models.clone_model(keras.Model(inputs, layer()(inputs)))
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_array_equal(net.predict(x, verbose=0), again.predict(x, verbose=0))


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: gloro_tf.layers.LinearResidualConv2D("a"), "kernel_size"),
        (lambda: gloro_tf.layers.LinearResidualConv2D(scale=float("nan")), "scale"),
        (lambda: gloro_tf.layers.LinearResidualConv2D(momentum="a"), "momentum"),
        (lambda: gloro_tf.layers.CholeskyDense(4, residual=float("nan")), "residual"),
        (lambda: gloro_tf.layers.UnitNormHead(1.5), "units"),
        (lambda: gloro_tf.layers.BetaAbs("a"), "beta"),
        (lambda: gloro_tf.models.CholeskyMLP(1.5, 4, (4,), 2), "depth"),
        (lambda: gloro_tf.models.CholeskyMLP(1, 4, 4, 2), "input_shape"),
    ],
)
def test_bad_arguments(make, name):
    with pytest.raises(ValueError, match=f"`{name}` must (.*)Received: {name}="):
        make()
