"""Every rule against the explicit matrix, or against a known constant."""

import math

import keras
import numpy as np
import pytest
from keras import ops

import gloro_tf
from gloro_tf.lipschitz import UnsupportedLayerError, bound, estimate

L = keras.layers
ACTIVATIONS = {
    "relu": 1.0, "relu6": 1.0, "leaky_relu": 1.0, "elu": 1.0, "selu": 1.7580993, "tanh": 1.0,
    "sigmoid": 0.25, "softplus": 1.0, "softsign": 1.0, "silu": 1.0998394, "gelu": 1.1289042,
    "mish": 1.0884982, "hard_sigmoid": 1 / 6, "linear": 1.0, "celu": 1.0, "hard_silu": 1.5,
    "log_sigmoid": 1.0, "squareplus": 1.0, "hard_tanh": 1.0, "tanh_shrink": 1.0,
    "soft_shrink": 1.0, "sparse_plus": 1.0, "sparse_sigmoid": 0.5,
}  # fmt: skip


def model_of(layer, shape):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layer(inputs))


def explicit_norm(model, shape):
    size = math.prod(shape)
    basis = np.eye(size, dtype="float32").reshape(size, *shape)
    at_zero = ops.convert_to_numpy(model(np.zeros((2, *shape), "float32")))[:1].reshape(1, -1)
    rows = ops.convert_to_numpy(model(basis)).reshape(size, -1)
    return np.linalg.norm(rows.astype("float64") - at_zero, 2)


