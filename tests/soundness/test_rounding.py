"""The bound on float32 errors, against the same network in float64."""

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf.lipschitz import api, graph, margin, measured, reference

SHAPE = (12, 12, 3)


def networks(variant):
    """A LiResNet in float32, and its arguments."""
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
    return single, arguments


def wide(single, arguments):
    """The same network in float64."""
    double = gloro_tf.models.LiResNet(**arguments, dtype="float64")
    double.set_weights([w.astype("float64") for w in single.get_weights()])
    return double


@pytest.mark.float64
@pytest.mark.parametrize("variant", ["chord", "neurips"])
def test_executed_margins_err_by_less_than_the_bound(variant):
    single, arguments = networks(variant)
    double = wide(single, arguments)
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


def branching(dtype):
    """Branches, a nested model, a shared layer, a sum, a stack and a maximum."""
    layers = keras.layers
    inputs = keras.Input((6, 6, 2), dtype=dtype)
    inner = keras.Sequential([layers.Conv2D(4, 3, padding="same"), layers.ReLU()])
    inner.build((None, 6, 6, 4))
    shared = layers.Conv2D(4, 3, padding="same", activation="tanh")
    left = layers.Conv2D(4, 1)(inputs)
    right = inner(shared(shared(left)))
    merged = layers.Concatenate()([layers.Add()([left, right]), layers.Maximum()([left, right])])
    hidden = layers.Dense(16, activation="relu")(layers.Flatten()(layers.AvgPool2D(2)(merged)))
    return keras.Model(inputs, layers.Dense(4)(hidden))


def branching_pair():
    keras.utils.set_random_seed(3)
    single = branching("float32")
    keras.config.set_dtype_policy("float64")
    try:
        double = branching("float64")
    finally:
        keras.config.set_dtype_policy("float32")
    rng = np.random.default_rng(0)
    single.set_weights([rng.normal(size=w.shape) * 0.3 for w in single.get_weights()])
    double.set_weights([w.astype("float64") for w in single.get_weights()])
    return single, double


@pytest.mark.float64
@pytest.mark.parametrize("kind", ["chord", "neurips", "branching"])
def test_measured_norms_bound_the_error_of_every_input(kind):
    if kind == "branching":
        single, double = branching_pair()
    else:
        single, arguments = networks(kind)
        double = wide(single, arguments)
    trace, shape = graph.trace(single), single.input_shape[1:]
    bounds = api.bounds_of(trace)
    bound_of = lambda f: bounds[id(f)]  # noqa: E731
    values = measured.measured_values(trace)
    assert values
    forms, per_error, fixed = measured.error_forms(trace, values, 4, bound_of)
    assert np.all(forms >= 0)
    x = np.random.default_rng(1).random((50, *shape)).astype("float32")
    outputs, norms = measured.execute(trace, values, x, shape)
    right = double.predict(x.astype("float64"), verbose=0)
    for logits in (keras.ops.convert_to_numpy(outputs), single.predict(x, verbose=0)):
        apart = logits.astype("float64") - right
        found = np.abs(apart[:, :, None] - apart[:, None, :])
        norms = keras.ops.convert_to_numpy(norms).astype("float64")
        size, extra = forms[:, :1] + forms[:, 1:] @ norms.T
        allowed = per_error[None] * size[:, None, None] + extra[:, None, None] + fixed[None]
        different = ~np.eye(4, dtype=bool)
        assert found.max() > 0
        assert np.all(found[:, different] <= allowed[:, different])
    middle = reference.centre(trace)
    slope, offset = margin.rounding_slack(trace, 4, bound_of, shape, middle)
    length = np.linalg.norm((x - middle).reshape(50, -1), axis=1)
    before = slope[None] * length[:, None, None] + offset[None]
    assert allowed[:, different].mean() < 0.8 * before[:, different].mean()


