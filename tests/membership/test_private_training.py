"""Private training: against per-example gradients one by one, and the guarantee."""

import keras
import numpy as np
import pytest
from membership_data import blobs

from gloro_tf import membership, plots
from gloro_tf.membership import PrivateSGD, advantage_bound
from gloro_tf.training import fit_many
from gloro_tf.training.private import PrivatePlan

X, Y = blobs(40)


def linear():
    return keras.Sequential([keras.Input((20,)), keras.layers.Dense(3)])


def fit(private, epochs=1, **kwargs):
    given = {"seeds": [3, 4], "epochs": epochs, "batch_size": 10, "jit_compile": False}
    optimizer = keras.optimizers.SGD(0.5)
    return fit_many(linear, X, Y, optimizer=optimizer, private=private, **(given | kwargs))


def by_hand(private, seed, clip):
    """A linear softmax model, one example after another, in NumPy."""
    keras.utils.set_random_seed(seed)
    kernel, bias = linear().get_weights()
    shapes = [kernel.shape, bias.shape]
    plan = PrivatePlan(private, np.array([seed]), None, 40, 10, 1, shapes)
    for rows, shares, *noise in zip(*plan.epoch(0), strict=True):
        totals = [part[0].astype("float64") for part in noise]
        for row in rows[0][shares[0] > 0]:
            odds = np.exp(X[row] @ kernel + bias)
            error = odds / odds.sum() - np.eye(3)[Y[row]]
            found = np.outer(X[row], error), error
            norm = np.sqrt(sum((g**2).sum() for g in found))
            totals = [t + g * min(1, clip / norm) for t, g in zip(totals, found, strict=True)]
        kernel, bias = (w - 0.5 * t / 10 for w, t in zip((kernel, bias), totals, strict=True))
    return kernel, bias


@pytest.mark.parametrize("noise", [0.0, 1.5])
def test_steps_are_those_of_one_example_after_another(noise):
    private = PrivateSGD(clip=0.7, noise_multiplier=noise)
    many = fit(private)
    for member, seed in enumerate((3, 4)):
        for ours, theirs in zip(many[member].get_weights(), by_hand(private, seed, 0.7)):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)
    wrong = by_hand(private, 3, 0.9)[0]  # Another clip would be seen.
    assert np.abs(many[0].get_weights()[0] - wrong).max() > 1e-3


def test_each_example_is_taken_by_itself():
    plan = PrivatePlan(PrivateSGD(), np.arange(2), None, 400, 40, 20, [(1,)])
    sizes = np.concatenate([plan.epoch(e)[1].sum(axis=2).ravel() for e in range(20)])
    assert sizes.mean() == pytest.approx(40, abs=1.5) and 4 < sizes.std() < 8


def test_the_bound_on_any_attack():
    np.testing.assert_allclose(advantage_bound([0.25, 1, 4]), [0.1244, 0.4621, 0.9640], atol=1e-4)
    assert advantage_bound(1.0, 0.1) == pytest.approx((np.e - 1 + 0.2) / (np.e + 1))


def test_a_private_target_stays_below_the_bound():
    pytest.importorskip("dp_accounting")
    x, y = blobs(900)
    split = membership.MembershipSplit(900, members=300, nonmembers=300)
    noise = membership.noise_for(1.0, 0.2, 25, 1e-3)
    recipe = membership.TrainingRecipe(
        linear, epochs=5, batch_size=60, private=PrivateSGD(1.0, noise), jit_compile=False
    )
    found = membership.guarantee(recipe, 300, 1e-3)
    assert 0.9 < found.epsilon <= 1.0 and found.tightest < found.advantage < 0.47
    model = recipe.train(x[split.members], y[split.members])
    proxies = membership.fit_proxies(recipe, x[split.attacker], y[split.attacker], 4)
    scores = membership.BayesWB(model, proxies).score(x[split.candidates], y[split.candidates])
    result = membership.evaluate(scores, split.is_member, threshold=0.0).calibrated
    assert result.advantage_interval[0] < found.advantage
    assert noise > 1.02 * membership.noise_for(1.1, 0.2, 25, 1e-3)
    assert membership.account(0.0, 0.2, 25, 1e-3).advantage == 1.0


@pytest.mark.parametrize(
    "message, given", [("clip", {"clip": 0}), ("noise", {"noise_multiplier": -1})]
)
def test_what_is_refused(message, given):
    with pytest.raises(ValueError, match=message):
        PrivateSGD(**given)
    with pytest.raises(ValueError, match="`sample_weight`"):
        fit(PrivateSGD(), sample_weight=np.ones(40))
    with pytest.raises(ValueError, match="`private`"):
        fit("yes")


def test_the_audit_prints_and_saves(case, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    report = membership.audit(
        case.model,
        case.recipe,
        (case.x, case.y, case.split),
        proxies=4,
        shadows=4,
        slices=[case.model.layers[0].name],
        targets=2,
        path=tmp_path,
    )
    text = capsys.readouterr().out
    hidden = f"bayes-wb, {case.model.layers[0].name}"
    assert hidden in text and hidden in report.calibrators
    assert "too few" in text and "gap" in text and "2 targets" in text
    assert report.strongest in report.evaluations
    for name in ("audit.txt", "roc.png", "precision.png"):
        assert (tmp_path / name).stat().st_size > 200
    figure = plots.advantage_against_epsilon([1, 2], {"a": [0.1, 0.2]}, {"bound": [0.5, 0.8]})
    assert figure.axes[0].get_xlabel() == "epsilon"