LINEAR = {
    "dense": (L.Dense(7), (5,)),
    "dense on a map": (L.Dense(3), (4, 2)),
    "conv2d same": (L.Conv2D(3, 3, padding="same"), (6, 5, 2)),
    "conv2d strided": (L.Conv2D(4, 4, 2, padding="same"), (7, 6, 2)),
    "conv2d even kernel": (L.Conv2D(3, 2, padding="same"), (5, 5, 2)),
    "conv2d stride over kernel": (L.Conv2D(3, 2, 3), (7, 7, 2)),
    "conv2d dilated": (L.Conv2D(3, 3, dilation_rate=2, padding="same"), (7, 6, 2)),
    "conv2d grouped": (L.Conv2D(4, 3, groups=2, padding="same"), (6, 6, 4)),
    "conv1d": (L.Conv1D(3, 4, 2, padding="same"), (9, 2)),
    "conv1d causal": (L.Conv1D(3, 3, padding="causal", dilation_rate=2), (9, 2)),
    "depthwise": (L.DepthwiseConv2D(3, 2, depth_multiplier=2, padding="same"), (6, 6, 3)),
    "transposed same": (L.Conv2DTranspose(3, 3, 2, padding="same"), (4, 4, 2)),
    "transposed valid": (L.Conv2DTranspose(2, 4, 2), (4, 3, 2)),
    "transposed stride over kernel": (L.Conv2DTranspose(2, 2, 3), (3, 3, 2)),
    "conv1d transposed": (L.Conv1DTranspose(2, 3, 2, padding="same"), (5, 2)),
    "average valid": (L.AveragePooling2D(2), (6, 6, 1)),
    "average same odd": (L.AveragePooling2D(2, padding="same"), (7, 7, 1)),
    "average overlapping": (L.AveragePooling2D(3, 1, padding="same"), (8, 8, 1)),
    "average strided same": (L.AveragePooling2D(3, 2, padding="same"), (8, 8, 1)),
    "average 1d": (L.AveragePooling1D(3, 2, padding="same"), (8, 2)),
    "global average": (L.GlobalAveragePooling2D(), (4, 5, 2)),
    "flatten": (L.Flatten(), (3, 2)),
    "reshape": (L.Reshape((2, 3)), (6,)),
    "permute": (L.Permute((2, 1)), (3, 2)),
    "cropping": (L.Cropping2D(1), (4, 4, 2)),
    "zero padding": (L.ZeroPadding2D(1), (3, 3, 2)),
    "upsampling": (L.UpSampling2D(3), (2, 2, 1)),
    "repeat": (L.RepeatVector(4), (3,)),
    "rescaling": (L.Rescaling(255.0, offset=-1.0), (5,)),
    "dropout": (L.Dropout(0.5), (5,)),
    "noise": (L.GaussianNoise(0.5), (5,)),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_layers_are_exact(name):
    layer, shape = LINEAR[name]
    model = model_of(type(layer).from_config(layer.get_config()), shape)
    truth = explicit_norm(model, shape)
    assert truth * (1 - 2e-6) <= bound(model) <= truth * (1 + 3e-6)
    assert truth * 0.98 <= estimate(model, 50) <= bound(model) * (1 + 1e-5)


@pytest.mark.parametrize("name", ["conv2d same", "conv2d strided", "conv2d grouped", "depthwise"])
def test_large_operators_fall_back_to_the_torus(name, monkeypatch):
    monkeypatch.setattr(gloro_tf.lipschitz.ConvOperator, "explicit_side", 0)
    layer, shape = LINEAR[name]
    model = model_of(type(layer).from_config(layer.get_config()), shape)
    truth = explicit_norm(model, shape)
    assert truth * (1 - 2e-6) <= bound(model) <= truth * 1.5
    assert estimate(model, 20) <= bound(model) * (1 + 1e-5)


@pytest.mark.parametrize(
    "layer, truth",
    [
        (L.MaxPooling2D(3, 1), 3.0),
        (L.MaxPooling2D(3, 2), 2.0),
        (L.MaxPooling2D(2, 2), 1.0),
        (L.MaxPooling2D(2, 1), 2.0),
        (L.MaxPooling2D(2, padding="same"), 1.0),
        (L.GlobalMaxPooling2D(), 1.0),
    ],
)
def test_max_pooling_counts_overlap(layer, truth):
    assert bound(model_of(layer, (8, 8, 2))) == pytest.approx(truth, rel=1e-12)
    assert bound(model_of(type(layer).from_config(layer.get_config()), (8, 8, 2))) >= truth


def test_published_pool_constants():
    pools = {(3, 1, 8): 1.014465, (3, 2, 8): 0.6186, (2, 2, 7): 1.0}
    for (size, stride, side), truth in pools.items():
        model = model_of(L.AveragePooling2D(size, stride, padding="same"), (side, side, 1))
        assert bound(model) == pytest.approx(truth, abs=1e-4)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_bound_their_slope(name):
    function = getattr(keras.activations, name, None)
    if function is None:
        pytest.skip(f"this Keras has no activation '{name}'")
    grid = np.linspace(-8, 8, 400_001).astype("float32")
    values = ops.convert_to_numpy(function(ops.convert_to_tensor(grid))).astype("float64")
    steepest = np.max(np.abs(np.diff(values[::1000]) / np.diff(grid.astype("float64")[::1000])))
    model = model_of(L.Activation(name), (4,))
    assert steepest <= bound(model) * (1 + 3e-5)
    assert bound(model) == pytest.approx(ACTIVATIONS[name], rel=1e-5)
    assert steepest >= 0.95 * ACTIVATIONS[name]


def test_activation_argument_counts():
    model = model_of(L.Dense(3, activation="silu"), (4,))
    plain = np.linalg.norm(ops.convert_to_numpy(model.layers[1].kernel), 2)
    assert bound(model) == pytest.approx(1.0998394 * plain, rel=1e-6)


def test_activation_layers_look_at_their_configuration():
    assert bound(model_of(L.ReLU(negative_slope=2.0), (4,))) == pytest.approx(2.0)
    assert bound(model_of(L.LeakyReLU(negative_slope=3.0), (4,))) == pytest.approx(3.0)
    assert bound(model_of(L.ELU(alpha=1.5), (4,))) == pytest.approx(1.5)
    assert bound(model_of(L.PReLU(alpha_initializer=keras.initializers.Constant(-4)), (4,))) >= 4
    with pytest.raises(UnsupportedLayerError, match="threshold"):
        bound(model_of(L.ReLU(threshold=1.0), (4,)))


def test_batch_normalization():
    layer = L.BatchNormalization(epsilon=1e-3)
    model = model_of(layer, (4, 4, 3))
    layer.set_weights([np.full(3, 10.0), np.ones(3), np.ones(3), np.full(3, 0.01)])
    assert bound(model) == pytest.approx(10 / math.sqrt(0.011), rel=1e-5)
    assert explicit_norm(model, (4, 4, 3)) <= bound(model) * (1 + 1e-5)


def test_normalization():
    layer = L.Normalization(mean=[0.5, 0.2], variance=[0.04, 0.25])
    assert bound(model_of(layer, (3, 2))) == pytest.approx(5.0, rel=1e-6)


def test_merges():
    x = keras.Input((3,))
    cases = {
        "add": (L.Add()([x, x]), 2.0),
        "average": (L.Average()([x, x, x]), 1.0),
        "subtract": (L.Subtract()([x, L.Rescaling(3.0)(x)]), 4.0),
        "concatenate": (L.Concatenate()([x, x]), math.sqrt(2)),
        "maximum": (L.Maximum()([x, x]), math.sqrt(2)),
        "plus": (x + L.Rescaling(2.0)(x), 3.0),
        "minus a number": (x - 0.5, 1.0),
        "times a number": (-3.0 * x, 3.0),
        "divided by a number": (x / 4.0, 0.25),
    }
    for name, (output, truth) in cases.items():
        assert bound(keras.Model(x, output)) == pytest.approx(truth, rel=1e-6), name


def test_broadcasting_copies():
    x = keras.Input((4, 1))
    y = L.Permute((2, 1))(x)
    model = keras.Model(x, L.Add()([x, y]))
    assert bound(model) >= explicit_norm(model, (4, 1)) * (1 - 1e-6)
    assert bound(model) == pytest.approx(4.0, rel=1e-6)


def test_layer_used_twice_and_nested_models():
    dense = L.Dense(4, use_bias=False, kernel_initializer=keras.initializers.Identity(2.0))
    x = keras.Input((4,))
    twice = keras.Model(x, dense(dense(x)))
    assert bound(twice) == pytest.approx(4.0)
    z = keras.Input((4,))
    nested = keras.Model(z, twice(keras.Sequential([keras.Input((4,)), L.Rescaling(5.0)])(z)))
    assert bound(nested) == pytest.approx(20.0)
    assert bound(nested) >= bound(twice) * 5


def test_orthogonal_dense_and_zero():
    assert bound(model_of(L.Dense(5, kernel_initializer="orthogonal"), (5,))) == pytest.approx(1)
    assert bound(model_of(L.Dense(5, kernel_initializer="zeros"), (5,))) == 0.0
    zero = model_of(L.Conv2D(2, 3, kernel_initializer="zeros"), (5, 5, 1))
    assert bound(zero) == 0.0 and estimate(zero) == 0.0


class Doubling(L.Layer):
    def call(self, inputs):
        return 2 * inputs


class Shifted(L.Dense):
    def call(self, inputs):
        return 100 * super().call(inputs)


class Standardised(L.Conv2D):
    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, kernel * 5)