def test_executed_norms_are_rounded_upwards():
    """Against float64, for lengths from far below the smallest square to far above 1."""
    rng = np.random.default_rng(0)
    for scale in (1e-35, 1e-20, 1e-10, 1.0, 1e15):
        value = (rng.normal(size=(8, 10, 10, 7)) * scale).astype("float32")
        found = keras.ops.convert_to_numpy(measured._norm(value)).astype("float64")
        right = np.linalg.norm(value.reshape(8, -1).astype("float64"), axis=1)
        assert np.all(found >= right)
        if scale > 1e-12:
            assert np.all(found <= right * 1.001)


def measuring_model(kind="chord"):
    single, _ = networks(kind)
    return gloro_tf.GloroModel(model=single, epsilon=0.01).freeze()


def test_a_deep_network_certifies_by_measured_norms(tmp_path):
    model = measuring_model()
    assert "forms" in model.frozen_tables()
    x = np.random.default_rng(1).random((60, *SHAPE)).astype("float32")
    label, radius, certified = model.certify(x, batch_size=32)
    tables = {k: v for k, v in model.frozen_tables().items() if k != "forms"}
    shapes = [tuple(w.shape) for w in model.weights]
    scores = model.predict(x, verbose=0)
    by_predict = scores[:, -1] < scores[:, :-1].max(axis=1)
    clear = np.abs(radius - model.epsilon) > 1e-3 * model.epsilon
    np.testing.assert_array_equal(by_predict[clear], certified[clear])
    model.compile(metrics=["vra", "certified_radius"])
    found = model.evaluate(x, label, verbose=0, return_dict=True)
    assert abs(found["vra"] - certified.mean()) < 0.02
    assert found["certified_radius"] == pytest.approx(radius.mean(), rel=1e-3)
    model.save(tmp_path / "model.keras")
    model.save_to_preset(tmp_path / "preset")
    assert [tuple(w.shape) for w in model.weights] == shapes
    for again in (
        keras.saving.load_model(tmp_path / "model.keras"),
        gloro_tf.GloroModel.from_preset(tmp_path / "preset"),
    ):
        np.testing.assert_array_equal(again.certify(x, batch_size=32).radius, radius)
    forms = model.frozen_tables()["forms"]
    looser = gloro_tf.GloroModel(model=model.logits_model, epsilon=0.01)
    looser.restore_frozen({**model.frozen_tables(), "forms": 4 * forms})
    assert looser.certify(x).radius.mean() < radius.mean()
    assert set(tables) == {"growth", "slope", "offset", "centre"}


def test_bad_inputs_promise_nothing_by_measured_norms():
    model = measuring_model("neurips")
    x = np.random.default_rng(1).random((4, *SHAPE)).astype("float32")
    x[0, 0, 0, 0], x[1, 0, 0, 0], x[2] = np.nan, np.inf, 3e38
    radius = model.certify(x).radius
    assert np.all(radius[:3] == 0) and np.isfinite(radius[3])
    scores = model.predict(x, verbose=0)[:3]
    assert not np.any(scores[:, :-1].max(axis=1) > scores[:, -1])


def test_what_cannot_be_executed_by_layers_falls_back():
    inputs = keras.Input((4,))
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, bias_initializer="ones")])
    branch = keras.layers.Dense(4, bias_initializer="ones")(inputs)
    outputs = keras.layers.Dense(3)(inner(inputs) + branch)
    trace = graph.trace(keras.Model(inputs, outputs))
    norms = reference.output_norms(trace, (4,), 0.0)
    assert 0 < len(norms) < len(trace.steps)
    assert reference.centre(trace) == 0.0
    assert measured.measured_values(trace) == ()
    model = gloro_tf.GloroModel(inputs, outputs, epsilon=1e-6).freeze()
    assert "forms" not in model.frozen_tables()
    assert np.all(np.isfinite(model.certify(np.zeros((1, 4), "float32")).radius))


