import itertools

import numpy as np
import pytest

from gloro_tf.ensembles import consistency_report, disagreement_bound, selective_vote


def by_loops(predictions, y):
    """Every figure by plain loops."""
    found = {"inconsistent": 0, "disagreement": 0, "disagreement_or_abstention": 0, "accuracy": 0}
    ensembles, points = predictions.shape
    pairs = list(itertools.combinations(range(ensembles), 2))
    for i in range(points):
        answers = predictions[:, i]
        differ = [answers[a] != answers[b] and -1 not in (answers[a], answers[b]) for a, b in pairs]
        found["inconsistent"] += any(differ) / points
        found["disagreement"] += sum(differ) / points / len(pairs)
        other = sum(answers[a] != answers[b] for a, b in pairs)
        found["disagreement_or_abstention"] += other / points / len(pairs)
        found["accuracy"] += sum(answers == y[i]) / points / ensembles
    return found


@pytest.mark.parametrize("ensembles, classes", [(2, 2), (5, 3), (7, 4)])
def test_against_loops(ensembles, classes):
    rng = np.random.default_rng(classes)
    common = rng.integers(-1, classes, 80)
    own = rng.integers(-1, classes, (ensembles, 80))
    predictions = np.where(rng.random(own.shape) < 0.6, common, own)
    y = rng.integers(0, classes, 80)
    report = consistency_report(list(predictions), y)
    for name, value in by_loops(predictions, y).items():
        assert getattr(report, name) == pytest.approx(value), name
    assert report.abstention == pytest.approx(np.mean(predictions == -1))
    answered = predictions >= 0
    right = (predictions == y)[answered].mean()
    assert report.accuracy_of_answers == pytest.approx(right)
    # The trap of counting abstention as disagreement would be seen.
    assert report.disagreement < report.disagreement_or_abstention


def test_abstaining_is_compatible_with_everything():
    report = consistency_report([[0, -1, 2], [0, 1, -1], [0, 1, 2]])
    assert report.inconsistent == 0 == report.disagreement
    assert report.disagreement_or_abstention > 0 and report.accuracy is None
    silent = consistency_report(np.full((3, 4), -1), np.zeros(4, int))
    assert silent.abstention == 1 and silent.accuracy == 0 and silent.accuracy_of_answers is None
    assert consistency_report([[0, 1], [1, 1]]).inconsistent == 0.5


@pytest.mark.parametrize("n", [10, 20])
def test_coin_tossing_members_stay_within_the_bounds_and_plain_votes_do_not(n):
    """Two classes of equal probability at every point: the worst case of the bound."""
    rng = np.random.default_rng(n)
    labels = rng.integers(0, 2, (24, n, 4000))
    votes = [selective_vote(table, 2) for table in labels]
    report = consistency_report(votes, alpha=0.05, n=n)
    assert report.bound_of_disagreement == disagreement_bound(n)[1]
    assert 0 < report.disagreement < 1.1 * report.bound_of_disagreement
    assert report.disagreement_or_abstention <= report.bound_with_abstention
    assert report.bound_of_error == 0.05
    plain = consistency_report([(2 * table.sum(0) > n).astype(int) for table in labels])
    assert plain.disagreement > 100 * report.bound_of_disagreement


def test_prints_as_a_table():
    text = str(consistency_report([[0, 1, -1, 1]] * 3, [0, 1, 1, 0], alpha=0.05, n=20))
    assert text.startswith("3 ensembles of 20 members on 4 points, alpha = 0.05")
    assert "25.00 %" in text and "50.00 %" in text and "5.00 %" in text
    assert "at most" in text and "None" not in text
    assert "None" not in str(consistency_report([[0, 1], [0, 1]]))


@pytest.mark.parametrize(
    "message, arguments, given",
    [
        ("`predictions`", ([[0, 1]],), {}),
        ("`predictions`", ([[0, 1], [0]],), {}),
        ("`predictions`", ([[0.0, 1.0], [0.0, 1.0]],), {}),
        ("`predictions`", ([[0, -2], [0, 1]],), {}),
        ("`y`", ([[0, 1], [0, 1]], [0]), {}),
        ("`y`", ([[0, 1], [0, 1]], [0, -1]), {}),
        ("together", ([[0, 1], [0, 1]],), {"n": 20}),
        ("never answer", ([[0, 1], [0, 1]],), {"n": 5, "alpha": 0.05}),
    ],
)
def test_what_is_refused(message, arguments, given):
    with pytest.raises(ValueError, match=message):
        consistency_report(*arguments, **given)
