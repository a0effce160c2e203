"""Every case that a public implementation is known to get wrong: right here, or refused."""

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf import lipschitz
from gloro_tf.testing import explicit_matrix, spectral_norm

layers = keras.layers


def chain(shape, *parts):
    x = inputs = keras.Input(shape)
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x)


def scaled_dense(size, norm, **kwargs):
    """A square dense layer of a given spectral norm."""
    layer = layers.Dense(size, use_bias=False, **kwargs)
    layer.build((None, size))
    kernel = np.random.default_rng(size).normal(size=(size, size))
    layer.kernel.assign(kernel / np.linalg.norm(kernel, 2) * norm)
    return layer


def identity_dense(size, norm):
    layer = layers.Dense(size, use_bias=False)
    layer.build((None, size))
    layer.kernel.assign(norm * np.eye(size))
    return layer


def between(bound, truth, slack):
    assert truth * (1 - 1e-7) <= bound <= truth * (1 + slack), (bound, truth)


# ---- layers whose constant is not 1


@pytest.mark.parametrize("size, strides, truth", [(3, 1, 3), (3, 2, 2), (2, 2, 1), (2, 1, 2)])
def test_overlapping_max_pooling(size, strides, truth):
    model = chain((7, 7, 1), layers.MaxPooling2D(size, strides))
    between(lipschitz.bound(model), truth, 1e-12)
    peak = np.zeros((1, 7, 7, 1), "float32")
    peak[0, 2, 2, 0] = 1
    attained = np.linalg.norm(keras.ops.convert_to_numpy(model(peak)))
    assert truth == pytest.approx(attained)


@pytest.mark.parametrize(
    "n, size, strides, truth",
    [(7, 2, 2, 1.0), (8, 3, 1, 1.0145372), (8, 3, 2, 0.618589), (9, 3, 2, None), (5, 4, 1, None)],
)
def test_same_average_pooling(n, size, strides, truth):
    model = chain((n, n, 1), layers.AveragePooling2D(size, strides, padding="same"))
    attained = spectral_norm(explicit_matrix(model, (n, n, 1)))
    assert lipschitz.bound(model) >= attained * (1 - 1e-7)
    if keras.backend.backend() != "torch":  # which averages repeated borders in uneven padding
        between(lipschitz.bound(model), attained, 1e-6)
        assert truth is None or attained == pytest.approx(truth, rel=2e-6)


@pytest.mark.parametrize("size", [2, 3])
def test_valid_and_global_pooling(size):
    valid = chain((6, 6, 2), layers.AveragePooling2D(size))
    between(lipschitz.bound(valid), 1 / size, 1e-9)
    between(lipschitz.bound(chain((6, 6, 2), layers.GlobalAveragePooling2D())), 1 / 6, 1e-9)


@pytest.mark.parametrize("norm", [0.1, 1.0])
def test_residual_sum(norm):
    inputs = keras.Input((6,))
    branch = identity_dense(6, norm)(inputs)
    for outputs in (layers.Add()([inputs, branch]), inputs + branch):
        between(lipschitz.bound(keras.Model(inputs, outputs)), 1 + norm, 1e-6)


def test_concatenation_average_and_maximum():
    inputs = keras.Input((6,))
    doubled = layers.Concatenate()([inputs, inputs])
    between(lipschitz.bound(keras.Model(inputs, doubled)), np.sqrt(2), 1e-9)
    mean = layers.Average()([inputs, identity_dense(6, 3.0)(inputs)])
    between(lipschitz.bound(keras.Model(inputs, mean)), 2.0, 1e-6)
    largest = layers.Maximum()([inputs, identity_dense(6, 3.0)(inputs)])
    between(lipschitz.bound(keras.Model(inputs, largest)), 3.0, 0.06)


def test_batch_normalization():
    layer = layers.BatchNormalization()
    model = chain((5,), layer)
    layer.set_weights([np.full(5, 10.0), np.ones(5), np.ones(5), np.full(5, 0.01)])
    between(lipschitz.bound(model), 10 / np.sqrt(0.01 + 1e-3), 1e-6)
    gamma, variance = np.array([1, -9, 1, 1, 1]), np.array([1, 1, 0.01, 1, 1])
    layer.set_weights([gamma, np.ones(5), np.ones(5), variance])
    between(lipschitz.bound(model), 1 / np.sqrt(0.011), 1e-6)
    layer.set_weights([-2 * gamma, np.ones(5), np.ones(5), np.ones(5)])
    between(lipschitz.bound(model), 18 / np.sqrt(1.001), 1e-6)
    between(lipschitz.bound(model), spectral_norm(explicit_matrix(model, (5,))), 1e-5)


def test_rescaling():
    between(lipschitz.bound(chain((5,), layers.Rescaling(255.0, offset=-1))), 255.0, 1e-9)
    between(lipschitz.bound(chain((5,), layers.Rescaling(-2.0))), 2.0, 1e-9)


def test_a_layer_applied_twice():
    shared = identity_dense(4, 2.0)
    between(lipschitz.bound(chain((4,), shared, shared)), 4.0, 1e-6)