def test_hooks_that_change_the_function_lose_the_rule():
    with pytest.raises(UnsupportedLayerError, match="overrides `convolution_op` of Conv2D"):
        bound(model_of(Standardised(2, 3), (4, 4, 1)))


def test_constants_are_bounded_as_executed():
    for value in (0.1, 0.7, 1 / 3):
        single = float(np.float32(value))
        assert bound(model_of(L.Rescaling(value), (3,))) >= max(value, single)
        x = keras.Input((3,))
        assert bound(keras.Model(x, x * value)) >= max(value, single)


def test_joining_the_batch_is_refused():
    x = keras.Input((3,))
    with pytest.raises(UnsupportedLayerError, match="batch axis"):
        bound(keras.Model(x, L.Concatenate(axis=-2)([x, x])))


def test_negative_variance_is_refused():
    layer = L.BatchNormalization()
    model = model_of(layer, (3,))
    layer.moving_variance.assign([-1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="not finite"):
        bound(model)


def test_nothing_is_assumed():
    with pytest.raises(UnsupportedLayerError, match="'odd'.*register"):
        bound(model_of(L.LayerNormalization(name="odd"), (4,)))
    with pytest.raises(UnsupportedLayerError, match="overrides `call` of Dense"):
        bound(model_of(Shifted(3), (4,)))
    with pytest.raises(UnsupportedLayerError, match="exponential"):
        bound(model_of(L.Dense(3, activation="exponential"), (4,)))
    x = keras.Input((4,))
    with pytest.raises(UnsupportedLayerError, match="not Lipschitz"):
        bound(keras.Model(x, x * x))
    with pytest.raises(UnsupportedLayerError, match="Multiply"):
        bound(keras.Model(x, L.Multiply()([x, x])))
    with pytest.raises(UnsupportedLayerError, match="training=True"):
        bound(keras.Model(x, L.Dropout(0.5)(x, training=True)))
    with pytest.raises(ValueError, match="fixed size"):
        y = keras.Input((None, None, 1))
        bound(keras.Model(y, L.Conv2D(2, 3)(y)))


def test_a_user_registers_a_layer():
    model = model_of(Doubling(), (4,))
    with pytest.raises(UnsupportedLayerError, match="Doubling"):
        bound(model)

    @gloro_tf.lipschitz.register(Doubling)
    def _(layer, input_shape):
        return 2.0

    assert bound(model) == pytest.approx(2.0)


def test_layers_alone():
    layer = L.Conv2D(3, 3, padding="same")
    with pytest.raises(ValueError, match="must be built"):
        bound(layer)
    layer.build((None, 6, 6, 2))
    assert bound(layer) == pytest.approx(bound(model_of(layer, (6, 6, 2))))


@pytest.mark.skipif(
    keras.backend.backend() == "tensorflow", reason="TF CPU has no NCHW convolution"
)
def test_channels_first():
    model = model_of(L.Conv2D(3, 3, 2, padding="same", data_format="channels_first"), (2, 7, 6))
    truth = explicit_norm(model, (2, 7, 6))
    assert truth * (1 - 2e-6) <= bound(model) <= truth * (1 + 3e-6)
