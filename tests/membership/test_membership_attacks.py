"""Attacks against closed forms, identities, and targets that leak nothing."""

import copy
import sys

import keras
import numpy as np
import pytest
from membership_data import blobs

from gloro_tf import membership
from gloro_tf.membership import BayesWB, GeneralWB, LiRA, LossThreshold, Naive, curves
from gloro_tf.membership._logits import log_softmax, logits_model
from gloro_tf.membership.lira import lira_scores


def softmax_pair(d):
    return [keras.Sequential([keras.Input((d,)), keras.layers.Dense(2)]) for _ in range(2)]


def test_the_naive_attack_has_its_closed_forms(case):
    scores, inside = Naive(case.model).score(*case.judged), case.split.is_member
    labels = case.model.predict(case.judged[0], verbose=0).argmax(axis=1)
    right = labels == case.judged[1]
    train, test = right[inside].mean(), right[~inside].mean()
    found = membership.evaluate(scores, inside, threshold=0.5)
    assert found.calibrated.recall == train
    assert found.calibrated.advantage == pytest.approx(train - test)
    assert found.calibrated.precision == pytest.approx(train / (train + test))
    assert scores[~inside].mean() == test
    assert train > test + 0.05  # the target is overfit


def gaussian(models, d, n, n_proxy, rng):
    """Advantages at 0 with the population's mean known, and with a proxy's, two naive Bayes classes."""
    inside, outside = rng.normal(size=(2, n, d)) / 1.0
    other, proxy = rng.normal(size=(n, d)), rng.normal(size=(n_proxy, d)).mean(axis=0)
    means = np.stack([inside.mean(axis=0), other.mean(axis=0)])
    gains = []
    for reference in (np.zeros(d), proxy):
        both = np.stack([reference, np.zeros(d)])
        for model, m in zip(models, (np.stack([means[0], np.zeros(d)]), both), strict=True):
            model.layers[0].set_weights([m.T, -0.5 * (m**2).sum(axis=1)])
        attack = BayesWB(*models)
        x, y = np.concatenate([inside, outside]).astype("float32"), np.zeros(2 * n, int)
        gains.append(curves.advantage(attack.score(x, y), np.arange(2 * n) < n, 0.0))
    return gains


@pytest.mark.parametrize("d, n, n_proxy", [(50, 100, 100), (200, 100, 100), (100, 100, 1000)])
def test_gaussian_advantages_are_those_of_the_formulas(d, n, n_proxy):
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(d)
    models = softmax_pair(d)
    found = np.array([gaussian(models, d, n, n_proxy, rng) for _ in range(30)])
    a, middle = d * (1 / n + 1 / n_proxy), d / (2 * n_proxy) - d / (2 * n)
    known = 2 * stats.norm.cdf(np.sqrt(d / n) / 2) - 1
    proxy = stats.norm.cdf(np.sqrt(a) / 2) - stats.norm.cdf(middle / np.sqrt(a))
    errors = np.abs(found.mean(axis=0) - [known, proxy])
    spread = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (errors < 3 * spread + 0.005).all()
    assert abs(known - proxy) > 3 * spread[1] or n_proxy > n  # they can be told apart


@pytest.mark.parametrize("form", ["logit", "logprob"])
def test_scores_are_differences_of_class_scores(case, form):
    x, y = case.judged
    for proxies in (case.proxies, case.hidden):
        attack = BayesWB(case.model, proxies, score=form)
        own, others = case.model.predict(x, verbose=0), proxies.predict(x)
        take = log_softmax if form == "logprob" else lambda v: v - v.mean(axis=-1, keepdims=True)
        expected = (take(own.astype("float64")) - take(others).mean(axis=0))[np.arange(160), y]
        np.testing.assert_allclose(attack.score(x, y), expected, atol=1e-5)
        for doi in ("point", "line"):
            evidence = attack.evidence(x[:40], y[:40], doi, n=20)
            np.testing.assert_allclose(evidence.score, expected[:40], atol=1e-4, rtol=1e-5)
    assert evidence.terms.shape == (40, 16) and evidence.top(3).shape == (40, 3)


