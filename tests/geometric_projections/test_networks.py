import keras
import numpy as np
import oracles
import pytest

import gloro_tf
from gloro_tf.geometric_projections import Network, NotPiecewiseLinearError, certify
from gloro_tf.geometric_projections._regions import Evaluator

layers, mine = keras.layers, gloro_tf.layers


def model(*parts, shape=(6, 6, 2), seed=0):
    keras.utils.set_random_seed(seed)
    net = keras.Sequential([keras.Input(shape), *parts])
    rng = np.random.default_rng(seed)
    for variable in net.variables:
        values = rng.normal(size=variable.shape) * 0.5
        variable.assign(np.abs(values) + 0.2 if "variance" in variable.name else values)
    return net


IMAGE = {
    "conv": lambda: [layers.Conv2D(3, 3, strides=2, padding="same", activation="relu")],
    "dilated": lambda: [layers.Conv2D(3, 2, dilation_rate=2, use_bias=False), layers.ReLU()],
    "grouped": lambda: [layers.Conv2D(4, (2, 3), groups=2), layers.LeakyReLU(0.3)],
    "pool": lambda: [layers.ReLU(), layers.AveragePooling2D(2), layers.ReLU()],
    "overlap": lambda: [layers.AveragePooling2D(3, 1), layers.PReLU()],
    "global": lambda: [layers.Conv2D(4, 3), layers.ReLU(), layers.GlobalAveragePooling2D()],
    "norm": lambda: [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU()],
    "norm_first": lambda: [layers.BatchNormalization(axis=1, scale=False), layers.ReLU()],
    "moved": lambda: [layers.ZeroPadding2D(1), layers.Permute((3, 1, 2)), layers.ReLU()],
    "depth": lambda: [mine.SpaceToDepth(2), layers.Dense(3), layers.Activation("relu")],
    "minmax": lambda: [layers.Conv2D(4, 3), mine.MinMax(), layers.Conv2D(4, 2), mine.MinMax()],
    "beta": lambda: [layers.Rescaling(2.0, -0.5), mine.BetaAbs(0.5), layers.Dropout(0.5)],
}


@pytest.mark.parametrize("name", IMAGE)
def test_a_network_computes_what_its_keras_model_does(name):
    net = model(*IMAGE[name](), layers.Flatten(), layers.Dense(3))
    x = np.random.default_rng(1).normal(size=(20, 6, 6, 2)).astype("float32")
    network = Network.of(net)
    logits, error = network.logits(x.reshape(20, -1).astype("float64"))
    expected = keras.ops.convert_to_numpy(net(x))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    assert error.max() < 1e-11 * np.abs(logits).max()
    assert network.units > 0


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("name", ["conv", "minmax"])
def test_planes_are_the_network_linearised(name, norm):
    net = model(*IMAGE[name](), layers.Flatten(), layers.Dense(3))
    evaluator = Evaluator(Network.of(net), norm)
    x = np.random.default_rng(2).normal(size=(5, 72)).astype("float32").astype("float64")
    bits, doubts = evaluator.pattern(x)
    assert not doubts.any()
    logits = evaluator.network.logits(x)[0]
    label = logits.argmax(axis=1)
    planes = evaluator.planes(*evaluator.start(x), bits, label)
    margins = logits[np.arange(5), label][:, None] - logits
    units = evaluator.network.units
    np.testing.assert_allclose(planes.value[:, units:], margins, atol=1e-12)
    move = 1e-7 * np.random.default_rng(3).normal(size=evaluator.rows)
    lift = move if evaluator.frame is None else evaluator.frame @ move
    moved = evaluator.network.logits(x + lift)[0]
    change = moved[np.arange(5), label][:, None] - moved - margins
    np.testing.assert_allclose(move @ planes.normal[:, :, units:], change, atol=1e-12)


def test_a_softmax_at_the_end_and_a_gloro_model_are_seen_through():
    net = model(layers.Dense(5, "relu"), layers.Dense(3), shape=(4,))
    soft = keras.Sequential([net, layers.Softmax()])
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    expected = certify(net, x, 0.4)
    for other in (soft, gloro_tf.GloroModel(model=net, epsilon=0.4)):
        verdicts = certify(other, x, 0.4)
        np.testing.assert_array_equal(verdicts.status, expected.status)
        np.testing.assert_array_equal(verdicts.radius, expected.radius)
        np.testing.assert_array_equal(verdicts.label, expected.label)


