"""Audits of what practitioners bring: odd types, small sets, missing classes, wrong models."""

import keras
import numpy as np
import pytest

from gloro_tf import membership, plots
from gloro_tf.membership import Calibrator, MembershipSplit, TrainingRecipe, evaluate

RNG = np.random.default_rng(0)
Y = np.arange(120) % 3
X = (RNG.normal(size=(120, 4)) + np.eye(3, 4)[Y]).astype("float32")


def build():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])


RECIPE = TrainingRecipe(build, epochs=2, batch_size=30, jit_compile=False)


def audit(model=None, recipe=RECIPE, x=X, y=Y, split=None, **given):
    split = split or MembershipSplit(len(x), members=20)
    data = x, y, split
    options = {"proxies": 2, "shadows": 2, "path": None, "verbose": 0}
    return membership.audit(model or build(), recipe, data, **(options | given))


@pytest.mark.parametrize(
    "message, given",
    [
        ("`y`.*return_inverse", {"y": np.array(["a", "b", "c"])[Y]}),
        ("`y`.*argmax", {"y": np.eye(3)[Y]}),
        (r"`y` must lie in \[0, 3\)", {"y": Y + 1}),
        ("`proxies`", {"proxies": 1}),
        ("`shadows` must be an even", {"shadows": 3}),
        ("`rounds`", {"rounds": -1}),
        ("`targets`", {"targets": 0}),
        ("`precision` must be a number", {"precision": "high"}),
        ("`data` must hold", {"split": MembershipSplit(60, members=20)}),
        ("at least 4 examples", {"split": MembershipSplit(120, members=58, nonmembers=59)}),
        ("`recipe` must build models of the shapes", {"model": "wide"}),
        ("finite logits", {"model": "nan"}),
        ("`slice` must be None, or a layer", {"slices": ["no such layer"]}),
    ],
)
def test_what_is_refused(message, given):
    wide = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    broken = build()
    broken.set_weights([np.nan * w for w in broken.get_weights()])
    model = {"wide": wide, "nan": broken}.get(given.get("model"))
    with pytest.raises(ValueError, match=message):
        audit(**(given | {"model": model}))


def test_a_recipe_that_would_mislead_is_refused(tmp_path):
    def probabilities():
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])

    with pytest.raises(ValueError, match="`build` must return a model of logits"):
        TrainingRecipe(probabilities).train(X, Y)
    with pytest.raises(ValueError, match="`private` must be None with a `fit`"):
        TrainingRecipe(build, fit=lambda m, x, y: None, private=membership.PrivateSGD())
    occupied = tmp_path / "file"
    occupied.write_text("")
    with pytest.raises(OSError):
        audit(path=occupied)


def test_bytes_columns_and_one_logit():
    """uint8 images, labels of shape (n, 1), a softmax or sigmoid with a training loop of one's own."""
    x = (255 * np.clip(X, 0, 1)).astype("uint8")

    def audited(units, activation, loss, y):
        def make():
            layers = [keras.layers.Rescaling(1 / 255), keras.layers.Dense(units, activation)]
            return keras.Sequential([keras.Input((4,)), *layers])

        def fit(model, x, y):
            model.compile("sgd", loss, run_eagerly=True)
            model.fit(x, y, batch_size=20, verbose=0)

        return audit(make(), TrainingRecipe(make, fit=fit), x, y)

    for report in (
        audited(3, "softmax", "sparse_categorical_crossentropy", Y[:, None]),
        audited(1, "sigmoid", "binary_crossentropy", Y > 0),
    ):
        assert all(0 <= e.auc <= 1 for e in report.evaluations.values())
        assert "LiRA, online" not in report.calibrators  # Two shadows leave none to compare with.


def test_the_notes_say_what_spoils_an_audit():
    order = np.argsort(Y, kind="stable")
    split = MembershipSplit(120, members=order[:20], nonmembers=order[100:], attacker=order[40:60])
    x = X.copy()
    x[order[40]] = x[order[0]]
    notes = " ".join(audit(x=x, split=split).notes)
    assert "1 examples outside the members equal a member" in notes
    assert "class 0, 2 is only among members" in notes
    assert "class 0, 2 is not among the attacker's" in notes
    assert "references saw 8 examples, the model 20" in notes
    clean = " ".join(audit(split=MembershipSplit(120, members=20)).notes)
    assert "equal a member" not in clean and "class" not in clean


def test_what_many_targets_achieve(tmp_path):
    report = audit(targets=2, path=tmp_path)
    gaps = [run["naive"].gap for run in (report.evaluations, *report.others)]
    assert f"gap {np.mean(gaps):.4f} +- " in str(report) and len(gaps) == 2
    fixed = Calibrator(0.6, confidence=0.5, min_count=1)
    rng = np.random.default_rng(0)
    runs = []
    for count in (40, 30):
        inside = np.arange(count) < 10
        scores = rng.normal(size=count) + inside
        fixed.fit(scores, inside)
        runs.append({"a": evaluate(scores, inside, calibrator=fixed)})
    pooled = membership.AuditReport(runs[0], runs[1:], {}, 0.6, ()).achieved()["a"]
    tpr, fpr = (
        np.mean([r["a"].calibrated.recall for r in runs]),
        np.mean([r["a"].calibrated.recall - r["a"].calibrated.advantage for r in runs]),
    )
    assert pooled == (pytest.approx(tpr / (tpr + fpr)), sum(r["a"].calibrated.called for r in runs))
    assert (
        "achieved, for 90%" in str(report)
        and "achieved, for 90%" in (tmp_path / "audit.txt").read_text()
    )


def test_infinite_scores_are_ordered_and_never_a_threshold():
    scores = np.array([np.inf, np.inf, 0.0, -np.inf, -np.inf])
    inside = np.array([True, False, True, True, False])
    assert evaluate(scores, inside).auc == pytest.approx((1.5 + 1 + 0.5) / 6)
    many, members = np.repeat(scores, 40), np.repeat([True, True, True, False, False], 40)
    found = Calibrator(0.9).fit(many, members)
    assert found.threshold == 0.0 and found.predict(scores).tolist() == [True] * 3 + [False] * 2
    silent = Calibrator(0.9).fit(RNG.normal(size=100), np.arange(100) % 2 == 0)
    assert silent.abstains and not silent.predict([np.inf]).any()
    assert evaluate(scores, inside, calibrator=silent).calibrated.called == 0


def test_many_curves_can_be_told_apart():
    pytest.importorskip("matplotlib")
    curve = np.array([0.1, 0.5, 1.0]), np.array([0.2, 0.6, 1.0])
    for draw in (plots.attack_roc, plots.attack_precision):
        lines = draw({str(i): curve for i in range(11)}).axes[0].get_lines()[:11]
        assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 11
