"""The entry whose outputs obey properties: loaded, checked, measured, and left out of boards."""

import dataclasses
import json

import keras
import numpy as np
import pytest

import zoo
from gloro_tf.self_correcting import SafeOrdering, acas_xu, safety_report
from zoo import _board, _corrected, _registry, corrections
from zoo.__main__ import main

NAME = "self_correcting_6x50.acas_xu_2_9"


def test_it_is_no_classifier():
    """Code that goes through the entries to certify does not meet it."""
    assert NAME not in zoo.list() and zoo.list(kind="self_correcting") == [NAME]
    assert set(zoo.list(kind=None)) == {NAME, *zoo.list()}
    assert all(card.kind == "classifier" for card in _board.measured())
    with pytest.raises(ValueError, match="`dataset` must be one that the zoo has models for"):
        zoo.leaderboard("acas_xu_2_9")
    with pytest.raises(ValueError, match="an entry that certifies"):
        zoo.audit(NAME)
    with pytest.raises(ValueError, match=f"Did you mean {NAME}"):
        zoo.card(NAME.replace("6x50", "6x5"))


def test_the_card():
    card = zoo.card(NAME)
    assert zoo.Card.from_json(card.to_json()) == card and card.in_package
    assert (_registry.FOLDER.parent / card.recipe["file"]).exists()
    assert "CC BY 4.0" in card.licence and "Kochenderfer" in card.authors
    text = card.to_markdown()
    assert "phi2, phi3, phi4, phi8; the least output decides" in text
    for row in card.result()["regions"]:
        assert row["violated_after"] == row["changed_safe"] == 0
        assert row["changed"] <= row["violated"] <= row["active"]
        assert f"| {row['region']} | {row['active']:,} |" in text
    assert sum(row["violated"] for row in card.result()["regions"]) > 100


def test_loads_the_network_and_its_properties():
    safe, card = zoo.load(NAME), zoo.card(NAME)
    x = np.array(card.golden["inputs"], "float32")
    raw, fixed = (m.predict(x, verbose=0) for m in (acas_xu.load(), safe))
    made = corrections.find("acas_xu_2_9")
    properties = _corrected.parts(card)[1]
    assert isinstance(properties, SafeOrdering)
    assert properties.get_config() == made.properties.get_config()
    before, after = (safety_report(lambda _, y=y: y, properties, x) for y in (raw, fixed))
    assert before.statuses[2:].sum() == 8 and after.statuses[2:].sum() == 0
    np.testing.assert_array_equal(np.sort(raw, axis=1), np.sort(fixed, axis=1))
    assert not np.array_equal(zoo.load(NAME, weights=None).predict(x, verbose=0), fixed)


def test_verify_sees_what_is_not_the_entry(monkeypatch):
    answer = zoo.verify(NAME)
    assert answer["unsafe"] == 0 and answer["outputs"] < 1e-4

    def uncorrected(card, **kwargs):
        return _corrected.parts(card, **kwargs)[0]

    with monkeypatch.context() as patch:
        patch.setattr(_corrected, "load_corrected", uncorrected)
        with pytest.raises(ValueError, match="golden outputs differ.*8 corrected rows are unsafe"):
            zoo.verify(NAME)
    fresh = _corrected.parts
    monkeypatch.setattr(_corrected, "parts", lambda card, *a, **k: fresh(card, None))
    with pytest.raises(ValueError, match="rows by status are"):
        zoo.verify(NAME)


def test_evaluate_counts(monkeypatch):
    found = zoo.evaluate(NAME, limit=2000)
    rows = {row["region"]: row for row in found["regions"]}
    assert rows["where phi2 is active"]["active"] == 2000 == found["examples"]
    assert rows["where phi2 is active"]["violated"] > 0
    assert all(r["violated_after"] == r["changed_safe"] == 0 for r in found["regions"])
    with pytest.raises(ValueError, match="`dataset` must be left out"):
        zoo.evaluate(NAME, dataset="mnist")
    with pytest.raises(ValueError, match="`limit`"):
        zoo.evaluate(NAME, limit=0)
    monkeypatch.setattr(
        _corrected, "load_corrected", lambda card, **kwargs: _corrected.parts(card, **kwargs)[0]
    )
    left = [r["violated_after"] for r in zoo.evaluate(NAME, limit=2000)["regions"]]
    assert sum(left) > 0  # the count can be other than 0


def test_a_recipe_becomes_an_entry(tmp_path, monkeypatch, capsys):
    for name in ("cards", "weights"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(_registry, "FOLDER", tmp_path)
    monkeypatch.setattr(_registry, "CARDS", tmp_path / "cards")
    monkeypatch.setattr(_corrected, "POINTS", 20_000)
    _registry.forget()
    try:
        assert main(["publish_corrected", "acas_xu_2_9"]) == 0
        assert main(["evaluate", NAME, "--write"]) == 0
        assert main(["verify", NAME]) == 0 and main(["card", NAME, "--json"]) == 0
        assert main(["list"]) == 0 and NAME in capsys.readouterr().out
        assert main(["list", "--kind=classifier"]) == 0 and capsys.readouterr().out == "\n"
        card = zoo.card(NAME)
        assert dataclasses.asdict(card)["kind"] == "self_correcting" and len(card.results) == 1
        assert json.loads(card.to_json())["golden"]["statuses"][2:4] != [0, 0]
        assert main(["publish_corrected", "acas_xu_2_8"]) == 1
        assert "Did you mean 'acas_xu_2_9'" in capsys.readouterr().err
        body = bytearray((tmp_path / "weights" / f"{NAME}@1.npz").read_bytes())
        body[3000] ^= 1
        (tmp_path / "weights" / f"{NAME}@1.npz").write_bytes(bytes(body))
        with pytest.raises(ValueError, match="SHA-256 mismatch"):
            zoo.load(NAME)
    finally:
        _registry.forget()
        keras.utils.clear_session()
