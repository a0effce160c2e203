"""Corrected models: saving, reports, search, losses, the ACAS Xu network, certified models."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from gloro_tf.self_correcting import (
    Always,
    Box,
    OrderingHinge,
    Outputs,
    PredictedIn,
    Property,
    SafeOrdering,
    StatusRate,
    acas_xu,
    chain,
    find_violations,
    from_vnnlib,
    make_self_correcting,
    ordering_hinge,
    safety_report,
    to_vnnlib,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("GLORO_TF_SHARED", ROOT.parent / "shared")) / "data" / "acasxu"
PHI8 = acas_xu.safe_ordering("2_9")["phi8"]


@pytest.fixture(scope="module")
def network():
    return acas_xu.load()


@pytest.fixture(scope="module")
def phi8_points():
    """Points of the box of property 8, some of which violate it."""
    rng = np.random.default_rng(1)
    (box,) = PHI8.pre.boxes()
    low, high = acas_xu.domain()
    low, high = np.maximum(box[0], low), np.minimum(box[1], high)
    return (rng.random((4000, 5)) * (high - low) + low).astype("float32")


def test_corrected_network(network, phi8_points):
    """Violations before, none after; the advisory changes on violating rows only."""
    ordering = acas_xu.safe_ordering("2_9")
    safe = make_self_correcting(network, ordering)
    safe.run_eagerly = True
    before = safety_report(network, ordering, phi8_points)
    k = ordering.names.index("phi8")
    assert before.active[k] >= 3990 and before.violated[k] > 0 and before.left.sum() == 0
    assert before.corrected == before.top_changed == before.violated.sum()
    assert safety_report(safe, ordering, phi8_points).violated.sum() == 0
    raw, fixed = (m.predict(phi8_points, batch_size=1000, verbose=0) for m in (network, safe))
    moved = np.any(raw != fixed, axis=1)
    assert moved.sum() == before.corrected
    assert np.all(np.isin(fixed[moved].argmin(1), (0, 1)))
    np.testing.assert_array_equal(np.sort(raw, 1), np.sort(fixed, 1))
    assert "phi8" in str(before) and "4,000 rows" in str(before)


def test_accuracy_is_preserved(network):
    """Uniform points, labels the network's own advisories: not one changes."""
    x = acas_xu.sample(10_000)
    safe = make_self_correcting(network, acas_xu.safe_ordering("2_9"))
    safe.run_eagerly = True
    raw, fixed = (m.predict(x, batch_size=4096, verbose=0).argmin(1) for m in (network, safe))
    changed = raw != fixed
    violated = safety_report(network, acas_xu.safe_ordering("2_9"), x).violated.sum()
    assert changed.sum() <= violated <= 5


def test_a_property_that_never_moves_the_advisory():
    """Property 2 forbids the worst place only: rows that violate it keep their advisory."""
    rng = np.random.default_rng(0)
    phi2 = Property(Always(), ~Outputs(5)[0].is_max())
    costs = rng.normal(size=(500, 5)).astype("float32")
    costs[:400, 0] = costs[:400].max(1) + 1
    found = safety_report(lambda x: costs, SafeOrdering([phi2], score="min"), np.zeros((500, 1)))
    assert found.violated[0] >= 400 and found.corrected == found.violated[0]
    assert found.top_changed == found.left[0] == found.unanswered == 0


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/acasxu or GLORO_TF_SHARED")
def test_networks_of_the_shared_data():
    """Properties 2 and 7 are violated on known networks, and nowhere after."""
    for name, prop, method, moves in (("2_2", "phi2", "random", 0), ("1_9", "phi7", "local", 1)):
        model = acas_xu.load(name, str(SHARED / "networks.npz"))
        ordering = acas_xu.safe_ordering(name)
        options = {"bounds": acas_xu.domain(), "score": "min", "batch_size": 2**15}
        points = 20_000 if method == "random" else 100_000
        found = find_violations(model, ordering[prop], points, method, **options)
        report = safety_report(model, ordering, found.points)
        assert report.violated.max() == len(found.points) > 100 and report.left.sum() == 0
        assert report.top_changed == moves * len(found.points)


