"""What does not fit is refused by name, with a remedy, and before anything is trained."""

import keras
import numpy as np
import pytest

from gloro_tf import membership
from gloro_tf.membership import (
    RMIA,
    BayesWB,
    Calibrator,
    GeneralWB,
    LiRA,
    MembershipSplit,
    References,
    ShadowBlackBox,
    TrainingRecipe,
    curves,
    evaluate,
    fit_proxies,
)

Y = np.arange(60) % 3
X = (np.random.default_rng(0).normal(size=(60, 4)) + np.eye(3, 4)[Y]).astype("float32")
SPLIT = MembershipSplit(60, members=12)
SCORES, INSIDE = np.arange(60.0), np.arange(60) % 2 == 0


def build(units=3):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])


def never(*_):
    raise AssertionError("a model was trained before the arguments were checked")


MODEL, PROXIES, RECIPE = build(), [build(), build()], TrainingRecipe(build, fit=never)


def audit(data=(X, Y, SPLIT), recipe=RECIPE, **given):
    options = {"proxies": 2, "shadows": 2, "path": None, "verbose": 0}
    return membership.audit(MODEL, recipe, data, **(options | given))


AUDITS = {
    "`fpr`.*sequence": {"fpr": 0.01},
    "`fpr` must be a number": {"fpr": (0.1, 2)},
    "`seed`": {"seed": -1},
    "`recipe`": {"recipe": None},
    "`data`.*split": {"data": (X, Y)},
    "`slices`.*list": {"slices": "dense"},
    "`x` must be numbers of shape": {"data": (X[:, :3], Y, SPLIT)},
    "`x` must be numbers": {"data": (X.astype(str), Y, SPLIT)},
    "finite logits.*`x`": {"data": (np.where(X > 2, np.nan, X), Y, SPLIT)},
    "`path` must be a folder or None": {"path": 3},
    "`proxies`": {"proxies": True},
}
CALLS = {
    "`slice`.*frozen_from": lambda: fit_proxies(RECIPE, X, Y, 2, frozen_from=MODEL),
    "`k`": lambda: fit_proxies(RECIPE, X, Y, 0),
    "`size`": lambda: fit_proxies(RECIPE, X, Y, 2, 2.5),
    "`masks` must be bools": lambda: fit_proxies(RECIPE, X, Y, masks=np.ones((2, 60), int)),
    "`masks` must give": lambda: fit_proxies(RECIPE, X, Y, masks=np.zeros((2, 60), bool)),
    "`x` and `y`": lambda: fit_proxies(RECIPE, X, Y[:5], 2),
    "`build`": lambda: TrainingRecipe(None),
    "`fit`": lambda: TrainingRecipe(build, fit=3),
    "`loss` must be given for a model of one": lambda: TrainingRecipe(lambda: build(1)).train(X, Y),
    "`models` must hold": lambda: References([]),
    "`models` must be a list": lambda: BayesWB(MODEL, None),
    "`masks` must be bools with": lambda: References(PROXIES, np.ones((2, 5))),
    "`y` must be integer": lambda: GeneralWB(MODEL).fit(RECIPE, X, np.eye(3)[Y]),
    "`size` must be an integer": lambda: GeneralWB(MODEL).fit(RECIPE, X, Y, size=0),
    "`held_out` must come after": lambda: GeneralWB(MODEL).held_out(),
    "`slices` must be a list": lambda: GeneralWB(MODEL, "dense"),
    "`score` must come after": lambda: ShadowBlackBox(MODEL).score(X, Y),
    "`shadows` must have masks": lambda: ShadowBlackBox(MODEL).fit(PROXIES, X, Y),
    "`l2`": lambda: ShadowBlackBox(MODEL, l2=-1),
    "`population`": lambda: RMIA(MODEL, PROXIES, (X[:0], Y[:0])),
    "`population` must": lambda: BayesWB(MODEL, PROXIES, population=X),
    "`gamma`": lambda: RMIA(MODEL, PROXIES, (X, Y), gamma=np.inf),
    "`baseline`": lambda: BayesWB(MODEL, PROXIES).evidence(X, Y, baseline=np.nan),
    "`n` must": lambda: BayesWB(MODEL, PROXIES).evidence(X, Y, n=True),
    "`references` must have the outputs": lambda: LiRA(MODEL, [build(4)]).score(X, Y),
    "`bound` must come after": lambda: Calibrator().bound,
    "`calibrator` must be a fitted": lambda: evaluate(SCORES, INSIDE, calibrator=Calibrator()),
    "`threshold` must be numbers": lambda: evaluate(SCORES, INSIDE, threshold=np.nan),
    "`train_accuracy` must be a number in": lambda: evaluate(SCORES, INSIDE, train_accuracy=3),
    "`test_accuracy` must be a number in": lambda: evaluate(SCORES, INSIDE, test_accuracy=np.nan),
    "`scores` must be real": lambda: evaluate(SCORES + 1j, INSIDE),
    "`share`": lambda: curves.top_precision(SCORES, INSIDE, 2.0),
    "`values`": lambda: membership.interval_over_targets([]),
    "`confidence`": lambda: membership.interval_over_targets([1, 2], 1.0),
    "`members` must say": lambda: MembershipSplit(9, members=None),
    "`members` must be different": lambda: MembershipSplit(9, members=[[1, 2], [3]]),
    "`size` must be an integer of": lambda: membership.three_parts(9, -1),
    "`epsilon` must be numbers": lambda: membership.advantage_bound(np.nan),
    "`noise_multiplier` must": lambda: membership.account(-1.0, 0.1, 10, 1e-3),
    "`sampling`": lambda: membership.account(0.0, 5, 10, 1e-3),
    "`steps`": lambda: membership.account(0.0, 0.5, 0, 1e-3),
    "`clip`": lambda: membership.PrivateSGD("1"),
}


@pytest.mark.parametrize("message", AUDITS)
def test_an_audit_refuses_before_it_trains(message):
    with pytest.raises(ValueError, match=message):
        audit(**AUDITS[message])


@pytest.mark.parametrize("message", CALLS)
def test_what_does_not_fit_is_refused_by_name(message):
    with pytest.raises(ValueError, match=message):
        CALLS[message]()


def test_a_folder_that_cannot_be_written_is_seen_before_training(tmp_path):
    (tmp_path / "roc.png").mkdir()
    with pytest.raises(OSError, match="`path`.*roc.png cannot be replaced"):
        audit(path=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["roc.png"]


def test_a_single_reference_has_no_deviation():
    """Scores are then distances, not distances over 0; of an example with one model, the others'."""
    single = LiRA(MODEL, [PROXIES[0]]).score(X, Y)
    plain = BayesWB(MODEL, [PROXIES[0]], score="logodds").score(X, Y)
    np.testing.assert_allclose(single, plain, atol=1e-5)
    inside = np.zeros((3, 60), bool)
    inside[:2, 0] = True  # One model is left to compare the first example with.
    models = [*PROXIES, build()]
    assert np.abs(LiRA(MODEL, models, pooled=False).score(X, Y, inside)[0]) < 1e3
