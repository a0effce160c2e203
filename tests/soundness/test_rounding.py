"""The bound on float32 errors, against the same network in float64."""

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf.lipschitz import api, graph, margin, reference

SHAPE = (12, 12, 3)


def networks(variant):
    """A LiResNet in float32 and in float64, with the same float32 weights."""
    keras.utils.set_random_seed(0)
    more = {"dense_depth": 2} if variant == "chord" else {}
    arguments = dict(
        depth=3, width=8, input_shape=SHAPE, classes=4, variant=variant, dense_width=16, **more
    )
    single = gloro_tf.models.LiResNet(**arguments)
    rng = np.random.default_rng(0)
    for variable in single.variables:
        if "orthogonal" not in variable.path:
            noise = rng.normal(size=variable.shape) * 0.3
            variable.assign(keras.ops.convert_to_numpy(variable) + noise.astype("float32"))
    double = gloro_tf.models.LiResNet(**arguments, dtype="float64")
    double.set_weights([w.astype("float64") for w in single.get_weights()])
    return single, double


@pytest.mark.parametrize("variant", ["chord", "neurips"])
def test_executed_margins_err_by_less_than_the_bound(variant):
    single, double = networks(variant)
    trace = graph.trace(single)
    bounds = api.bounds_of(trace)
    middle = reference.centre(trace)
    assert middle == 0.5
    slack = {
        name: margin.rounding_slack(trace, 4, lambda f: bounds[id(f)], *more)
        for name, more in {"zero": (), "reference": (SHAPE, middle)}.items()
    }
    x = np.random.default_rng(1).random((50, *SHAPE)).astype("float32")
    apart = single.predict(x, verbose=0).astype("float64") - double.predict(
        x.astype("float64"), verbose=0
    )
    found = np.abs(apart[:, :, None] - apart[:, None, :])
    assert found.max() > 0
    sizes = {}
    for name, (slope, offset) in slack.items():
        centre = middle if name == "reference" else 0.0
        length = np.linalg.norm((x.astype("float64") - centre).reshape(50, -1), axis=1)
        allowed = slope[None] * length[:, None, None] + offset[None]
        assert np.all(found <= allowed)
        sizes[name] = allowed.mean()
    assert sizes["reference"] < 0.6 * sizes["zero"]


def test_the_reference_bounds_every_value():
    """`||h(x)|| <= ||h(c)|| + L ||x - c||` at the end of the body, on random inputs."""
    single, _ = networks("chord")
    trace = graph.trace(single)
    bounds = api.bounds_of(trace)
    body, _ = trace.head()
    norms = reference.output_norms(body, SHAPE, 0.5)
    assert len(norms) == len(body.steps)
    start = 0.5 * np.sqrt(np.prod(SHAPE))
    reach = body.reach(lambda f: bounds[id(f)], norms, start)
    inner = keras.Model(single.inputs, single.get_layer("logits").input)
    x = np.random.default_rng(1).random((50, *SHAPE)).astype("float32")
    values = np.linalg.norm(inner.predict(x, verbose=0), axis=1)
    length = np.linalg.norm((x - 0.5).reshape(50, -1), axis=1)
    assert np.all(values <= reach.offset + reach.lipschitz * length)
    assert reach.offset < body.reach(lambda f: bounds[id(f)]).offset


def test_nested_and_branching_networks_fall_back():
    inputs = keras.Input((4,))
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, bias_initializer="ones")])
    branch = keras.layers.Dense(4, bias_initializer="ones")(inputs)
    outputs = keras.layers.Dense(3)(keras.layers.Add()([inner(inputs), branch]))
    trace = graph.trace(keras.Model(inputs, outputs))
    norms = reference.output_norms(trace, (4,), 0.0)
    assert 0 < len(norms) < len(trace.steps)
    assert reference.centre(trace) == 0.0
    model = gloro_tf.GloroModel(inputs, outputs, epsilon=0.1).freeze()
    assert np.all(np.isfinite(model.certify(np.zeros((1, 4), "float32")).radius))