def test_search(network):
    for method, count in (("random", 8_000), ("gradient", 1000)):
        found = find_violations(
            network, PHI8, count, method, bounds=acas_xu.domain(), score="min", steps=15
        )
        assert len(found.points) and found.tried == count
        again = network.predict(found.points, verbose=0)
        missed = again[:, 2:].min(1) < again[:, :2].min(1)
        assert missed.all() and np.all(np.diff(found.amounts) <= 0) and found.amounts.min() >= 0
    with pytest.raises(ValueError, match="`bounds` must bound"):
        find_violations(network, Property(Box([0] * 5, [None] * 5), PHI8.post), 10)
    with pytest.raises(ValueError, match="`method`"):
        find_violations(network, PHI8, 10, "pgd")
    safe = make_self_correcting(network, SafeOrdering([PHI8], score="min"))
    assert not len(find_violations(safe, PHI8, 8_000, bounds=acas_xu.domain(), score="min").points)


LOADS = (
    "import sys, keras, numpy as np, gloro_tf.self_correcting;"
    "m = keras.saving.load_model(sys.argv[1], compile=False);"
    "np.save(sys.argv[3], m.predict(np.load(sys.argv[2]), verbose=0)); print('ok')"
)


def test_loads_in_a_fresh_process(network, phi8_points, tmp_path):
    safe = make_self_correcting(network, acas_xu.safe_ordering("2_9"), on_conflict="keep")
    x = phi8_points[:1000]
    np.save(tmp_path / "x.npy", x)
    safe.save(tmp_path / "m.keras")
    files = [str(tmp_path / name) for name in ("m.keras", "x.npy", "z.npy")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", LOADS, *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "ok" in done.stdout, done.stderr[-2000:]
    np.testing.assert_array_equal(np.load(files[2]), safe.predict(x, verbose=0))


def test_export(network, phi8_points, tmp_path):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("SavedModel export is TensorFlow's")
    import tensorflow as tf

    safe = make_self_correcting(network, acas_xu.safe_ordering("2_9"))
    safe.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    x = phi8_points[:1000]
    np.testing.assert_array_equal(served.serve(x), safe(x))
    assert served.serve(x[:1]).shape == (1, 5)


def small_model(seed=0, classes=3):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((2,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(classes)]
    return keras.Sequential(layers)


def test_training_metrics_and_status():
    y, rng = Outputs(3), np.random.default_rng(0)
    properties = SafeOrdering(
        [
            Property(Box([0, 0], [0.5, 1]), y[0] < y[1]),
            Property(Box([0.4, 0], [1, 1]), y[2].is_max()),
        ]
    )
    x, labels = rng.random((200, 2)).astype("float32"), rng.integers(0, 3, 200)
    model = small_model()
    safe = make_self_correcting(model, properties, return_status=True)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rates = [StatusRate(kind) for kind in ("active", "corrected", "conflict")]
    options = {"run_eagerly": True}  # compiling takes longer than these few rows
    safe.compile(loss={"outputs": loss, "status": None}, metrics={"status": rates}, **options)
    found = safe.evaluate(x, {"outputs": labels, "status": labels}, verbose=0, return_dict=True)
    report = safety_report(model, properties, x)
    rates = {k.removeprefix("status_"): v for k, v in found.items()}
    assert rates["corrected_rate"] == pytest.approx(report.corrected / 200)
    assert rates["conflict_rate"] == 0 and rates["active_rate"] == pytest.approx(1.0)
    trained = make_self_correcting(model, properties)
    trained.compile("adam", loss, **options)
    history = trained.fit(x, labels, epochs=1, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    with pytest.raises(ValueError, match="`kind`"):
        StatusRate("unsafe")


def test_hinge_is_zero_where_all_hold():
    y, rng = Outputs(4), np.random.default_rng(0)
    properties = SafeOrdering(
        [
            Property(Box([0, 0], [0.6, 1]), (y[0] < y[1]) | y.argmax_in(2, 3)),
            Property(PredictedIn([1]), chain(y[0], y[2], y[1])),
            Property(Box([0.5, 0], [1, 1]), y.argmin_in(0, 3) & y.above([1], [2, 3])),
        ],
        score="min",
    )
    x, rows = rng.random((300, 2)).astype("float32"), rng.normal(size=(300, 4)).astype("float32")
    value = ops.convert_to_numpy(ordering_hinge(properties, x, rows))
    from gloro_tf.self_correcting._corrector import Corrector

    found = Corrector(properties)(ops.convert_to_tensor(x), ops.convert_to_tensor(rows))
    violated = ops.convert_to_numpy(found["violated"]).any(1)
    np.testing.assert_array_equal(value > 0, violated)
    wide = ops.convert_to_numpy(ordering_hinge(properties, x, rows, margin=0.5))
    assert np.all(wide >= value) and np.any(wide > value)
    by_hand = ordering_hinge([Property(Always(), y[0] < y[1])], x[:1], [[3.0, 1, 0, 0]], 0.5)
    assert float(by_hand[0]) == 2.5
    with pytest.raises(ValueError, match="`margin`"):
        ordering_hinge(properties, x, rows, -1)


def test_hinge_trains_violations_away():
    y, rng = Outputs(3), np.random.default_rng(0)
    x, labels = rng.random((256, 2)).astype("float32"), np.zeros(256)
    model = small_model()
    falling = np.argsort(-model.predict(x, verbose=0).mean(0))
    rising = chain(*[y[int(i)] for i in falling])  # what the model does turned round
    properties = SafeOrdering([Property(Box([0, 0], [1, 1]), rising)])
    assert safety_report(model, properties, x).violated[0] > 100
    outputs = OrderingHinge(properties, margin=0.1)([model.inputs[0], model.outputs[0]])
    trained = keras.Model(model.inputs, outputs)
    trained.compile(keras.optimizers.Adam(0.05), loss=lambda y, z: 0.0 * ops.mean(z))
    trained.fit(x, labels, batch_size=64, epochs=12, verbose=0)
    assert safety_report(model, properties, x).violated[0] == 0
    again = OrderingHinge.from_config(trained.layers[-1].get_config())
    assert again.margin == 0.1 and again.ordering.get_config() == properties.get_config()


def test_acas_xu_as_vnnlib():
    """Each property, written and read again, decides the same costs."""
    from gloro_tf.self_correcting._truth import Truth

    every = np.random.default_rng(0).normal(size=(300, 5)).astype("float32")
    for network in ("1_1", "1_9", "2_9", "3_3", "4_5"):
        for prop in acas_xu.safe_ordering(network):
            text = to_vnnlib(prop, bounds=acas_xu.domain())
            (again,) = from_vnnlib(text)
            holds = []
            for one in (prop, again):
                found = SafeOrdering([one]).alternatives[0]
                truth = Truth(found, np.zeros(len(found), "int64"))
                holds.append(ops.convert_to_numpy(truth(ops.convert_to_tensor(every))[0]))
            np.testing.assert_array_equal(*holds)


def test_wrapping_errors():
    y = Outputs(3)
    prop = Property(Box([0, 0], [1, 1]), y[0] < y[1])
    with pytest.raises(ValueError, match="must be about the 4 outputs|must be about 4 outputs"):
        make_self_correcting(small_model(classes=4), [prop])
    a, b = keras.Input((2,)), keras.Input((2,))
    two = keras.Model([a, b], keras.layers.Dense(3)(a + b))
    with pytest.raises(ValueError, match="one input"):
        make_self_correcting(two, [prop])
    with pytest.raises(ValueError, match="`model` must be a built"):
        make_self_correcting(lambda x: x, [prop])