@pytest.mark.parametrize(
    "parts",
    [
        lambda: [layers.Dense(5, "gelu"), layers.Dense(3)],
        lambda: [layers.Dense(5, "tanh"), layers.Dense(3)],
        lambda: [layers.Dense(5, "softmax"), layers.Dense(3)],
        lambda: [layers.Dense(5), layers.ReLU(max_value=6.0), layers.Dense(3)],
        lambda: [layers.Dense(5), layers.Reshape((5, 1)), layers.MaxPooling1D(5), layers.Flatten()],
    ],
)
def test_what_is_not_supported_is_refused(parts):
    net = keras.Sequential([keras.Input((4,)), *parts(), layers.Dense(2)])
    with pytest.raises(NotPiecewiseLinearError, match="piecewise|softmax|max_value"):
        certify(net, np.zeros((1, 4), "float32"), 0.1)


def test_branches_are_refused():
    inputs = keras.Input((4,))
    hidden = layers.Dense(4, "relu")(inputs)
    net = keras.Model(inputs, layers.Dense(2)(layers.Add()([inputs, hidden])))
    with pytest.raises(NotPiecewiseLinearError, match="branches"):
        Network.of(net)


def test_bad_arguments_are_named():
    net = model(layers.Dense(5, "relu"), layers.Dense(3), shape=(4,))
    x = np.zeros((2, 4), "float32")
    with pytest.raises(ValueError, match="`x` must have the shape"):
        certify(net, x[:, :3], 0.1)
    with pytest.raises(ValueError, match="`x` must be finite"):
        certify(net, x * np.nan, 0.1)
    for epsilon in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="`epsilon`"):
            certify(net, x, epsilon)
    with pytest.raises(ValueError, match="`norm`"):
        certify(net, x, 0.1, norm="l1")
    with pytest.raises(ValueError, match="`max_regions`"):
        certify(net, x, 0.1, max_regions=0)
    with pytest.raises(ValueError, match="`model`"):
        certify("net", x, 0.1)
    net.set_weights([w * np.inf for w in net.get_weights()])
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="finite weights"):
        certify(net, x, 0.1)
    assert len(certify(model(layers.Dense(3), shape=(4,)), x[:0], 0.1).status) == 0


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 60, reason="needs extended precision")
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_errors_of_planes_are_bounded(norm):
    """Against the same patterns in extended precision; and the bounds are not idle."""
    largest = 0.0
    for seed in range(20):
        weights, _, slope = oracles.random_weights(seed, inputs=12, widest=9)
        evaluator = Evaluator(oracles.network(weights, slope), norm)
        rng = np.random.default_rng(seed)
        x = 100 * rng.normal(size=(4, 12))
        bits = rng.random((4, evaluator.network.units)) < 0.5
        planes = evaluator.planes(*evaluator.start(x), bits, np.zeros(4, int))
        for row in range(4):
            normal, value = _extended(weights, x[row], bits[row], slope)
            assert np.all(np.abs(planes.value[row] - value) <= planes.value_error[row])
            largest = max(
                largest, np.max(np.abs(planes.value[row] - value) / planes.value_error[row])
            )
            true = np.sqrt((normal**2).sum(0)) if norm == "l2" else np.abs(normal).sum(0)
            room = planes.normal_error[row] + 1e-14 * planes.length[row]
            assert np.all(np.abs(planes.length[row] - true) <= room)
    assert 1e-4 < largest <= 1


def _extended(weights, x, bits, slope):
    normal, value = np.eye(len(x), dtype=np.longdouble), x.astype(np.longdouble)
    normals, values, at = [], [], 0
    for kernel, bias in weights[:-1]:
        normal, value = normal @ kernel, value @ kernel + bias
        normals.append(normal)
        values.append(value)
        gain = np.where(bits[at : at + len(bias)], 1.0, slope)
        at += len(bias)
        normal, value = normal * gain, value * gain
    normal, value = normal @ weights[-1][0], value @ weights[-1][0] + weights[-1][1]
    normals.append(normal[:, :1] - normal)
    values.append(value[0] - value)
    return np.concatenate(normals, axis=1), np.concatenate(values)
