"""What a calibrator is fitted on must come from the game that it is used in."""

import keras
import numpy as np
import pytest
from membership_data import blobs

from gloro_tf.membership import (
    Calibrator,
    LossThreshold,
    TrainingRecipe,
    fit_proxies,
    two_camps,
)
from gloro_tf.membership._suite import Suite
from gloro_tf.membership.bayes_wb import bayes_scores


@pytest.fixture(scope="module")
def suite(case):
    suite = Suite(case.recipe, case.x, case.y, case.split, 6, 6, 0, {}, seed=3)
    suite.names = {*suite.attacks(case.model), "general-wb"}
    suite.general = case.general
    return suite


def test_two_camps_share_no_example():
    masks, camps = two_camps(5, 41, 12, seed=1)
    assert (masks.sum(axis=1) == 12).all() and set(camps) == {0, 1}
    for i, mask in enumerate(masks):
        assert (camps[mask] == i % 2).all()
    assert not (masks[0::2].any(axis=0) & masks[1::2].any(axis=0)).any()
    for k, size in ((1, 5), (4, 20), (4, 0)):
        with pytest.raises(ValueError, match="must be at least"):
            two_camps(k, 41, size)


def test_references_of_a_shadow_saw_none_of_its_candidates(suite, monkeypatch):
    """As the references of the target: by the logits that each attack was given."""
    seen = []
    monkeypatch.setattr(
        "gloro_tf.membership._suite._offline",
        lambda own, others, y, strangers: seen.append((own, others, y, strangers)) or {},
    )
    suite._shadow_scores()
    x, labels = suite.pool
    logits, masks = suite.apart.predict(x), suite.apart.masks
    assert len(seen) == 6
    for i, (own, others, y, strangers) in enumerate(seen):
        half = suite.camps == i % 2
        np.testing.assert_array_equal(own, logits[i, half])
        np.testing.assert_array_equal(y, labels[half])
        references = [j for j in range(6) if j % 2 != i % 2]
        np.testing.assert_array_equal(others, logits[references][:, half])
        assert not masks[references][:, half].any() and masks[i, half].sum() == suite.size
        # Nor are strangers members of the shadow, or seen by all that they are compared with.
        assert not masks[i, ~half].any()
        assert len(strangers[2]) == (~masks[references][:, ~half].all(axis=0)).sum()


def test_shadows_at_a_slice_are_attacked_as_the_target_is(suite, monkeypatch):
    """By proxies above their own layer that saw none of the candidates and begin elsewhere."""
    seen = []

    def noted(recipe, x, y, k, size, **options):
        seen.append((x, size, options, fit_proxies(recipe, x, y, k, size, **options)))
        return seen[-1][-1]

    monkeypatch.setattr("gloro_tf.membership._suite.fit_proxies", noted)
    parts = suite._sliced(0)
    assert len(parts) == len(seen) == 4
    seeds = [suite.apart.models.seeds]
    for i, ((scores, inside), (x, size, options, proxies)) in enumerate(zip(parts, seen)):
        half = suite.camps == i % 2
        np.testing.assert_array_equal(x, suite.pool[0][~half])
        np.testing.assert_array_equal(inside, suite.apart.masks[i, half])
        assert len(scores) == half.sum() and size == suite.size and len(proxies) == suite.proxies
        kept = options["frozen_from"].layers[0].get_weights()
        np.testing.assert_array_equal(kept[0], suite.apart[i].layers[0].get_weights()[0])
        seeds.append(proxies.models.seeds)
    assert len(np.unique(np.concatenate(seeds))) == 6 * 5


def test_lira_is_not_calibrated_without_a_deviation(case):
    """Where a shadow has a single reference, or one with and one without each example."""
    suite = Suite(case.recipe, case.x, case.y, case.split, 2, 4, 0, {}, seed=3)
    names = set(suite._shadow_scores())
    assert "bayes-wb" in names and not {"LiRA, offline", "LiRA, online"} & names


def test_every_attack_of_an_audit_but_the_naive_one_is_calibrated(suite):
    calibrators = suite.calibrators(0.75, 0.95, 0.5)
    assert suite.names - set(calibrators) == {"naive"}
    points = {name: sum(len(s) for s, _ in parts) for name, parts in suite._shadow_scores().items()}
    assert points["bayes-wb"] == points["bayes-wb, matched"] == 6 * 160
    assert points["general-wb"] == calibrators["general-wb"].count == 2 * 2 * 80


def test_general_wb_is_calibrated_on_shadows_it_did_not_learn_from(suite, monkeypatch):
    attack, learned = suite.general, []
    monkeypatch.setattr(attack, "_learn", lambda found: learned.append(found) or ([], np.zeros(1)))
    monkeypatch.setattr("gloro_tf.membership.general_wb._columns", lambda *_: np.zeros((4, 0)))
    attack.held_out()
    for number, found in enumerate(learned):
        assert all(one is not attack._found[number] for one in found)
        assert len(found) == len(attack._found) - 1


def test_scores_of_shadows_are_as_those_of_targets():
    """References that saw nothing of a shadow's half; those of its own half resemble it too much."""
    x, y = blobs(1200, features=60)
    masks = np.zeros((16, 1200), bool)
    for seed, mask in enumerate(masks[:4]):
        mask[600 + np.random.default_rng(seed).permutation(400)[:200]] = True
    own, camps = two_camps(12, 600, 200, seed=1)
    masks[4:, :600] = own
    recipe = TrainingRecipe(
        lambda: keras.Sequential([keras.Input((60,)), keras.layers.Dense(3)]),
        epochs=40,
        batch_size=200,
        optimizer=keras.optimizers.Adam(0.05),
        jit_compile=False,
    )
    logits = recipe.train_many(x, y, masks=masks).predict(x).astype("float64")
    found = {"target": [], "two camps": [], "one camp": []}
    for reference, seen in enumerate(own):
        new = slice(1000, 1200)  # Strangers to all.
        theirs = logits[4 + reference]
        for mine in logits[:4]:
            found["target"].append(bayes_scores(mine[new], theirs[None, new], y[new]))
        for shadow in set(range(12)) - {reference}:
            rest = np.append((camps == shadow % 2) & ~own[shadow] & ~seen, np.zeros(600, bool))
            name = "one camp" if shadow % 2 == reference % 2 else "two camps"
            found[name].append(bayes_scores(logits[4 + shadow, rest], theirs[None, rest], y[rest]))
    spread = {name: np.concatenate(parts).std() for name, parts in found.items()}
    assert spread["two camps"] == pytest.approx(spread["target"], rel=0.1)
    assert spread["one camp"] < 0.9 * spread["target"]


def test_a_calibrator_is_for_the_scores_it_saw(case):
    scores = LossThreshold(case.model).score(*case.judged)
    with pytest.raises(ValueError, match="NaN"):
        Calibrator(0.75).fit(np.full(160, np.nan), case.split.is_member)
    calibrator = Calibrator(0.51, min_count=1).fit(scores, case.split.is_member)
    with pytest.raises(ValueError, match="NaN"):
        calibrator.predict(np.full(3, np.nan))
