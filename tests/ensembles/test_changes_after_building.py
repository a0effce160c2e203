"""Ensembles whose members, weights or rules change after they were built and compiled."""

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf.ensembles import CascadeEnsemble, SelectiveEnsemble, VotingEnsemble

SHAPE, CLASSES = (6, 6, 1), 3


def net(seed):
    keras.utils.set_random_seed(seed)
    return gloro_tf.models.CholeskyMLP(1, 8, SHAPE, CLASSES, name=f"net_{seed}")


def head(seed):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)], name=f"head_{seed}")


def member(seed, epsilon=0.05):
    return gloro_tf.GloroModel(model=net(seed), epsilon=epsilon, name=f"member_{seed}").freeze()


@pytest.fixture
def members():
    return [member(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).random((60, *SHAPE)).astype("float32")


def decisions(scores):
    return scores[:, :-1].argmax(axis=1), scores[:, :-1].max(axis=1) > scores[:, -1]


def assert_predicts_what_it_certifies(ensemble, x):
    label, certified = decisions(ensemble.predict(x, verbose=0))
    found = ensemble.certify(x)
    np.testing.assert_array_equal(label, found.label)
    np.testing.assert_array_equal(certified, found.certified)
    return label, certified


def test_members_of_different_radii_promise_nothing(members, x):
    ensemble = VotingEnsemble(members)
    outer = CascadeEnsemble([ensemble, member(4)])
    assert_predicts_what_it_certifies(ensemble, x)
    members[2].epsilon = 0.5
    for changed in (ensemble, outer):
        for ask in (changed.predict, changed.certify):
            with pytest.raises(RuntimeError, match="same epsilon.*0.05, 0.5"):
                ask(x)
    ensemble.epsilon = 0.05
    assert_predicts_what_it_certifies(ensemble, x)


def test_weights_that_are_assigned_count_at_once(members, x):
    ensemble = VotingEnsemble(members)
    outer = VotingEnsemble([ensemble, member(4)], [2, 1])
    before = [assert_predicts_what_it_certifies(e, x)[0] for e in (ensemble, outer)]
    ensemble.weights_of_votes = [10, 1, 1]
    after = [assert_predicts_what_it_certifies(e, x)[0] for e in (ensemble, outer)]
    assert all(np.any(a != b) for a, b in zip(before, after, strict=True))
    with pytest.raises(ValueError, match="`weights`"):
        ensemble.weights_of_votes = [1, -5, 3]
    ensemble.weights_of_votes[0] = -1  # a copy
    assert ensemble.get_config()["weights"] == [10, 1, 1]


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_weights_beyond_float32_vote_alike(members, x, scale):
    expected = VotingEnsemble(members, [1, 2, 1]).predict(x, verbose=0)
    scaled = VotingEnsemble(members, [scale, 2 * scale, scale]).predict(x, verbose=0)
    for a, b in zip(decisions(expected), decisions(scaled), strict=True):
        np.testing.assert_array_equal(a, b)
    assert decisions(expected)[1].any()
    with pytest.raises(ValueError, match="finite sum"):
        VotingEnsemble(members, [1e308, 1e308, 1e308])


def test_a_rule_that_is_assigned_counts_at_once(members, x):
    ensemble = CascadeEnsemble(members, "claimed")
    claimed = decisions(ensemble.predict(x, verbose=0))[1]
    ensemble.certificate = "sound"
    assert claimed.sum() > assert_predicts_what_it_certifies(ensemble, x)[1].sum()


def test_a_selective_ensemble_gives_no_answer_without_scores(x):
    nets = [net(10) for _ in range(6)]
    for number, one in enumerate(nets):
        one.name = f"copy_{number}"
    ensemble = SelectiveEnsemble(nets)
    broken = x.copy()
    broken[0], broken[1] = np.nan, np.inf
    found = ensemble.predict_selective(broken)
    assert (found[:2] == -1).all() and (found[2:] >= 0).all()
    assert ensemble.predict_selective(x[:0]).shape == (0,)
    ensemble.alpha = 1e-3  # six votes are not significant any more
    assert (ensemble.predict_selective(x) == -1).all()


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: VotingEnsemble(member(0)), "list of built Keras models"),
        (lambda: VotingEnsemble(None), "list of built Keras models"),
        (lambda: VotingEnsemble([None]), "list of built Keras models"),
        (lambda: SelectiveEnsemble([1] * 6), "list of built Keras models"),
        (lambda: SelectiveEnsemble([member(s) for s in range(6)]), "logits_model"),
        (lambda: SelectiveEnsemble([net(0)] * 6), "independently"),
        (lambda: SelectiveEnsemble([head(s) for s in range(6)]), "two scores"),
        (lambda: SelectiveEnsemble([net(0)] * 6, alpha="a"), "`alpha`"),
        (lambda: VotingEnsemble([member(0)], ["a"]), "`weights`"),
        (lambda: VotingEnsemble([member(0)], [[1], [2, 3]]), "`weights`"),
    ],
)
def test_what_is_refused_by_name(make, match):
    with pytest.raises(ValueError, match=match):
        make()
