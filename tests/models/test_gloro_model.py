import keras
import numpy as np
import pytest
from keras import ops
from small_models import blobs, tiny

import gloro_tf
from gloro_tf.models.checks import float32_up

L = keras.layers


def to_numpy(x):
    return ops.convert_to_numpy(x)


def test_both_ways_of_naming_the_model():
    net = gloro_tf.models.ConvNet("2C2F", (28, 28, 1), 10)
    assert net.count_params() == 166_406
    model = gloro_tf.GloroModel(model=net, epsilon=0.3)
    assert model.logits_model is net and model.classes == 10
    assert tiny().logits_model.output_shape == (None, 3)


def test_margin_constants_of_a_linear_model_are_exact():
    inputs = keras.Input((5,))
    model = gloro_tf.GloroModel(inputs, L.Dense(4)(inputs), epsilon=0.1)
    kernel = to_numpy(model.logits_model.layers[-1].kernel).astype("float64")
    truth = np.linalg.norm(kernel[:, :, None] - kernel[:, None, :], axis=0)
    np.testing.assert_allclose(model.margin_lipschitz("bound"), truth, rtol=1e-9)
    np.testing.assert_allclose(model.margin_lipschitz("estimate"), truth, rtol=1e-4, atol=1e-6)
    assert (model.margin_lipschitz("bound") >= truth).all()


def test_certificate_of_a_linear_model_is_exact_and_tight():
    inputs = keras.Input((5,))
    model = gloro_tf.GloroModel(inputs, L.Dense(4)(inputs), epsilon=0.1).freeze()
    kernel = to_numpy(model.logits_model.layers[-1].kernel).astype("float64")
    x = np.random.default_rng(0).normal(size=(200, 5)).astype("float32")
    logits = x.astype("float64") @ kernel
    certificate = model.certify(x)
    for row, point, label, radius in zip(logits, x, certificate.label, certificate.radius):
        ratio = [
            (row[label] - row[i]) / np.linalg.norm(kernel[:, label] - kernel[:, i])
            for i in range(4)
            if i != label
        ]
        assert max(ratio[0] * 0, min(ratio) * (1 - 1e-4) - 1e-5) <= radius <= min(ratio)
        rival = [i for i in range(4) if i != label][int(np.argmin(ratio))]
        direction = kernel[:, rival] - kernel[:, label]
        direction /= np.linalg.norm(direction)
        inside = (point + radius * (1 - 1e-4) * direction) @ kernel
        outside = (point + (min(ratio) * (1 + 1e-4) + 1e-6) * direction) @ kernel
        assert inside.argmax() == label and outside.argmax() != label


def test_predict_and_certify_agree(frozen, digits):
    rows = frozen.predict(digits[2], verbose=0)
    label, radius, certified = frozen.certify(digits[2])
    assert rows.shape == (len(label), 11)
    np.testing.assert_array_equal(rows[:, :-1].argmax(axis=1), label)
    decided = rows[:, :-1].max(axis=1) > rows[:, -1]
    clear = np.abs(radius - frozen.epsilon) > 1e-3
    np.testing.assert_array_equal(decided[clear], certified[clear])
    np.testing.assert_array_equal(certified, radius > frozen.epsilon)
    assert 0.1 < certified.mean() < 1


def test_evaluate_agrees_with_certify(frozen, digits):
    x, y = digits[2:]
    results = frozen.evaluate(x, y, verbose=0, return_dict=True)
    label, _, certified = frozen.certify(x)
    assert results["clean_accuracy"] == pytest.approx(np.mean(label == y), abs=1e-6)
    assert results["vra"] == pytest.approx(np.mean((label == y) & certified), abs=0.01)


def test_batch_size_and_repetition_do_not_matter(frozen, digits):
    radii = [frozen.certify(digits[2], batch_size=b).radius for b in (1, 7, 256, 256)]
    np.testing.assert_allclose(radii[0], radii[2], atol=1e-4)
    np.testing.assert_allclose(radii[1], radii[2], atol=1e-4)
    np.testing.assert_array_equal(radii[2], radii[3])
    assert len(frozen.certify(digits[2][:1]).radius) == 1
    assert len(frozen.certify(digits[2][:0]).radius) == 0


def test_nan_and_infinite_inputs_are_never_certified(frozen, digits):
    x = digits[2][:3].copy()
    x[0, 0, 0], x[1, 1, 1] = np.nan, np.inf
    radius = frozen.certify(x).radius
    assert radius[0] == radius[1] == 0 and radius[2] >= 0
    assert not frozen.certify(x).certified[:2].any()


