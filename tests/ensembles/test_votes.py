"""Votes, cascades and selective votes against exhaustive search."""

import itertools
import math
import time

import numpy as np
import pytest

from gloro_tf.ensembles import (
    binomial_p_values,
    cascade,
    disagreement_bound,
    fit_weights,
    selective_vote,
    smallest_ensemble,
    vote,
    vote_radius,
)


def column(values):
    return np.array(values)[:, None]


def random_tables(rng, members, n, classes):
    return rng.integers(0, classes, (members, n)), rng.random((members, n)) < 0.6


@pytest.mark.parametrize("members, classes", [(1, 2), (2, 3), (3, 3), (4, 2), (5, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_vote_against_every_reassignment(members, classes, weighted):
    """Certified implies: no labels of the uncertified members change the winner; and nearly the
    converse, ties apart."""
    rng = np.random.default_rng(members)
    weights = rng.integers(1, 5, members).astype("float64") if weighted else None
    labels, certified = random_tables(rng, members, 60, classes)
    chosen, holds = vote(labels, certified, classes, weights)
    for i in range(60):
        free = np.flatnonzero(~certified[:, i])
        outcomes, margins = set(), []
        for change in itertools.product(range(classes), repeat=len(free)):
            moved = labels[:, i].copy()
            moved[free] = change
            scores = np.bincount(moved, weights, classes)
            outcomes.add(int(scores.argmax()))
            margins.append(scores[chosen[i]] - np.delete(scores, chosen[i]).max())
        stable = outcomes == {chosen[i]}
        assert stable or not holds[i]
        assert holds[i] == (min(margins) > 0)


def test_vote_identities():
    rng = np.random.default_rng(0)
    labels, certified = random_tables(rng, 4, 500, 3)
    one = vote(labels[:1], certified[:1], 3)
    np.testing.assert_array_equal(one[0], labels[0])
    np.testing.assert_array_equal(one[1], certified[0])
    copies = vote(np.repeat(labels[:1], 5, 0), np.repeat(certified[:1], 5, 0), 3)
    np.testing.assert_array_equal(copies, one)
    dictator = vote(labels, certified, 3, [0.1, 5, 0.1, 0.1])
    np.testing.assert_array_equal(dictator[0], labels[1])
    np.testing.assert_array_equal(dictator[1], certified[1])
    base = vote(labels, certified, 3, [1, 2, 3, 4])
    np.testing.assert_array_equal(base, vote(labels, certified, 3, [10, 20, 30, 40]))
    order = [2, 0, 3, 1]
    np.testing.assert_array_equal(
        base, vote(labels[order], certified[order], 3, np.array([1, 2, 3, 4])[order])
    )
    fewer = certified.copy()
    fewer[2] = False
    assert not np.any(vote(labels, fewer, 3)[1] & ~vote(labels, certified, 3)[1])


def test_vote_radius_is_thresholding():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, (5, 300))
    radii = np.where(rng.random((5, 300)) < 0.3, 0, rng.random((5, 300)))
    label, radius = vote_radius(labels, radii, 3)
    for r in (0.05, 0.3, 0.6, 0.9):
        chosen, holds = vote(labels, radii >= r, 3)
        np.testing.assert_array_equal(holds, radius >= r)
        np.testing.assert_array_equal(chosen, label)
    assert np.all(vote_radius(labels, 0 * radii, 3)[1] == 0)
    assert vote_radius(np.zeros((2, 1), "int64"), np.full((2, 1), np.inf), 2)[1] == np.inf


def test_the_counterexample_to_cascades():
    """Two sound members on the line, radius 1; inputs 1.2 and 0.9 are 0.3 apart."""

    def members(x):
        labels = column([1 if x < 2 else 0, 0])
        return labels, column([abs(x - 2) > 1, True])

    answers = {
        kind: [cascade(*members(x), kind) for x in (1.2, 0.9)] for kind in ("claimed", "sound")
    }
    (first, second) = answers["claimed"]
    assert first[1] and second[1] and first[0] != second[0]  # both "certified", and different
    assert not any(holds for _, holds in answers["sound"])
    assert not any(vote(*members(x), 2)[1] for x in (1.2, 0.9))


@pytest.mark.parametrize("members", [1, 2, 3])
def test_sound_cascade_is_the_worst_case_over_every_state(members):
    """All states nearby that sound members allow: a certified member keeps its label, and a member
    certified there with another label was uncertified here."""
    for labels in itertools.product(range(2), repeat=members):
        for certified in itertools.product((False, True), repeat=members):
            answer, holds = cascade(column(labels), column(certified), "sound")
            _, claimed = cascade(column(labels), column(certified), "claimed")
            nearby = set()
            for new in itertools.product(range(2), repeat=members):
                for sure in itertools.product((False, True), repeat=members):
                    kept = all(
                        a == b or not (c or s)
                        for a, b, c, s in zip(labels, new, certified, sure, strict=True)
                    )
                    if kept:
                        nearby.add(int(cascade(column(new), column(sure), "claimed")[0][0]))
            assert holds[0] == (nearby == {answer[0]})
            assert claimed[0] or not holds[0]


def universe(rng, members, size=24):
    """Labels on a line of points, and exact radii (steps to the nearest other label)."""
    labels = (rng.random((members, size)) < 0.5).astype("int64")
    for row in labels:  # runs of a few points
        for start in range(0, size, 3):
            row[start : start + 3] = row[start]
    distance = np.abs(np.arange(size)[:, None] - np.arange(size))
    radii = np.array(
        [np.where(row[:, None] != row, distance, size).min(axis=1) - 1 for row in labels]
    )
    return labels, radii


def test_claims_on_finite_universes():
    """Votes, sound and Lipschitz cascades: no false claim; published cascades: many."""
    rng, epsilon = np.random.default_rng(0), 1
    false = dict.fromkeys(("vote", "sound", "lipschitz", "claimed"), 0)
    claims = dict(false)
    for _ in range(300):
        labels, radii = universe(rng, 3)
        thinned = (radii >= epsilon) & (rng.random(radii.shape) < 0.7)
        slower = np.maximum(radii - 1, 0)  # also 1-Lipschitz
        answers = {
            "vote": vote(labels, thinned, 2),
            "sound": cascade(labels, thinned, "sound"),
            "claimed": cascade(labels, thinned, "claimed"),
            "lipschitz": cascade(
                labels, None, "lipschitz", radii=slower.astype(float), epsilon=epsilon
            ),
        }
        for name, (label, holds) in answers.items():
            for shift in (-1, 1):
                moved = np.roll(label, shift)
                inner = np.ones(len(label), "bool")
                inner[0 if shift == 1 else -1] = False
                false[name] += np.sum(holds & inner & (moved != label))
            claims[name] += holds.sum()
    assert all(claims.values())
    assert false["vote"] == false["sound"] == false["lipschitz"] == 0
    assert false["claimed"] > 0.1 * claims["claimed"]


def test_cascades_depend_on_their_order():
    labels, certified = column([0, 1]), column([True, True])
    assert (
        cascade(labels, certified, "claimed")[0] != cascade(labels[::-1], certified, "claimed")[0]
    )
    fallback, holds = cascade(column([0, 0, 1]), column([False] * 3))
    assert fallback[0] == 1 and not holds[0]


def test_a_million_rows():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, (10, 1_000_000), "int8")
    certified = rng.random((10, 1_000_000), "float32") < 0.7
    begin = time.process_time()
    vote(labels, certified, 10)
    cascade(labels, certified)
    assert time.process_time() - begin < 20  # the bar is 2 s; a test that times must not be tight


def test_weights_beat_the_best_member_or_are_it():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 800)
    labels = np.array([np.where(rng.random(800) < p, y, (y + 1) % 3) for p in (0.8, 0.75, 0.7)])
    certified = rng.random(labels.shape) < 0.8
    alone = [np.mean((a == y) & c) for a, c in zip(labels, certified, strict=True)]
    for method in ("search", "softmax_adam"):
        weights, vra = fit_weights(labels, certified, y, 3, method)
        assert vra >= max(alone) - 1e-12 and weights.sum() == pytest.approx(1)
        assert np.all(weights >= 0)
        chosen, holds = vote(labels, certified, 3, weights)
        assert vra == pytest.approx(np.mean(holds & (chosen == y)))
    with pytest.raises(ValueError, match="`method`"):
        fit_weights(labels, certified, y, 3, "lbfgs")
    with pytest.raises(ValueError, match="at most 7"):
        fit_weights(np.zeros((8, 2), "int64"), np.ones((8, 2), "bool"), [0, 0], 2)


