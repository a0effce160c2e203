"""Splits, binomial bounds, the calibrator and the figures of an evaluation."""

import numpy as np
import pytest

from gloro_tf import membership
from gloro_tf.membership import Calibrator, MembershipSplit, curves, evaluate
from gloro_tf.membership._binomial import at_least, clopper_pearson
from gloro_tf.membership._logistic import decide, fit_logistic
from gloro_tf.membership.evaluate import interval_over_targets


def test_parts_are_disjoint_and_complete():
    split = MembershipSplit(100, members=np.arange(10), seed=1)
    parts = [split.mask(p) for p in ("members", "attacker", "nonmembers")]
    assert (sum(p.astype(int) for p in parts) == 1).all()
    assert len(split.nonmembers) == 10 and split.is_member.sum() == 10
    assert len(split.redraw(3).members) == 10
    assert not np.array_equal(split.redraw(3).members, split.members)


@pytest.mark.parametrize(
    "message, given",
    [
        ("disjoint", {"members": [0, 1], "attacker": [1, 2], "nonmembers": [3]}),
        ("`members`", {"members": [0, 0]}),
        ("`members`", {"members": [100]}),
        ("`nonmembers`", {"members": 60, "nonmembers": 60}),
        ("`attacker`", {"members": 50, "nonmembers": 50}),
    ],
)
def test_splits_that_are_refused(message, given):
    with pytest.raises(ValueError, match=message):
        MembershipSplit(100, **given)


def test_masks():
    masks = membership.balanced_masks(6, 40)
    assert (masks.sum(axis=0) == 3).all() and (masks.sum(axis=1) == 20).all()
    assert (membership.random_masks(5, 40, 7).sum(axis=1) == 7).all()
    assert (membership.three_parts(40, 13).sum(axis=0) <= 1).all()


def test_binomial_bounds_against_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    n = rng.integers(1, 5000, 200)
    k, p = (n * rng.random(200)).astype(int), rng.random(200)
    np.testing.assert_allclose(at_least(k, n, p), stats.binom.sf(k - 1, n, p), atol=1e-10)
    lower, upper = clopper_pearson(k, n, 0.95)
    np.testing.assert_allclose(lower[k > 0], stats.beta.ppf(0.05, k, n - k + 1)[k > 0], atol=1e-9)
    np.testing.assert_allclose(upper, stats.beta.ppf(0.95, k + 1, n - k), atol=1e-9)
    _, half = interval_over_targets([1.0, 2.0, 4.0])
    assert half == pytest.approx(stats.t.ppf(0.975, 2) * np.std([1, 2, 4], ddof=1) / 3**0.5)


def achieved(calibrator, separation, prior=0.5):
    """The true precision of a threshold on normal scores."""
    stats = pytest.importorskip("scipy.stats")
    tpr, fpr = stats.norm.sf(calibrator.threshold - np.array([separation, 0]))
    return prior * tpr / (prior * tpr + (1 - prior) * fpr)


def share_of_runs(confidence, prior=0.5, members=1500, request=0.75, separation=0.6):
    rng, kept, abstained = np.random.default_rng(1), 0, 0
    inside = np.arange(3000) < members
    for _ in range(200):
        calibrator = Calibrator(request, confidence, prior)
        calibrator.fit(rng.normal(size=3000) + separation * inside, inside)
        abstained += calibrator.abstains
        kept += calibrator.abstains or achieved(calibrator, separation, prior) >= request
    return kept / 200, abstained / 200


def test_the_calibrator_keeps_its_promise():
    kept, abstained = share_of_runs(0.95)
    assert kept >= 0.9 and abstained < 0.6
    # At an even confidence, which is no bound, the promise is often broken.
    assert share_of_runs(0.5)[0] < 0.8


def test_the_calibrator_knows_the_base_rate():
    kept, _ = share_of_runs(0.95, prior=0.2, members=1500, request=0.5, separation=1.0)
    assert kept >= 0.9
    kept, _ = share_of_runs(0.95, prior=0.5, members=600, request=0.75, separation=1.0)
    assert kept >= 0.9


def test_abstaining_and_what_it_would_need():
    rng = np.random.default_rng(0)
    inside = np.arange(400) < 200
    scores = rng.normal(size=400) + inside
    calibrator = Calibrator(0.9).fit(scores, inside)
    assert calibrator.abstains and not calibrator.predict(scores).any()
    assert calibrator.needed > 400
    found = evaluate(scores, inside, calibrator=calibrator)
    assert found.calibrated.called == 0 and np.isnan(found.calibrated.precision)
    assert np.isinf(Calibrator(0.9).fit(np.zeros(400), inside).needed)
    with pytest.raises(ValueError, match="after `fit`"):
        Calibrator().predict(scores)


def test_figures_against_definitions():
    rng = np.random.default_rng(2)
    inside = rng.random(300) < 0.4
    scores = np.round(rng.normal(size=300) + 0.5 * inside, 1)  # with ties
    pairs = scores[inside][:, None] - scores[~inside]
    area, error = curves.auc(scores, inside)
    assert area == pytest.approx(np.mean(pairs > 0) + 0.5 * np.mean(pairs == 0))
    assert 0.02 < error < 0.05
    brute = [(scores >= t)[inside].mean() - (scores >= t)[~inside].mean() for t in scores]
    assert curves.advantage(scores, inside) == pytest.approx(max(brute))
    at, precision, recall = curves.precision_recall(scores, inside, prior=inside.mean())
    called = scores >= at[3]
    assert precision[3] == pytest.approx(inside[called].mean())
    assert recall[3] == pytest.approx(called[inside].mean())
    assert curves.top_precision(np.arange(100.0), np.arange(100) >= 97, 0.05) == 0.6


def test_low_false_positive_rates_need_non_members():
    scores, inside = np.arange(1200.0), np.arange(1200) >= 1000
    assert curves.tpr_at_fpr(scores, inside, 0.01) == 1.0
    with pytest.raises(ValueError, match="10000"):
        curves.tpr_at_fpr(scores, inside, 0.001)
    assert evaluate(scores, inside).tpr_at_fpr == {0.01: 1.0, 0.001: None}


def test_logistic_regression_has_no_slope_at_its_end():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3))
    y = rng.random(500) < 1 / (1 + np.exp(-x @ [1, -2, 0.5] - 0.3))
    weights = fit_logistic(x, y, l2=0.0)
    rest = 1 / (1 + np.exp(-decide(x, weights))) - y
    assert np.abs(np.column_stack([x, np.ones(500)]).T @ rest).max() < 1e-5
    assert fit_logistic(x, y, [5.0, 5, 5, 5], l2=1e9)[:3] == pytest.approx([5, 5, 5], abs=1e-3)


def test_what_is_refused():
    for given in ({"precision": 1.0}, {"confidence": 0}, {"prior": 2}, {"min_count": 0}):
        with pytest.raises(ValueError, match=next(iter(given))):
            Calibrator(**given)
    with pytest.raises(ValueError, match="NaN"):
        evaluate([np.nan, 1.0], [True, False])
    with pytest.raises(ValueError, match="members and non-members"):
        evaluate([0.0, 1.0], [True, True])