def test_nested_models():
    inner = chain((4,), identity_dense(4, 5.0))
    between(lipschitz.bound(chain((4,), inner)), 5.0, 1e-6)
    between(lipschitz.bound(chain((4,), chain((4,), inner), inner)), 25.0, 1e-6)


@pytest.mark.float64
@pytest.mark.parametrize(
    "name, truth",
    [("swish", 1.0998394), ("gelu", 1.1289042), ("mish", 1.0884982), ("relu", 1.0), ("elu", 1.0)]
    + [("tanh", 1.0), ("softplus", 1.0), ("sigmoid", 0.25), ("selu", 1.7580993)]
    + [("hard_silu", 1.5)],
)
def test_activations_as_arguments_and_as_layers(name, truth):
    as_argument = identity_dense(3, 1.0)
    as_argument.activation = keras.activations.get(name)
    grid = np.linspace(-12, 12, 24_001)
    values = keras.activations.get(name)(keras.ops.convert_to_tensor(grid, dtype="float64"))
    values = keras.ops.convert_to_numpy(values)
    steepest = np.abs(np.diff(values)).max() / 0.001
    for model in (chain((3,), as_argument), chain((3,), layers.Activation(name))):
        between(lipschitz.bound(model), truth, 1e-6)
        assert lipschitz.bound(model) >= steepest * (1 - (1e-9 if values.itemsize == 8 else 2e-2))
    assert steepest >= truth * 0.999


def test_softmax_at_the_end_is_refused():
    by_argument = chain((4,), layers.Dense(3, activation="softmax"))
    by_layer = chain((4,), layers.Dense(3), layers.Softmax())
    nested = chain((4,), layers.Dense(4), by_argument)
    for net in (by_argument, by_layer, nested):
        with pytest.raises((ValueError, TypeError), match="softmax"):
            gloro_tf.GloroModel(model=net, epsilon=0.1)


def test_what_has_no_rule_is_refused():
    class Doubling(layers.Layer):
        def call(self, inputs):
            return 2 * inputs

    class Tripled(layers.Dense):
        def call(self, inputs):
            return 3 * super().call(inputs)

    for part in (Doubling(), Tripled(3), layers.LayerNormalization(), layers.ReLU(threshold=1.0)):
        with pytest.raises(lipschitz.UnsupportedLayerError):
            lipschitz.bound(chain((3,), part))
    inputs = keras.Input((3,))
    with pytest.raises(lipschitz.UnsupportedLayerError):
        lipschitz.bound(keras.Model(inputs, layers.Multiply()([inputs, inputs])))


@pytest.mark.parametrize("dilation", [1, 2])
def test_dilation_is_not_ignored(dilation):
    layer = layers.Conv2D(2, 3, padding="same", dilation_rate=dilation)
    model = chain((6, 6, 2), layer)
    between(lipschitz.bound(model), spectral_norm(explicit_matrix(model, (6, 6, 2))), 1e-5)


# ---- norms and spectra


@pytest.mark.float64
@pytest.mark.parametrize("exponent", [30, 10, 0, -1, -2, -3, -4, -6, -10, -20, -30])
def test_norms_of_every_size(exponent):
    dense = scaled_dense(64, 10.0**exponent)
    true = spectral_norm(keras.ops.convert_to_numpy(dense.kernel))
    assert 1 <= lipschitz.bound(dense) / true <= 1 + 1e-6
    conv = layers.Conv2D(3, 3, strides=2, padding="same", use_bias=False)
    conv.build((None, 6, 6, 2))
    conv.kernel.assign(10.0**exponent * np.random.default_rng(1).normal(size=(3, 3, 2, 3)))
    kernel = keras.ops.convert_to_numpy(conv.kernel).astype("float64")
    unit = layers.Conv2D(3, 3, strides=2, padding="same", use_bias=False, dtype="float64")
    unit.build((None, 6, 6, 2))
    unit.kernel.assign(kernel / np.abs(kernel).max())
    true = spectral_norm(explicit_matrix(unit, (6, 6, 2))) * np.abs(kernel).max()
    assert 1 - 1e-12 <= lipschitz.bound(conv) / true <= 1 + 1e-6


@pytest.mark.parametrize("rest", [0.99, 0.999, 1 - 1e-6])
def test_clustered_spectra(rest, rng):
    """Where power iteration stops on a false plateau."""
    left, right = (np.linalg.qr(rng.normal(size=(256, 256)))[0] for _ in range(2))
    spectrum = np.full(256, rest)
    spectrum[0] = 1.0
    layer = layers.Dense(256, use_bias=False)
    layer.build((None, 256))
    layer.kernel.assign(left * spectrum @ right)
    true = spectral_norm(keras.ops.convert_to_numpy(layer.kernel))
    assert 1 <= lipschitz.bound(layer) / true <= 1 + 1e-6