def test_influences_are_complete_where_the_model_is_smooth(case):
    """Of a linear model both forms agree; of a smooth one the line is complete; of a wrong term not."""
    x, y = case.judged
    linear = BayesWB(case.model, case.hidden)  # Above the hidden layer only a Dense is left.
    point, line = (linear.evidence(x, y, doi) for doi in ("point", "line"))
    np.testing.assert_allclose(point.terms, line.terms, atol=1e-5)
    np.testing.assert_allclose(point.gap, 0, atol=1e-4)

    def smooth():
        layers = [keras.layers.Dense(8, "tanh"), keras.layers.Dense(3)]
        return keras.Sequential([keras.Input((20,)), *layers])

    attack = BayesWB(smooth(), [smooth()])
    line, point = attack.evidence(x, y, "line"), attack.evidence(x, y)
    np.testing.assert_allclose(line.score, attack.score(x, y), atol=1e-5)
    np.testing.assert_allclose(line.gap, 0, atol=1e-5)
    assert np.abs(point.gap).max() > 0.1
    kinked = BayesWB(case.model, case.proxies)
    gaps = [np.abs(kinked.evidence(x[:50], y[:50], "line", n).gap).mean() for n in (4, 64)]
    assert gaps[1] < 0.3 * gaps[0]


def test_a_common_vector_changes_nothing(case):
    """Softmax parameters are only known up to it; the raw logit does change."""
    x, y = case.judged
    twin = case.recipe.build()
    twin.set_weights(case.model.get_weights())
    kernel, bias = twin.layers[-1].get_weights()
    twin.layers[-1].set_weights([kernel + np.linspace(-3, 3, 16)[:, None], bias + 5])
    for form in ("logit", "logprob"):
        one, other = (BayesWB(m, case.proxies, score=form).score(x, y) for m in (case.model, twin))
        np.testing.assert_allclose(one, other, atol=1e-4)
    raw = [m.predict(x, verbose=0)[np.arange(160), y] for m in (case.model, twin)]
    assert np.abs(raw[0] - raw[1]).max() > 1


def test_a_proxy_that_is_the_target_gives_zero(case):
    assert np.abs(BayesWB(case.model, [case.model]).score(*case.judged)).max() < 1e-6


def every_attack(case, model, x, y, online_masks):
    pool = case.pool
    return {
        "loss": LossThreshold(model).score(x, y),
        "bayes": BayesWB(model, case.proxies).score(x, y),
        "matched": BayesWB(model, case.proxies, None, "logodds", pool, case.proxies.masks).score(
            x, y
        ),
        "lira": LiRA(model, case.proxies).score(x, y),
        "online": LiRA(model, case.online, online=True).score(x, y, online_masks),
        "rmia": membership.RMIA(model, case.proxies, pool, case.proxies.masks).score(x, y),
        "rmia, gamma 2": membership.RMIA(model, case.proxies, pool, gamma=2).score(x, y),
        "rmia online": membership.RMIA(model, case.online, pool, online=True).score(
            x, y, online_masks
        ),
        "black box": membership.ShadowBlackBox(model).fit(case.proxies, *pool).score(x, y),
    }


def test_larger_means_member_in_every_attack(case):
    inside = case.split.is_member
    for name, scores in every_attack(case, case.model, *case.judged, case.online.masks).items():
        area, error = curves.auc(scores, inside)
        assert area > 0.5 + error, name


