"""What the small trained models must show; minutes, so not among the default tests."""

import math

import numpy as np
import pytest

from gloro_tf import influence as gi

pytestmark = pytest.mark.slow
NOUNPP = ("SS", "SP", "PS", "PP")


@pytest.fixture(scope="module", params=[0, 1, 2])
def planted(request):
    """Grammar, accuracies and trace of one trained model in which a quarter of verbs stray."""
    grammar = gi.AgreementGrammar("shared", attraction=0.25)
    model, accuracies = gi.train_language_model(grammar, seed=request.param)
    return grammar, accuracies, gi.LSTMTrace.from_keras(model)


def test_agreement_is_known_before_it_is_analysed(planted):
    _, accuracies, trace = planted
    assert len(accuracies) == 18 and min(accuracies.values()) >= 0.99
    assert trace.deviation <= 1e-5 * 20


def test_the_margin_is_the_planted_one(planted):
    grammar, _, trace = planted
    for task in ("nounpp", "nounppadv"):
        data = grammar.agreement_set(task, 200, seed=5)
        margins = gi.agreement_margins(trace, data)
        for condition in ("SP", "PS"):
            mean = margins[data.condition == condition].mean()
            assert abs(mean - math.log(3)) < 0.5, (task, condition, mean)


def test_the_primary_path_leads_from_the_subject(planted):
    grammar, _, trace = planted
    data = grammar.agreement_set("nounpp", 20, seed=2)
    for condition in NOUNPP:
        sample = gi.sample_paths(trace, data.select(condition))
        assert len(sample) == 20 and len(sample[0]) == 6946
        assert all(p.influence.complete for p in sample)
        assert gi.t_value("primary", sample) >= 0.99
        assert min(p.influence.total for p in sample) > 0
        assert gi.mean_rank("primary", sample) < 10


def test_attractors_pull_back_and_helpful_nouns_help(planted):
    grammar, _, trace = planted
    data = grammar.agreement_set("nounpp", 20, seed=2)
    for condition in NOUNPP:
        sample = gi.sample_paths(trace, data.select(condition), "intervening")
        totals = np.array([p.influence.total for p in sample])
        helpful = condition in ("SS", "PP")
        assert np.all(totals > 0) if helpful else np.all(totals < 0), (condition, totals)
        assert len(sample[0]) == 16


def test_two_nodes_of_the_subject_suffice(planted):
    grammar, _, trace = planted
    data = grammar.agreement_set("nounpp", 200, seed=2)
    table = gi.compression_table(trace, [data])
    mean = table["nounpp", "mean"]
    assert mean["C_s"] >= 0.9 and mean["full"] >= 0.99
    assert abs(mean["C_i"] - 0.5) <= 0.1
    nothing = gi.compress(trace, data, keep=())
    assert np.mean(list(nothing.values())) == pytest.approx(0.5, abs=0.15)