def test_an_iterate_orthogonal_to_the_top_vector_does_no_harm():
    first = layers.Dense(3, use_bias=False)
    net = chain((3,), first, layers.ReLU(), layers.Dense(2, use_bias=False))
    first.kernel.assign(np.diag([10.0, 1.0, 0.5]))
    net.layers[-1].kernel.assign([[1.0, -1.0], [0.0, 0.0], [0.0, 0.0]])
    model = gloro_tf.GloroModel(model=net, epsilon=0.1)
    for iterate in model._power.variables.values():
        iterate.assign(np.array([[0.0, 1.0, 0.0]]))
    assert model.layer_estimates()[first.name] == pytest.approx(1.0)
    assert model.margin_lipschitz()[0, 1] >= 20.0
    x = np.array([[1.0, 0.0, 0.0]], "float32")
    assert 0.99 < model.freeze().certify(x).radius[0] <= 1.0


def test_zero_and_not_finite_weights():
    zero = layers.Conv2D(2, 3, kernel_initializer="zeros")
    assert lipschitz.bound(chain((5, 5, 1), zero)) == 0.0
    assert lipschitz.estimate(chain((5, 5, 1), zero)) == 0.0
    for value in (np.nan, np.inf):
        net = chain((5, 5, 1), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2))
        model = gloro_tf.GloroModel(model=net, epsilon=0.1)
        kernel = net.layers[1].kernel
        kernel.assign(np.full(kernel.shape, value))
        with pytest.raises(ValueError, match="finite"):
            lipschitz.bound(net)
        with pytest.raises(ValueError, match="finite"):
            model.freeze()
        assert not model.is_frozen


# ---- ties


def rejected(model, x):
    scores = model.predict(x, verbose=0)
    return scores[:, -1] >= scores[:, :-1].max(axis=1)


def test_a_dead_network_certifies_nothing():
    dead = layers.Dense(4, bias_initializer=keras.initializers.Constant(-100.0))
    net = chain((3,), dead, layers.ReLU(), layers.Dense(3))
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    for epsilon in (10.0, 1e-6):
        model = gloro_tf.GloroModel(model=net, epsilon=epsilon).freeze()
        certificate = model.certify(x)
        assert not certificate.certified.any()
        assert (certificate.radius == 0).all()
        assert rejected(model, x).all()


@pytest.mark.parametrize("tied", [2, 3])
def test_equal_top_logits_certify_nothing(tied):
    net = chain((3,), layers.Dense(3, use_bias=False))
    net.layers[-1].kernel.assign(np.eye(3))
    x = np.array([[1.0] * tied + [0.0] * (3 - tied)], "float32")
    model = gloro_tf.GloroModel(model=net, epsilon=1e-9).freeze()
    assert model.certify(x).radius[0] == 0.0
    assert rejected(model, x).all()


def test_duplicate_class_columns():
    """A margin that no input can change, and that is certified only where it is positive."""
    head = layers.Dense(2)
    model = gloro_tf.GloroModel(model=chain((2,), head), epsilon=0.1)
    head.set_weights([np.ones((2, 2)), np.zeros(2)])
    x = np.array([[0.3, 0.4]], "float32")
    assert model.margin_lipschitz()[0, 1] == 0.0
    assert model.freeze().certify(x).radius[0] == 0.0
    assert rejected(model, x).all()
    head.set_weights([np.ones((2, 2)), np.array([1.0, 0.0])])
    assert model.freeze().certify(x).radius[0] > 1e3
    assert not rejected(model, x).any()


def test_inputs_that_are_not_finite_are_never_certified():
    net = chain((3,), layers.Dense(2))
    model = gloro_tf.GloroModel(model=net, epsilon=1e-6).freeze()
    x = np.array([[np.nan, 0, 0], [np.inf, 0, 0], [0, -np.inf, 1]], "float32")
    assert (model.certify(x).radius == 0).all()


# ---- the scaling attack


def rescaled(model, power):
    """The same function: the second-last layer over `2**power`, the last times `2**power`."""
    net = keras.models.clone_model(model.logits_model)
    net.set_weights(model.logits_model.get_weights())
    hidden, head = [layer for layer in net.layers if isinstance(layer, layers.Dense)][-2:]
    hidden.kernel.assign(hidden.kernel * 2.0**-power)
    hidden.bias.assign(hidden.bias * 2.0**-power)
    head.kernel.assign(head.kernel * 2.0**power)
    return gloro_tf.GloroModel(model=net, epsilon=model.epsilon).freeze()


@pytest.mark.parametrize("power", [1, 10, 40, 80, 100, 115])
def test_moving_scale_between_layers_certifies_no_more(power, digits, digits_model):
    """Halving one layer and doubling the next, over and over, fooled both public bounds."""
    x = digits[2]
    before, after = digits_model.certify(x), rescaled(digits_model, power).certify(x)
    np.testing.assert_array_equal(before.label, after.label)
    assert before.certified.mean() > 0.5
    assert after.certified.sum() <= before.certified.sum()
    assert (after.radius <= before.radius * (1 + 1e-5)).all()
    if power <= 80:
        assert after.certified.sum() >= before.certified.sum() - 2
