"""Log-odds, and scores that are matched to a population of strangers."""

import keras
import numpy as np
import pytest

from gloro_tf.membership import BayesWB, LiRA, curves
from gloro_tf.membership._logits import log_odds
from gloro_tf.membership._matching import fit_matching


def test_log_odds_are_those_of_offline_lira(case):
    x, y = case.judged
    ours = BayesWB(case.model, case.proxies, score="logodds").score(x, y)
    theirs = LiRA(case.model, case.proxies, center="mean").score(x, y)
    assert np.array_equal(ours.argsort(), theirs.argsort())
    own = case.model.predict(x, verbose=0).astype("float64")
    p = np.exp(own) / np.exp(own).sum(axis=1, keepdims=True)
    p = p[np.arange(len(y)), y]
    sure = p > 1 - 1e-4  # Where the quotient has lost its digits.
    np.testing.assert_allclose(log_odds(own, y)[~sure], np.log(p / (1 - p))[~sure], rtol=1e-8)


def matched(case, form="logodds", slices=None):
    proxies = case.proxies if slices is None else case.hidden
    return BayesWB(case.model, proxies, None, form, case.pool, proxies.masks)


@pytest.mark.parametrize("form", ["logit", "logprob", "logodds"])
def test_evidence_adds_up_after_matching(case, form):
    x, y = (part[:40] for part in case.judged)
    attack, plain = matched(case, form), BayesWB(case.model, case.proxies, score=form)
    expected = attack.score(x, y)
    for doi in ("point", "line"):
        evidence = attack.evidence(x, y, doi, n=20)
        np.testing.assert_allclose(evidence.score, expected, atol=1e-3, rtol=1e-4)
    assert np.abs(plain.score(x, y) - expected).max() > 0.05


def test_evidence_of_log_odds_where_the_class_is_certain(case):
    """Probabilities of 1 in float32: the log-odds are still those of the logits."""
    twin = case.recipe.build()
    twin.set_weights(case.model.get_weights())
    kernel, bias = twin.layers[-1].get_weights()
    twin.layers[-1].set_weights([30 * kernel, bias])
    x, y = (part[:40] for part in case.judged)
    attack = BayesWB(twin, case.proxies, score="logodds")
    evidence = attack.evidence(x, y)
    assert np.abs(attack.score(x, y)).max() > 100
    np.testing.assert_allclose(evidence.score, attack.score(x, y), rtol=1e-4, atol=1e-2)


def test_matching_finds_what_was_planted():
    rng = np.random.default_rng(0)
    y, proxies = rng.integers(0, 4, 4000), rng.normal(2, 3, 4000)
    offsets = np.array([0.5, -1.0, 0.0, 2.0])
    found = fit_matching(1.3 * proxies + offsets[y] + rng.normal(size=4000), proxies, y, 5)
    assert found.slope == pytest.approx(1.3, abs=0.02)
    np.testing.assert_allclose(found.offsets[:4], offsets, atol=0.15)
    # The class without examples takes the others' mean; one example alone changes little.
    assert found.offsets[4] == pytest.approx(offsets.mean(), abs=0.15)
    alone = fit_matching(np.array([5.0]), np.array([1.0]), np.array([0]), 5)
    assert np.isfinite(alone.offsets).all() and alone.slope == pytest.approx(1.0)


def test_strangers_score_zero_on_average(case):
    """Of each class; and a proxy that is as the target, but half as sure, is matched as well."""
    x, y = case.pool
    attack = matched(case)
    unseen = ~case.proxies.masks.all(axis=0)
    scores = attack.score(x[unseen], y[unseen], case.proxies.masks[:, unseen])
    for label in range(3):
        assert abs(scores[y[unseen] == label].mean()) < 0.1
    half = case.recipe.build()
    half.set_weights(case.model.get_weights())
    kernel, bias = half.layers[-1].get_weights()
    half.layers[-1].set_weights([kernel / 2, bias / 2])
    plain = BayesWB(case.model, half)
    assert curves.auc(plain.score(*case.judged), case.split.is_member)[0] > 0.52
    assert np.abs(BayesWB(case.model, half, population=case.pool).score(*case.judged)).max() < 0.2


def test_what_is_refused(case):
    with pytest.raises(ValueError, match="`population_inside`"):
        BayesWB(case.model, case.proxies, population_inside=case.proxies.masks)
    everyone = np.ones(case.proxies.masks.shape, bool)
    with pytest.raises(ValueError, match="`population`"):
        BayesWB(case.model, case.proxies, population=case.pool, population_inside=everyone)
    with pytest.raises(ValueError, match="`inside`"):
        BayesWB(case.model, case.proxies, population=case.pool, population_inside=everyone[:2])


def test_a_hidden_slice_is_matched(case):
    attack = matched(case, "logit", slices=0)
    assert isinstance(attack.cut.top, keras.Model)
    assert curves.auc(attack.score(*case.judged), case.split.is_member)[0] > 0.5