def test_a_last_axis_of_one_may_be_absent(frozen, digits):
    x = digits[2][:8]
    radius = frozen.certify(x).radius
    for same in (x[..., 0], x[..., None]):
        np.testing.assert_array_equal(frozen.certify(same).radius, radius)
    for other in (x[0], x.reshape(8, -1), x[:, :7]):
        with pytest.raises(ValueError, match="`x` must have the shape"):
            frozen.certify(other)


def test_only_a_fresh_frozen_model_certifies():
    x, y = blobs()
    model = tiny()
    model.compile()
    with pytest.raises(RuntimeError, match="freeze"):
        model.certify(x)
    model.fit(x, y, verbose=0)
    model.freeze().certify(x)
    layer = model.logits_model.layers[1]
    layer.kernel.assign(layer.kernel * 1.0001)
    for call in (model.certify, model.predict):
        with pytest.raises(RuntimeError, match="changed since"):
            call(x)
    with pytest.raises(RuntimeError, match="changed since"):
        model.evaluate(x, y, verbose=0)
    model.freeze().certify(x)
    model.fit(x, y, verbose=0)
    assert not model.is_frozen
    with pytest.raises(RuntimeError, match="freeze"):
        model.certify(x)


def test_tampered_tables_are_refused():
    model = tiny().freeze()
    model._tables[0].assign(model._tables[0] * 0.9)
    with pytest.raises(RuntimeError, match="changed since"):
        model.certify(blobs()[0])


def test_unfrozen_predictions_warn_once():
    x, _ = blobs()
    model = tiny()
    with pytest.warns(UserWarning, match="not frozen"):
        model.predict(x, verbose=0)
    model.predict(x, verbose=0)


def test_freezing_switches_compiled_predictions():
    x, _ = blobs()
    model = tiny()
    with pytest.warns(UserWarning, match="not frozen"):
        before = model.predict(x, verbose=0)
    after = model.freeze().predict(x, verbose=0)
    np.testing.assert_array_equal(before[:, :-1], after[:, :-1])
    assert (after[:, -1] >= before[:, -1]).all() and (after[:, -1] > before[:, -1]).any()


def test_epsilon_is_a_variable():
    x, _ = blobs()
    model = tiny().freeze()
    small = model.predict(x, verbose=0)[:, -1]
    model.epsilon = 0.5
    assert model.epsilon == 0.5
    assert (model.predict(x, verbose=0)[:, -1] > small).all()


@pytest.mark.parametrize("epsilon", [0, -0.1, float("nan"), float("inf"), None])
def test_epsilon_must_be_positive(epsilon):
    inputs = keras.Input((6,))
    with pytest.raises(ValueError, match="epsilon"):
        gloro_tf.GloroModel(inputs, L.Dense(3)(inputs), epsilon=epsilon)
    if epsilon is not None:
        model = tiny()
        with pytest.raises(ValueError, match="epsilon"):
            model.epsilon = epsilon
        assert model.epsilon == 0.1


def test_models_without_logits_are_refused():
    image = keras.Input((6, 6, 1))
    with pytest.raises(ValueError, match="logits"):
        gloro_tf.GloroModel(image, L.Conv2D(2, 3)(image), epsilon=0.1)
    vector = keras.Input((6,))
    with pytest.raises(ValueError, match="at least 2 classes"):
        gloro_tf.GloroModel(vector, L.Dense(1)(vector), epsilon=0.1)
    with pytest.raises(ValueError, match="either `inputs` and `outputs`, or `model`"):
        gloro_tf.GloroModel(epsilon=0.1)
    for output in (
        L.Dense(3, activation="softmax")(vector),
        L.Softmax()(L.Dense(3)(vector)),
        L.Dropout(0.1)(L.Softmax()(L.Dense(3)(vector))),
        L.Activation("softmax")(L.Dense(3)(vector)),
    ):
        with pytest.raises(ValueError, match="softmax at the end"):
            gloro_tf.GloroModel(vector, output, epsilon=0.1)


