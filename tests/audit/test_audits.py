"""Audits pass sound models, and see planted faults."""

import json

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf import audit
from gloro_tf.attacks import PGD
from gloro_tf.audit.__main__ import main


@pytest.fixture(scope="module")
def planted(frozen):
    """A copy of the digits' model that divides its bound by a factor, with a fingerprint to match."""

    def plant(factor):
        model = gloro_tf.GloroModel(
            model=keras.models.clone_model(frozen.logits_model), epsilon=0.2, name="planted"
        )
        model.logits_model.set_weights(frozen.logits_model.get_weights())
        tables = frozen.frozen_tables()
        return model.restore_frozen({**tables, "growth": tables["growth"] * factor})

    return plant


def test_a_sound_model_passes(frozen, digits):
    report = audit.certificate(frozen, digits[2], digits[3])
    assert report.violations == () and len(report.points) == 0
    assert report.vra <= report.empirical <= report.clean
    assert report.empirical < report.clean  # the attack does something
    assert 0.5 < report.tightness["largest"] <= 1
    found = frozen.certify(digits[2])
    assert report.vra == np.mean((found.label == digits[3]) & found.certified)
    assert "attacks inside certified radii that succeeded: 0" in str(report)
    json.dumps(report.to_dict())


def test_a_bound_that_is_too_small_is_found(planted, digits):
    with pytest.raises(audit.UnsoundCertificate, match="certificates are false") as caught:
        audit.certificate(planted(0.5), digits[2][:200], digits[3][:200])
    report = caught.value.report
    assert "VIOLATION" in str(report)
    model = planted(0.5)
    assert len(report.violations) == len(report.points) > 5
    for found, point in list(zip(report.violations, report.points, strict=True))[:5]:
        x = digits[2][found["index"]]
        assert np.linalg.norm(point.astype("float64") - x) <= found["radius"]
        assert model.certify(point[None]).label[0] == found["attacked_label"] != found["label"]
    calm = audit.certificate(model, digits[2][:200], digits[3][:200], strict=False)
    assert [v["index"] for v in calm.violations] == [v["index"] for v in report.violations]


def test_ensembles_and_relaxed_models_are_audited(frozen, digits):
    x, y = digits[2][:60], digits[3][:60]
    attack = PGD(steps=8, restarts=1)
    vote = gloro_tf.ensembles.VotingEnsemble([frozen])
    assert audit.certificate(vote, x, y, attack).violations == ()
    top = gloro_tf.RTKModel(model=frozen.logits_model, epsilon=0.2, k=3).freeze()
    strict = audit.certificate(frozen, x, y, attack)
    assert audit.certificate(top, x, y, attack).vra == strict.vra


def test_constants_from_both_sides(frozen, digits):
    report = audit.lipschitz(frozen, digits[2])
    assert report.violations == ()
    kinds = {row.kind: row for row in report.rows}
    assert kinds["Dense"].tightness > 0.98 and kinds["Conv2D"].tightness > 0.9
    assert 0.99 < kinds["MinMax"].lower <= 1
    assert 0.2 < report.whole.tightness <= 1
    assert all(row.lower <= row.bound for row in report.rows)
    assert "whole model" in str(report)
    json.dumps(report.to_dict())
    again = audit.lipschitz(frozen.logits_model, digits[2], steps=2)
    assert again.whole.lower <= report.whole.bound


def test_a_planted_constant_is_refuted(frozen, digits, monkeypatch):
    from gloro_tf.lipschitz import api

    right = api.bounds_of
    monkeypatch.setattr(api, "bounds_of", lambda t: {k: 0.9 * v for k, v in right(t).items()})
    report = audit.lipschitz(frozen, digits[2])
    assert {row.kind for row in report.violations} >= {"Dense", "Conv2D", "MinMax"}
    assert "VIOLATION" in str(report)


def test_constants_of_a_residual_network():
    keras.utils.set_random_seed(0)
    net = gloro_tf.models.LiResNet(2, 4, (8, 8, 1), 3, dense_width=8, dense_depth=1)
    report = audit.lipschitz(net, steps=5)
    assert report.violations == () and len(report.rows) > 5
    assert report.whole.lower > 0