THRESHOLDS = {6: 6, 7: 7, 8: 8, 9: 8, 10: 9, 11: 10, 12: 10, 13: 11, 14: 12, 15: 12, 20: 15}
THRESHOLDS |= {25: 18, 30: 21, 40: 27, 50: 33, 100: 61}


def test_p_values():
    table = binomial_p_values(50)
    binomtest = pytest.importorskip("scipy.stats").binomtest
    for a in range(51):
        for b in range(51 - a):
            if a + b:
                assert table[a, b] == pytest.approx(binomtest(a, a + b, 0.5).pvalue, rel=1e-9)


@pytest.mark.parametrize("n, votes", THRESHOLDS.items())
def test_thresholds(n, votes):
    labels = np.array([[0] * (n - k) + [1] * k for k in range(n + 1)]).T
    answers = selective_vote(labels, 2)
    expected = [0 if n - k >= votes else 1 if k >= votes else -1 for k in range(n + 1)]
    np.testing.assert_array_equal(answers, expected)


def test_only_the_top_two_counts_matter():
    labels = column([0] * 9 + [1] + [2] * 0)
    assert selective_vote(labels, 3)[0] == 0
    spread = column([0] * 8 + [1] + [2] * 11 + [3])
    assert selective_vote(spread, 4)[0] == -1  # 11 against 8
    assert selective_vote(column([0] * 8 + [1, 2, 3, 4]), 5)[0] == 0  # 8 against 1
    permuted = np.random.default_rng(0).permutation(np.array([0] * 9 + [1]))
    assert selective_vote(permuted[:, None], 2)[0] == 0


