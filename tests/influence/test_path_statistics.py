import numpy as np
import pytest
from small_language_models import random_trace

from gloro_tf import influence as gi
from gloro_tf.influence import statistics, tables


@pytest.fixture(scope="module")
def sample(quantity, short):
    trace, rng = random_trace((4, 4)), np.random.default_rng(0)
    rows = [np.array([1, 4, *rng.integers(0, 20, 1)]) for _ in range(4)]
    return [gi.path_influences(trace, row, quantity, short) for row in rows]


def test_t_values_by_counting(sample):
    for index in (0, 60, 151):
        wins, pairs = 0.0, 0
        for paths in sample:
            for other in range(len(paths)):
                if other != index:
                    a, b = paths.values[index], paths.values[other]
                    wins, pairs = wins + (1.0 if a > b else 0.5 * (a == b)), pairs + 1
        assert gi.t_value(index, sample) == pytest.approx(wins / pairs, abs=1e-12)


def test_a_random_path_has_one_half(sample):
    values = [gi.t_value(k, sample) for k in range(len(sample[0]))]
    assert np.mean(values) == pytest.approx(0.5, abs=1e-12)
    assert 0 <= min(values) < 0.2 and 0.8 < max(values) <= 1


def test_extremes_and_ties():
    assert statistics.exceedance(np.array([1.0, 2.0, 3.0]), 2) == 1
    assert statistics.exceedance(np.array([1.0, 2.0, 3.0]), 0) == 0
    assert statistics.exceedance(np.array([2.0, 2.0, 3.0]), 0) == 0.25
    assert statistics.exceedance(np.array([2.0]), 0) == 0.5


def test_shares_and_ranks(sample):
    shares = np.array([gi.positive_share(k, sample) for k in range(len(sample[0]))])
    minus = np.array([gi.negative_share(k, sample) for k in range(len(sample[0]))])
    assert shares.sum() == pytest.approx(1) == pytest.approx(minus.sum())
    values = np.stack([p.values for p in sample])
    expected = np.mean([max(row[9], 0) / row[row > 0].sum() for row in values])
    assert shares[9] == pytest.approx(expected)
    ranks = [gi.mean_rank(k, sample) for k in range(len(sample[0]))]
    assert np.mean(ranks) == pytest.approx((1 + len(ranks)) / 2)
    primary = sample[0].primary
    assert gi.t_value("primary", sample) == gi.t_value(primary, sample)
    assert gi.t_value(primary.nodes, sample) == gi.t_value(primary.index, sample)


def test_samples_of_different_tasks_are_refused(sample, quantity, short):
    longer = gi.path_influences(random_trace((4, 4)), np.arange(4), quantity, short)
    with pytest.raises(ValueError, match="one length"):
        gi.t_value("primary", [*sample, longer])
    with pytest.raises(ValueError, match="at least one"):
        gi.t_value("primary", [])


@pytest.fixture(scope="module")
def two_nouns():
    rng = np.random.default_rng(1)
    ids, verbs = rng.integers(0, 20, (12, 4)), rng.integers(0, 20, (12, 2))
    conditions = np.repeat(["SS", "SP", "PS", "PP"], 3)
    other = rng.integers(0, 20, (12, 2))
    columns = verbs[:, 0], verbs[:, 1], conditions, other[:, 0], other[:, 1]
    return gi.AgreementSet("made up", ids, *columns, subject=1, intervening=3)


def test_the_table_of_primary_paths(two_nouns):
    trace = random_trace((4, 3))
    options = {"steps": 3, "tolerance": None}
    rows = gi.primary_path_table(trace, [two_nouns], number=3, many=2, **options)
    assert [(r.condition, r.noun) for r in rows[:3]] == [
        ("SS", "subject"),
        ("SS", "intervening"),
        ("SP", "subject"),
    ]
    assert len(rows) == 8 and rows[0].paths == 1089 and rows[1].paths == 16
    assert all(r.sentences == 3 for r in rows)
    sample = gi.sample_paths(trace, two_nouns.select("SP"), "subject", **options)
    row = rows[2]
    assert row.t == gi.t_value("primary", sample)
    assert row.total == pytest.approx(np.mean([p.values.sum() for p in sample]))
    assert row.primary == pytest.approx(np.mean([p.primary.value for p in sample]))
    assert row.share * row.primary > 0 and len(set(row.neurons)) == 2 and row.neuron_part <= 1
    text = gi.format_rows(rows)
    assert len(text.splitlines()) == 10 and "1,089" in text and "made up" in text


def test_compression_keeps_and_drops(two_nouns):
    trace = random_trace((4, 3))
    full = gi.agreement_accuracy(trace, two_nouns)
    gates = {(k, n, s) for k in "ifgo" for n in (0, 1) for s in range(4)}
    assert gi.compress(trace, two_nouns, keep=gates) == full
    assert gi.compress(trace, two_nouns, drop=()) == full
    one = {("g", 0, 1), ("f", 1, 2)}
    kept, dropped = (
        gi.compress(trace, two_nouns, keep=one),
        gi.compress(trace, two_nouns, drop=gates - one),
    )
    assert kept == dropped
    table = gi.compression_table(trace, [two_nouns])
    assert table["made up", "SP"]["full"] == full["SP"]
    assert table["made up", "mean"]["full"] == pytest.approx(np.mean(list(full.values())))
    assert list(table["made up", "PP"]) == [
        "not C_si", "not C_s", "not C_i", "C_si", "C_s", "C_i", "full",
    ]  # fmt: skip
    subject = {("g", 0, 1), ("g", 1, 1)}
    assert gi.primary_gates(trace, 1) == subject
    expected = gi.compress(trace, two_nouns, keep=subject)
    assert {c: table["made up", c]["C_s"] for c in expected} == expected
    assert "C_si" in gi.format_compression(table)


def test_nothing_kept_is_one_answer_for_all(two_nouns):
    """The logits are then the same in all sentences, whatever the fill."""
    trace = random_trace((4, 3))
    quantity = np.full(12, 3), np.full(12, 8)
    same = gi.AgreementSet("t", two_nouns.ids, *quantity, two_nouns.condition, two_nouns.ids[:, 0])
    for fill in ("mean", "zero"):
        found = gi.compress(trace, same, keep=(), fill=fill)
        assert set(found.values()) in ({0.0}, {1.0})


def test_the_mean_is_over_all_conditions(two_nouns):
    """A gate held at its mean is the same for singular and plural: computed by hand."""
    trace = random_trace((4, 3))
    node = ("g", 1, 3)
    held = trace.run(two_nouns.ids)[1, 3].g.mean(axis=0)
    expected = gi.agreement_accuracy(trace, two_nouns, fill={node: held})
    assert gi.compress(trace, two_nouns, drop=[node]) == expected


def test_bad_compressions(two_nouns):
    trace = random_trace((4, 3))
    with pytest.raises(ValueError, match="One of `keep` and `drop`"):
        gi.compress(trace, two_nouns)
    with pytest.raises(ValueError, match="must hold gates"):
        gi.compress(trace, two_nouns, keep={("c", 0, 1)})
    with pytest.raises(ValueError, match="`fill`"):
        gi.compress(trace, two_nouns, keep=(), fill="median")
    assert tables.markdown(["a"], [["1"]]) == "| a |\n| --- |\n| 1 |"