def test_a_target_with_permuted_members_says_nothing_about_the_old_ones(case):
    """A target that was trained on half of the members and half of the others, in their stead."""
    inside, (x, y) = case.split.is_member, case.judged
    rng = np.random.default_rng(0)
    permuted = np.zeros(len(inside), bool)
    for group in (inside, ~inside):
        permuted[rng.permutation(np.flatnonzero(group))[: group.sum() // 2]] = True
    model = case.recipe.train(x[permuted], y[permuted], seed=8)
    for name, scores in every_attack(case, model, x, y, case.online.masks).items():
        area, error = curves.auc(scores, inside)
        assert abs(area - 0.5) < 3 * error, name
        area, error = curves.auc(scores, permuted)
        assert area > 0.5 + error, name


def test_a_target_that_is_not_overfit_leaks_nothing():
    x, y = blobs(3600, seed=5)
    split = membership.MembershipSplit(3600, members=1200, nonmembers=1200)
    recipe = membership.TrainingRecipe(
        lambda: keras.Sequential([keras.Input((20,)), keras.layers.Dense(3)]), epochs=5
    )
    model = recipe.train(x[split.members], y[split.members])
    rows = split.attacker
    proxies = membership.fit_proxies(recipe, x[rows], y[rows], 2)
    scores = BayesWB(model, proxies).score(x[split.candidates], y[split.candidates])
    found = membership.evaluate(scores, split.is_member, threshold=0.0)
    low, high = found.calibrated.advantage_interval
    assert low < 0 < high and found.auc_interval[0] < 0.5 < found.auc_interval[1]


def test_a_member_that_is_repeated_is_seen_better(case):
    x, y = case.x[case.split.members], case.y[case.split.members].copy()
    y[0] = (y[0] + 1) % 3  # An example that does not fit in: only memory can explain it.
    counts, rows = (0, 1, 8), np.append(np.zeros(8, int), np.arange(1, len(x)))
    masks = np.zeros((3, len(rows)), bool)
    for mask, copies in zip(masks, counts, strict=True):
        mask[8 - copies : 80 - copies] = True  # 72 examples each, the copies first.
    models = case.recipe.train_many(x[rows], y[rows], masks=masks, seeds=[7, 7, 7])
    found = [BayesWB(models[i], case.proxies).score(x[:1], y[:1])[0] for i in range(3)]
    assert found[0] < found[1] < found[2]


def taught(case, displacement, found):
    attack = copy.copy(case.general)
    attack.displacement = displacement
    attack._learned, attack._combination = attack._learn(found)
    return attack


@pytest.mark.parametrize("displacement", ["linear", "mlp"])
def test_untrained_general_is_bayes(case, displacement):
    """Of two slices, their mean."""
    attack = taught(case, displacement, [])
    each = [BayesWB(case.model, side.proxies).score(*case.judged) for side in attack._sides]
    np.testing.assert_allclose(attack.score(*case.judged), np.mean(each, axis=0), atol=1e-4)
    assert np.abs(each[0] - each[1]).max() > 0.1


@pytest.mark.parametrize("displacement", ["linear", "mlp"])
def test_general_learns_over_slices(case, displacement):
    attack = taught(case, displacement, case.general._found[:1])
    assert curves.auc(attack.score(*case.judged), case.split.is_member)[0] > 0.55


def test_lira_against_tensorflow_privacy(monkeypatch):
    """Larger means a non-member there; `pip install --no-deps tensorflow-privacy==0.8.12`."""
    monkeypatch.setattr(sys, "skip_tf_privacy_import", True, raising=False)
    rng = np.random.default_rng(0)
    inside = membership.balanced_masks(16, 50)
    references, target = rng.normal(size=(16, 50)) + 2 * inside, rng.normal(size=50)
    try:
        from tensorflow_privacy.privacy.privacy_tests.membership_inference_attack import (
            advanced_mia,
        )
    except (ImportError, AttributeError) as error:
        pytest.skip(f"tensorflow-privacy 0.8.12 is not installed: {error}")
    parts = [[references[m[:, i], i][:, None] for i in range(50)] for m in (inside, ~inside)]
    for pooled in (True, False):
        theirs = advanced_mia.compute_score_lira(target[:, None], *parts, "both", pooled)
        ours = lira_scores(target, references, inside, True, pooled)
        np.testing.assert_allclose(ours, -theirs, atol=1e-8)
    # Offline they give the log density, here it is the distance from the mean in deviations.
    theirs = advanced_mia.compute_score_lira(target[:, None], *parts, "out", True)
    ours = lira_scores(target, references, inside)
    assert np.ptp(theirs + 0.5 * ours**2) < 1e-8


def test_probabilities_become_logits(case):
    """A softmax or sigmoid at the end is taken off; a single logit becomes two."""
    inputs = keras.Input((20,))
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(inputs))
    x, y = case.judged
    logits = logits_model(model).predict(x, verbose=0)
    probabilities = model.predict(x, verbose=0)
    np.testing.assert_allclose(np.exp(log_softmax(logits)), probabilities, atol=1e-5)
    binary = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(inputs))
    confidence = np.exp(LossThreshold(binary).score(x, y > 0))
    p = binary.predict(x, verbose=0)[:, 0]
    np.testing.assert_allclose(confidence, np.where(y > 0, p, 1 - p), atol=1e-5)


@pytest.mark.parametrize(
    "message, call",
    [
        ("`score`", lambda c: BayesWB(c.model, c.proxies, score="probability")),
        ("`slice`", lambda c: BayesWB(c.model, c.proxies, slice=0)),
        ("`slice`", lambda c: BayesWB(c.model, c.proxies, slice="nowhere")),
        ("`frozen_from`", lambda c: membership.fit_proxies(c.recipe, *c.pool, 2, slice=0)),
        ("`inside`", lambda c: LiRA(c.model, c.online, online=True).score(*c.judged)),
        ("from scratch", lambda c: LiRA(c.model, c.hidden)),
        ("`y`", lambda c: LossThreshold(c.model).score(c.judged[0], np.eye(3)[c.judged[1]])),
        ("`displacement`", lambda c: GeneralWB(c.model, displacement="cubic")),
        ("`doi`", lambda c: BayesWB(c.model, c.proxies).evidence(*c.judged, doi="plane")),
    ],
)
def test_what_is_refused(case, message, call):
    with pytest.raises(ValueError, match=message):
        call(case)