def test_rounding_is_told_apart(frozen, digits):
    report = audit.rounding(frozen, digits[2])
    assert report.certified <= report.certified_exactly
    assert report.depending == round(
        (report.certified_exactly - report.certified) * report.examples
    )
    assert 0 < report.radius_lost < 0.01 and report.smallest_margin > 0
    tables = frozen.frozen_tables()
    model = gloro_tf.GloroModel(model=frozen.logits_model, epsilon=0.2, name="coarse")
    model.restore_frozen({**tables, "offset": tables["offset"] + 1.0})
    coarse = audit.rounding(model, digits[2])
    assert coarse.certified_exactly == report.certified_exactly
    assert coarse.depending > report.depending and coarse.radius_lost > report.radius_lost
    assert "hang on the slack" in str(coarse)


def test_bad_input_is_refused(frozen, digits):
    x, y = digits[2][:4], digits[3][:4]
    with pytest.raises(ValueError, match="`attack`"):
        audit.certificate(frozen, x, y, PGD(norm="linf"))
    with pytest.raises(ValueError, match="`model`"):
        audit.rounding(gloro_tf.ensembles.VotingEnsemble([frozen]), x)
    with pytest.raises(ValueError, match="one by one"):
        audit.lipschitz(gloro_tf.ensembles.VotingEnsemble([frozen]), x)
    with pytest.raises(ValueError, match="`attack`"):
        audit.certificate(frozen, x, y, "pgd")
    for images in (x[:, :3], x[:0], np.full_like(x, np.nan)):
        with pytest.raises(ValueError, match="`x`"):
            audit.lipschitz(frozen, images)
    with pytest.raises(ValueError, match="`pairs`"):
        audit.lipschitz(frozen, x, pairs=0)
    for call in (lambda: audit.rounding(frozen, x[:0]), lambda: frozen.certify(x[:, :3])):
        with pytest.raises(ValueError, match="`x`"):
            call()


def test_nested_ensembles_and_models_that_certify_nothing(frozen, tmp_path, capsys):
    vote = gloro_tf.ensembles.VotingEnsemble([frozen], name="inner")
    gloro_tf.ensembles.VotingEnsemble([vote], name="outer").save(tmp_path / "nested.keras")
    nothing = gloro_tf.GloroModel(model=frozen.logits_model, epsilon=50.0).freeze()
    nothing.save(tmp_path / "nothing.keras")
    for name in ("nested", "nothing"):
        file = str(tmp_path / f"{name}.keras")
        assert main([file, "--dataset=digits", "--limit=8", "--json"]) == 0
        report = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert report["rounding"]["smallest_margin"] is None


def test_from_a_terminal(frozen, planted, tmp_path, capsys):
    frozen.save(tmp_path / "model.keras")
    arguments = ["--dataset=digits", "--limit=40"]
    assert main([str(tmp_path / "model.keras"), *arguments]) == 0
    printed = capsys.readouterr().out
    assert "verified accuracy" in printed and "whole model" in printed and "rounding" in printed
    planted(0.3).save_to_preset(tmp_path / "preset")
    assert main([str(tmp_path / "preset"), *arguments, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["certificate"]["violations"] and report["rounding"]["examples"] == 40
    assert main([str(tmp_path / "nothing"), *arguments]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert main([str(tmp_path / "model.keras"), "--dataset=digits", "--limit=0"]) == 1


def test_what_rounding_adds_is_no_violation():
    """Biases that cancel lose digits inside of the network; the pair is no proof against the bound."""
    inputs = keras.Input((4,))
    first, second = keras.layers.Dense(4), keras.layers.Dense(4)
    net = keras.Model(inputs, second(first(inputs)))
    first.set_weights([np.eye(4), np.full(4, 1e4)])
    second.set_weights([np.eye(4), np.full(4, -1e4)])
    assert audit.lipschitz(net).violations == ()


def test_a_model_without_answers_inside_of_its_ball_is_found():
    class Breaking(keras.layers.Layer):
        def call(self, x):
            return x + 0 * keras.ops.sqrt(x - 0.35)

    gloro_tf.lipschitz.register(Breaking)(lambda layer, shape: 1.0)
    inputs = keras.Input((2,))
    net = keras.Model(inputs, keras.layers.Dense(2)(Breaking()(inputs)))
    net.layers[-1].set_weights([np.array([[1.0, 0.0], [0, 0]]), np.zeros(2)])
    model = gloro_tf.GloroModel(model=net, epsilon=0.1).freeze()
    x = np.full((3, 2), 0.4, "float32")
    with pytest.raises(audit.UnsoundCertificate):
        audit.certificate(model, x, np.zeros(3, int))
    with pytest.raises(ValueError, match="`model`"):
        audit.certificate(net, x, np.zeros(3, int))