@pytest.mark.parametrize(
    "loss, one_hot",
    [("crossentropy", False), ("trades_ce", False), ("margin", False), ("emma", False)]
    + [("crossentropy", True), ("trades_kl.1.5", True), ("emma", True)]
    + [
        pytest.param("trades_kl.1.5", False, marks=pytest.mark.slow),
        pytest.param("trades_ce", True, marks=pytest.mark.slow),
        pytest.param("margin", True, marks=pytest.mark.slow),
    ],
)
def test_every_loss_trains(loss, one_hot):
    x, y = blobs()
    y = np.eye(3, dtype="float32")[y] if one_hot else y
    model = tiny()
    model.compile(keras.optimizers.Adam(0.02), loss=loss, metrics=["clean_accuracy", "vra"])
    history = model.fit(x, y, batch_size=32, epochs=12, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["vra"][-1] > 0.5


def test_training_moves_the_iterates_and_evaluation_does_not_change_predictions():
    x, y = blobs()
    model = tiny()
    model.compile()
    iterates = list(model._power.variables.values())
    before = [to_numpy(v).copy() for v in iterates]
    model.fit(x, y, verbose=0)
    assert any((to_numpy(v) != b).any() for v, b in zip(iterates, before, strict=True))
    estimate = model.layer_estimates()["model"]
    bound = gloro_tf.lipschitz.bound(model.logits_model)
    assert 0.5 * bound < estimate <= bound * (1 + 1e-5)


def test_a_step_of_many_power_iterations_is_compiled_once(monkeypatch):
    traced, compute = [], gloro_tf.GloroModel.compute_loss
    monkeypatch.setattr(
        gloro_tf.GloroModel, "compute_loss", lambda *args: traced.append(0) or compute(*args)
    )
    x, y = blobs()
    model = tiny(power_iterations=9)
    model.compile(loss="emma")
    model.fit(x, y, verbose=0)
    assert len(traced) == 1 or keras.backend.backend() != "tensorflow"
    bound = gloro_tf.lipschitz.bound(model.logits_model)
    assert 0.99 * bound < model.layer_estimates()["model"] <= bound * (1 + 1e-5)


def test_estimate_gradient_is_that_of_the_singular_value():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("uses GradientTape")
    import tensorflow as tf

    model = tiny().refresh_iterates(300)
    layer = model.logits_model.layers[1]
    with tf.GradientTape() as tape:
        value = model._power.estimates()[id(model._power.factors[0])]
    found = tape.gradient(value, layer.kernel.value).numpy()
    left, _, right = np.linalg.svd(to_numpy(layer.kernel).astype("float64"))
    np.testing.assert_allclose(found, np.outer(left[:, 0], right[0]), atol=1e-3)


def test_metrics_at_other_radii(digits):
    x, y = digits[:2]
    net = gloro_tf.models.ConvNet((((4, 3, 2),), (16,)), (8, 8, 1), 10)
    model = gloro_tf.GloroModel(model=net, epsilon=0.1)
    model.compile(loss="emma", metrics=["vra", "vra.0.2", "certified_radius"])
    history = model.fit(x, y, epochs=3, verbose=0).history
    assert {"vra", "vra_0.2", "certified_radius"} <= set(history)
    model.freeze()
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    label, radius, _ = model.certify(x)
    right = label == y
    assert results["vra_0.2"] == pytest.approx(np.mean(right & (radius > 0.2)), abs=0.005)
    mean = np.mean(np.where(right, radius, 0))
    assert results["certified_radius"] == pytest.approx(mean, rel=0.02)
    assert results["vra_0.2"] <= results["vra"]


def test_sixteen_bits_are_refused():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny()
        model.compile()
        x, y = blobs()
        model.fit(x, y, verbose=0)
        with pytest.raises(ValueError, match="float32"):
            model.freeze()
    finally:
        keras.config.set_dtype_policy("float32")


def test_nan_weights_are_refused():
    model = tiny()
    layer = model.logits_model.layers[1]
    layer.kernel.assign(layer.kernel * np.nan)
    with pytest.raises(ValueError, match="finite"):
        model.freeze()
    assert not model.is_frozen


def test_bad_arrays_are_refused_before_training():
    x, y = blobs()
    model = tiny()
    model.compile()
    weights = model.get_weights()
    broken = x.copy()
    broken[3, 2] = np.nan
    for bad_x, bad_y, message in [
        (broken, y, "finite"),
        (x, y + 1, r"in \[0, 3\)"),
        (x, np.zeros_like(y), "two classes"),
        (x, y[:-1], "one label per image"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.fit(bad_x, bad_y, verbose=0)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    with pytest.warns(UserWarning, match="255"):
        model.fit(np.abs(x) * 100, y, verbose=0)


def test_report_adds_up(frozen):
    report = frozen.lipschitz_report()
    product = np.prod([row.bound for row in report.rows])
    assert report.bound == pytest.approx(product, rel=1e-9)
    assert all(row.estimate <= row.bound * (1 + 1e-5) for row in report.rows)
    assert "whole model" in str(report) and len(report.to_dict()["layers"]) == len(report.rows)


def test_freeze_rounds_outwards():
    values = np.array([1e-60, 1.0 + 1e-12, 1e300, 0.0, 0.1])
    rounded = float32_up(values).astype("float64")
    assert (rounded >= values).all() and rounded[3] == 0 and np.isinf(rounded[2])
