import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf.ensembles import (
    CascadeEnsemble,
    SelectiveEnsemble,
    VotingEnsemble,
    cascade,
    selective_vote,
    vote,
)

SHAPE, CLASSES = (6, 6, 1), 3


def net(seed):
    keras.utils.set_random_seed(seed)
    return gloro_tf.models.CholeskyMLP(1, 8, SHAPE, CLASSES, name=f"net_{seed}")


def member(seed, epsilon=0.05, freeze=True):
    model = gloro_tf.GloroModel(model=net(seed), epsilon=epsilon, name=f"member_{seed}")
    return model.freeze() if freeze else model


@pytest.fixture(scope="module")
def members():
    return [member(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).random((300, *SHAPE)).astype("float32")


def decisions(scores):
    return scores[:, :-1].argmax(axis=1), scores[:, :-1].max(axis=1) > scores[:, -1]


def tables(members, x):
    found = [decisions(m.predict(x, verbose=0)) for m in members]
    return np.stack([f[0] for f in found]), np.stack([f[1] for f in found])


@pytest.mark.parametrize("weights", [None, [1, 2.5, 1]])
def test_voting_is_the_vote(members, x, weights):
    ensemble = VotingEnsemble(members, weights)
    label, certified = decisions(ensemble.predict(x, verbose=0))
    expected = vote(*tables(members, x), CLASSES, weights)
    np.testing.assert_array_equal(label, expected[0])
    np.testing.assert_array_equal(certified, expected[1])
    certificate = ensemble.certify(x)
    np.testing.assert_array_equal(certificate.label, label)
    assert np.mean(certificate.certified == certified) > 0.99  # but for float32 at the edge
    assert certified.any() and not certified.all()


@pytest.mark.parametrize("kind", ["sound", "claimed"])
def test_cascading_is_the_cascade(members, x, kind):
    ensemble = CascadeEnsemble(members, kind)
    label, certified = decisions(ensemble.predict(x, verbose=0))
    expected = cascade(*tables(members, x), kind)
    np.testing.assert_array_equal(label, expected[0])
    np.testing.assert_array_equal(certified, expected[1])
    assert ("UNSOUND" in repr(ensemble)) == (kind == "claimed")
    assert np.mean(ensemble.certify(x).certified == certified) > 0.99


def test_lipschitz_cascades_certify_only_by_radii(members, x):
    ensemble = CascadeEnsemble(members, "lipschitz")
    certificate = ensemble.certify(x)
    labels, radii = ensemble.member_radii(x)
    expected = cascade(labels, None, "lipschitz", radii=radii, epsilon=0.05)
    np.testing.assert_array_equal(certificate.certified, expected[1])
    with pytest.raises(ValueError, match="needs radii"):
        ensemble.predict(x, verbose=0)


def test_evaluates_nests_and_saves(members, x, tmp_path):
    inner = VotingEnsemble(members, name="inner")
    outer = VotingEnsemble([inner, members[0], members[1]], [1, 2, 1], name="outer")
    outer.compile()
    y = np.random.default_rng(1).integers(0, CLASSES, len(x))
    measured = outer.evaluate(x, y, verbose=0, return_dict=True)
    label, certified = decisions(outer.predict(x, verbose=0))
    assert measured["clean_accuracy"] == pytest.approx(np.mean(label == y), abs=1e-6)
    assert measured["vra"] == pytest.approx(np.mean((label == y) & certified), abs=1e-6)
    outer.save(tmp_path / "e.keras")
    loaded = keras.saving.load_model(tmp_path / "e.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), outer.predict(x, verbose=0))
    np.testing.assert_array_equal(loaded.certify(x).radius, outer.certify(x).radius)


@pytest.mark.parametrize("kind", [VotingEnsemble, CascadeEnsemble])
def test_answers_do_not_depend_on_how_they_are_computed(members, x, kind):
    """Oracle 9 of the ensembles: batch sizes, eager, graph and XLA, 16-bit inputs."""
    x = x[:50].astype("float16")
    ensemble = kind(members)
    expected = ensemble.certify(x.astype("float32"))
    for size in (1, 7, 64):
        found = ensemble.certify(x, batch_size=size)
        np.testing.assert_array_equal(found.label, expected.label)
        np.testing.assert_allclose(found.radius, expected.radius, atol=1e-6)
    label, certified = decisions(ensemble.predict(x, verbose=0))
    clear = np.abs(expected.radius - ensemble.epsilon) > 1e-5
    np.testing.assert_array_equal(label, expected.label)
    for form in ({"run_eagerly": True}, {"jit_compile": True}):
        other = kind(members)
        other.compile(**form)
        found = decisions(other.predict(x, verbose=0))
        np.testing.assert_array_equal(found[0], label)
        np.testing.assert_array_equal(found[1][clear], certified[clear])


def test_a_changed_member_is_noticed(x):
    ensemble = VotingEnsemble([member(0), member(1)])
    ensemble.certify(x[:4])
    weight = ensemble.members[1].logits_model.trainable_variables[-1]
    weight.assign(weight + 0.1)
    with pytest.raises(RuntimeError, match="changed since"):
        ensemble.predict(x[:4], verbose=0)
    with pytest.raises(RuntimeError, match="not frozen"):
        VotingEnsemble([member(2, freeze=False)]).certify(x[:4])


def test_weights_from_held_out_data(members, x):
    ensemble = VotingEnsemble(members)
    y = members[1].certify(x).label
    best = max(np.mean((m.certify(x).label == y) & m.certify(x).certified) for m in members)
    assert ensemble.fit_weights(x, y) >= best
    label, certified = decisions(ensemble.predict(x, verbose=0))
    assert np.mean((label == y) & certified) >= best - 0.01


def test_what_is_refused(members):
    with pytest.raises(ValueError, match="same epsilon"):
        VotingEnsemble([members[0], member(5, epsilon=0.1)])
    relaxed = gloro_tf.RTKModel(model=net(7), epsilon=0.05, k=2)
    with pytest.raises(ValueError, match="must certify labels"):
        VotingEnsemble([relaxed])
    with pytest.raises(ValueError, match="must certify labels"):
        VotingEnsemble([net(8)])
    with pytest.raises(ValueError, match="`weights`"):
        VotingEnsemble(members, [1, 2])
    with pytest.raises(ValueError, match="`certificate`"):
        CascadeEnsemble(members, "majority")
    with pytest.raises(ValueError, match="different names.*'member_0'"):
        VotingEnsemble([members[0], member(0)])
    with pytest.raises(ValueError, match="one or more"):
        VotingEnsemble([])
    with pytest.raises(RuntimeError, match="does not train"):
        VotingEnsemble(members).fit()


def test_no_attack_on_a_member_moves_a_certified_vote(members, x):
    """Random points at the certified radius keep the label; far outside they do not."""
    ensemble = VotingEnsemble(members)
    certificate = ensemble.certify(x)
    rng = np.random.default_rng(3)
    changed = {1.0: 0, 60.0: 0}
    for scale in changed:
        for _ in range(10):
            step = rng.normal(size=x.shape).astype("float32")
            step /= np.linalg.norm(step.reshape(len(x), -1), axis=1)[:, None, None, None]
            moved = x + scale * (1 - 1e-5) * certificate.radius[:, None, None, None] * step
            label = ensemble.certify(moved.astype("float32")).label
            changed[scale] += np.sum((label != certificate.label) & (certificate.radius > 0))
    assert changed[1.0] == 0 and changed[60.0] > 0


def test_selective(x, tmp_path):
    models = [net(seed) for seed in range(8)]
    ensemble = SelectiveEnsemble(models, alpha=0.3)
    labels = np.stack([m.predict(x, verbose=0).argmax(axis=1) for m in models])
    expected = selective_vote(labels, CLASSES, 0.3)
    np.testing.assert_array_equal(ensemble.predict_selective(x), expected)
    assert -1 in expected and np.any(expected >= 0)
    y = labels[0]
    ensemble.compile(metrics=["vra", "rejection_rate"])
    measured = ensemble.evaluate(x, y, verbose=0, return_dict=True)
    assert measured["vra"] == pytest.approx(np.mean(expected == y), abs=1e-6)
    assert measured["rejection_rate"] == pytest.approx(np.mean(expected == -1), abs=1e-6)
    ensemble.save(tmp_path / "s.keras")
    loaded = keras.saving.load_model(tmp_path / "s.keras")
    np.testing.assert_array_equal(loaded.predict_selective(x), expected)
    with pytest.raises(ValueError, match="never answer"):
        SelectiveEnsemble(models[:3])
