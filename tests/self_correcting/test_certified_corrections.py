"""What stays certified of a corrected model, attacked."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

import gloro_tf
from gloro_tf.self_correcting import (
    Always,
    Box,
    LinearLE,
    Not,
    Outputs,
    PredictedIn,
    Property,
    SafeOrdering,
    make_self_correcting,
)

Y = Outputs(3)
EPSILON = 0.1


@pytest.fixture(scope="module")
def base():
    """A certified model of the plane: the largest of three linear functions."""
    inputs = keras.Input((2,))
    net = keras.Model(inputs, keras.layers.Dense(3, name="logits")(inputs))
    net.set_weights([np.array([[1.0, -1, 0], [0, 0.5, -1]], "float32"), np.array([-0.5, 0.2, 0.3])])
    return gloro_tf.GloroModel(model=net, epsilon=EPSILON).freeze()


def points(n=400, seed=0):
    return np.random.default_rng(seed).random((n, 2)).astype("float32")


PROPERTIES = {
    "box": [Property(Box([0.4, 0.0], [0.6, 1.0]), ~Y[0].is_max())],
    "half-space": [Property(LinearLE([[1.0, 1.0]], [0.8]), Y[2].is_max())],
    "two that conflict with a class only together": [
        Property(Box([0.0, 0.0], [0.5, 1.0]), Y[0] < Y[1]),
        Property(Box([0.3, 0.0], [1.0, 0.5]), Y[0] < Y[2]),
        Property(Box([0.3, 0.3], [0.6, 0.6]), (Y[1] < Y[0]) | (Y[2] < Y[1])),
    ],
    "outside": [Property(Not(Box([0.1, 0.1], [0.7, 0.8])), Y.argmax_in(1, 2))],
    "prediction": [Property(PredictedIn([1]), Y[0] < Y[2]), Property(Always(), Y[2] < Y[1])],
    "conflict": [
        Property(Box([0.0, 0.0], [0.5, 1.0]), Y[0] < Y[1]),
        Property(Box([0.4, 0.0], [1.0, 1.0]), Y[1] < Y[0]),
    ],
}


def correct(base, properties):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        safe = make_self_correcting(base, properties)
    safe.run_eagerly = True  # compiling takes longer than these few rows
    return safe


def nearby(x, radius, seed=1, tries=60):
    """Points strictly within a radius of each: random ones, and a ring just inside."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, (len(x), tries))
    share = np.where(np.arange(tries) % 2, 0.999, np.sqrt(rng.random(angle.shape)))
    step = np.stack([np.cos(angle), np.sin(angle)], -1) * (share * radius[:, None])[..., None]
    return (x[:, None] + step).astype("float32")


def answers(model, x):
    """Labels, with -1 where there is no finite answer or bottom wins for want of one."""
    scores = model.predict(x.reshape(-1, 2), batch_size=2**15, verbose=0)
    label = scores[:, :-1].argmax(1)
    return np.where(scores[:, -1] >= 1e29, -1, label).reshape(x.shape[:-1])


@pytest.mark.parametrize("name", PROPERTIES)
def test_no_attack_breaks_what_is_certified(base, name):
    safe, x = correct(base, PROPERTIES[name]), points()
    found = safe.certify(x, batch_size=512)
    inside = np.minimum(found.radius, 1.0)
    labels = answers(safe, nearby(x, inside))
    held = found.radius > 0
    assert held.sum() > 20
    assert np.all(labels[held] == found.label[held, None])
    scores = safe.predict(x, 512, verbose=0)
    certified = scores[:, :-1].max(1) > scores[:, -1]
    np.testing.assert_array_equal(scores[:, :-1].argmax(1), found.label)
    assert np.all(found.certified[certified]) and np.mean(found.certified != certified) < 0.02


@pytest.mark.parametrize("name", ["box", "half-space", "outside", "conflict"])
def test_the_attack_breaks_the_certificate_of_the_model_before(base, name):
    """Kept as it was, it would be false: the probe can fail."""
    safe, x = correct(base, PROPERTIES[name]), points()
    kept = base.certify(x)
    labels = answers(safe, nearby(x, np.minimum(kept.radius, 1.0)))
    held = kept.radius > 0
    assert np.any(labels[held] != kept.label[held, None])