def test_certify_warns_of_pixels_in_0_255():
    model = measuring_model()
    with pytest.warns(UserWarning, match="epsilon"):
        model.certify(np.full((1, *SHAPE), 200, "uint8"))


def test_calls_with_several_arguments_are_not_executed_by_layers():
    class Sum(keras.layers.Layer):
        def call(self, first, second):
            return first + second

    rule = graph.Merge("sum", (1.0, 1.0))
    gloro_tf.lipschitz.register(Sum)(lambda layer, *shapes: rule)
    inputs = keras.Input((6,))
    hidden = Sum()(keras.layers.Dense(8)(inputs), keras.layers.Dense(8)(inputs))
    model = gloro_tf.GloroModel(inputs, keras.layers.Dense(3)(hidden), epsilon=1e-7).freeze()
    assert "forms" not in model.frozen_tables()
    assert np.all(np.isfinite(model.certify(np.ones((2, 6), "float32")).radius))


def test_overflowing_forms_are_not_taken():
    """Scales of 1e-23, 1e23, 1e23, 1e-23: what is certified is not broken by bisection."""
    rng = np.random.default_rng(0)
    inputs = hidden = keras.Input((16,))
    sizes = [(16, 1e-23), (16, 1e23), (16, 1e23), (2, 1e-23)]
    for width, _ in sizes:
        hidden = keras.layers.Dense(width)(hidden)
    net = keras.Model(inputs, hidden)
    for layer, (width, scale) in zip(net.layers[1:], sizes, strict=True):
        square = np.linalg.qr(rng.normal(size=(16, 16)))[0][:, :width]
        layer.set_weights([square * scale, np.zeros(width)])
    model = gloro_tf.GloroModel(model=net, epsilon=1e-6).freeze()
    x = rng.normal(size=(400, 16)).astype("float32")
    label = model.certify(x).label
    a, b = x[label == 0][:100].astype("float64"), x[label == 1][:100].astype("float64")
    n = min(len(a), len(b))
    a, b = a[:n], b[:n]
    for _ in range(40):
        middle = ((a + b) / 2).astype("float32")
        zero = (model.certify(middle).label == 0)[:, None]
        a, b = np.where(zero, middle, a), np.where(zero, b, middle)
    radius = model.certify(a.astype("float32")).radius
    assert not np.any(radius > np.linalg.norm(a - b, axis=1))


@pytest.mark.parametrize("name", ["elu", "selu", "celu"])
def test_exponentials_err_absolutely_near_zero(name):
    """`exp(x) - 1` cancels: its error does not shrink with the input."""
    x = -np.logspace(-9, 0, 4000).astype("float32")[:, None]
    single = keras.ops.convert_to_numpy(keras.activations.get(name)(x)).astype("float64")
    scale, alpha = (1.05070098, 1.67326324) if name == "selu" else (1.0, 1.0)
    exact = scale * alpha * np.expm1(x.astype("float64"))
    layer = keras.layers.Activation(name)
    layer.build((None, 1))
    (factor,) = gloro_tf.lipschitz.graph.trace(
        keras.Sequential([keras.Input((1,)), layer])
    ).factors()
    relative, absolute = factor.rounding(factor.bound())
    assert np.all(np.abs(single - exact) <= relative * np.abs(x) + absolute)


def test_shapes_and_dtypes_of_inputs_and_layers():
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    hidden = keras.layers.Conv2D(4, 3, activation="relu", dtype="float64")(hidden)
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(hidden))
    model = gloro_tf.GloroModel(inputs, outputs, epsilon=1e-6).freeze()
    assert "forms" in model.frozen_tables()
    x = np.random.default_rng(0).random((4, 8, 8, 1)).astype("float32")
    radius = model.certify(x).radius
    assert np.all(np.isfinite(radius)) and np.all(np.isfinite(model.predict(x, verbose=0)[:, :3]))
    np.testing.assert_allclose(model.certify(x[..., 0]).radius, radius, rtol=1e-6)