def test_alpha_runs_from_never_answering_to_the_plain_vote():
    labels = np.random.default_rng(0).integers(0, 3, (12, 5_000))
    counts = np.stack([(labels == c).sum(axis=0) for c in range(3)])
    largest = np.sort(counts, axis=0)
    plain = np.where(largest[-1] > largest[-2] + 1, counts.argmax(axis=0), -1)  # a lead of 1: p = 1
    np.testing.assert_array_equal(selective_vote(labels, 3, alpha=1 - 1e-12), plain)
    unanimous = np.zeros((12, 1), "int64")
    least = 2.0 ** (1 - 12)
    assert selective_vote(unanimous, 2, alpha=least)[0] == 0
    with pytest.raises(ValueError, match="never answer"):
        selective_vote(unanimous, 2, alpha=least * (1 - 1e-9))


def test_ensembles_that_never_answer_are_refused():
    with pytest.raises(ValueError, match="5 members can never answer.*at least 6 members"):
        selective_vote(np.zeros((5, 3), "int64"), 2)
    assert [smallest_ensemble(a) for a in (0.05, 0.01, 0.1, 0.0625)] == [6, 8, 5, 5]
    with pytest.raises(ValueError, match="`alpha`"):
        selective_vote(np.zeros((9, 3), "int64"), 2, alpha=0)


@pytest.mark.parametrize(
    "n, wrong, differ",
    [(6, 0.0156, 0.00049), (10, 0.0107, 0.00023), (15, 0.0176, 0.00062), (20, 0.0207, 0.00086)],
)
def test_disagreement_bounds(n, wrong, differ):
    found = disagreement_bound(n)
    assert found[0] == pytest.approx(wrong, abs=6e-5)
    assert found[1] == pytest.approx(differ, abs=6e-6)
    rng = np.random.default_rng(0)
    first, second = (selective_vote(rng.integers(0, 2, (n, 200_000)), 2) for _ in range(2))
    both = (first >= 0) & (second >= 0) & (first != second)
    sigma = math.sqrt(differ / 200_000)
    assert abs(both.mean() - found[1]) < 5 * sigma


def test_answers_follow_the_mode():
    rng = np.random.default_rng(0)
    for mode in ([0.4, 0.35, 0.25], [0.55, 0.45, 0]):
        labels = rng.choice(3, p=mode, size=(15, 40_000))
        answers = selective_vote(labels, 3)
        assert np.mean(answers > 0) <= 0.05


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: vote([0, 1], [True, True], 2), r"`labels` must be integers of shape"),
        (lambda: vote([[0.5]], [[True]], 2), "`labels`"),
        (lambda: vote([[3]], [[True]], 2), "num_classes=2"),
        (lambda: vote([[0]], [[True, False]], 2), "`certified`"),
        (lambda: vote([[0]], [[0.5]], 2), "True or False"),
        (lambda: vote([[0]], [[True]], 2, [-1]), "`weights`"),
        (lambda: vote([[0]], [[True]], 2, [0]), "all be 0"),
        (lambda: vote_radius([[0]], [[np.nan]], 2), "`radii`"),
        (lambda: cascade([[0]], [[True]], "published"), "`certificate`"),
        (lambda: cascade([[0]]), "`certified` must be given"),
        (lambda: cascade([[0]], None, "lipschitz"), "`radii` and a positive"),
    ],
)
def test_bad_tables(call, match):
    with pytest.raises(ValueError, match=match):
        call()