def test_what_cannot_change_the_label_costs_nothing(base):
    x, kept = points(), base.certify(points())
    order = [Property(Box([0, 0], [1, 1]), Y.argmin_in(0, 1) | Y.argmin_in(2, 1))]
    order += [Property(PredictedIn([c]), Y[(c + 1) % 3] < Y[(c + 2) % 3]) for c in range(3)]
    found = correct(base, order).certify(x)
    np.testing.assert_array_equal(found.radius, kept.radius)
    np.testing.assert_array_equal(found.label, kept.label)
    far = [Property(Box([9.0, 9.0], [10.0, 10.0]), Y[0].is_max())]
    np.testing.assert_array_equal(correct(base, far).certify(x).radius, kept.radius)
    np.testing.assert_array_equal(correct(base, []).certify(x).radius, kept.radius)


def test_radius_ends_at_the_box(base):
    x = np.array([[0.9, 0.5]], "float32")
    assert base.certify(x).label == [0] and base.certify(x).radius[0] > 0.15
    wall = [Property(Box([None, None], [0.8, None]), ~Y[0].is_max())]
    (radius,) = correct(base, wall).certify(x).radius
    assert 0.0999 < radius <= 0.1000001
    within = [Property(Box([None, None], [0.95, None]), ~Y[0].is_max())]
    found = correct(base, within).certify(x)
    assert found.radius == [0] and found.label != [0] and not found.certified[0]


def test_no_answer_is_bottom(base):
    safe = correct(base, [Property(Always(), Y[0].is_max()), Property(Always(), Y[1].is_max())])
    x = points(5)
    scores = safe.predict(x, 512, verbose=0)
    assert np.all(scores.argmax(1) == 3) and np.isfinite(scores).all()
    assert not safe.certify(x).certified.any() and not safe.certify(x).radius.any()
    broken = correct(base, PROPERTIES["box"]).predict(
        np.array([[np.nan, 0.5]], "float32"), verbose=0
    )
    assert broken.argmax(1) == [3]


def test_convention_and_saving(base, tmp_path):
    safe, x = correct(base, PROPERTIES["box"]), points(50)
    assert safe.predict(x, verbose=0).shape == (50, 4) and safe.epsilon == EPSILON
    safe.compile(run_eagerly=True)
    found = safe.evaluate(x, base.certify(x).label, verbose=0, return_dict=True)
    assert found["clean_accuracy"] < 1 and found["vra"] <= found["clean_accuracy"]
    safe.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.certify(x).radius, safe.certify(x).radius)
    assert again.is_frozen
    assert again.predict(x, verbose=0).tobytes() == safe.predict(x, verbose=0).tobytes()
    vote = gloro_tf.ensembles.VotingEnsemble([safe, base])
    assert vote.certify(x).label.shape == (50,)
    nested = correct(vote, PROPERTIES["half-space"])
    assert nested.predict(x, verbose=0).shape == (50, 4)
    assert np.all(nested.certify(x).radius <= vote.certify(x).radius)


def test_epsilon_is_followed(base):
    safe = correct(base, [Property(Box([None, None], [0.83, None]), ~Y[0].is_max())])
    x = np.array([[0.9, 0.5]], "float32")
    sure = []
    try:
        for epsilon in (0.05, 0.1):
            safe.epsilon = epsilon
            scores = safe.predict(x, verbose=0)[0]
            sure.append(scores[:3].max() > scores[3])
            assert safe.certify(x).certified[0] == sure[-1]
    finally:
        base.epsilon = EPSILON
    assert sure == [True, False]


def test_refusals(base):
    sets = gloro_tf.RTKModel(model=base.logits_model, epsilon=EPSILON, k=2)
    with pytest.raises(ValueError, match="must promise labels"):
        make_self_correcting(sets, PROPERTIES["box"])
    with pytest.raises(ValueError, match="score='min'"):
        make_self_correcting(base, SafeOrdering(PROPERTIES["box"], score="min"))
    unfrozen = gloro_tf.GloroModel(model=base.logits_model, epsilon=EPSILON)
    safe = make_self_correcting(unfrozen, PROPERTIES["box"])
    for call in (safe.certify, safe.predict):
        with pytest.raises(RuntimeError, match="frozen"):
            call(points(2))
    with pytest.raises(RuntimeError, match="does not train"):
        safe.fit(points(2), [0, 1])
    assert ops.shape(safe(points(2))) == (2, 4)
