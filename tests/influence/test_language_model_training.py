import sys

import keras
import pytest
from small_language_models import FromEmbeddings

from gloro_tf import influence as gi
from gloro_tf.influence import __main__ as terminal


@pytest.mark.slow
def test_a_model_that_does_not_know_agreement_is_not_handed_out():
    grammar = gi.AgreementGrammar("shared", 0.25)
    with pytest.raises(RuntimeError, match="(?s)at least 99%.*Remedy: more epochs"):
        gi.train_language_model(grammar, sentences=128, epochs=1, attempts=1)


def test_the_language_model(tmp_path):
    model = gi.language_model(30, width=4, units=(5, 6, 7))
    assert model.output_shape == (None, None, 30)
    assert gi.LSTMTrace.from_keras(model).units == [5, 6, 7]
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert gi.LSTMTrace.from_keras(again).units == [5, 6, 7]
    assert FromEmbeddings(model).compute_dtype == "float32"


@pytest.fixture
def saved(tmp_path):
    """The small language model before any training, in a file."""
    grammar = gi.AgreementGrammar("shared")
    gi.language_model(len(grammar.words), 6, (5, 4)).save(tmp_path / "m.keras")
    return str(tmp_path / "m.keras")


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["influence", *arguments])
    terminal.main()
    return capsys.readouterr().out


def test_the_terminal(monkeypatch, capsys, saved):
    out = run(monkeypatch, capsys, "paths", saved, "the baker by the pilots", "call", "--top=3")
    assert "6946 paths" in out and "primary" in out and len(out.splitlines()) == 5
    out = run(monkeypatch, capsys, "table", saved, "--tasks=simple", "--sentences=2")
    assert "| simple | P | subject |" in out
    out = run(monkeypatch, capsys, "compress", saved)
    assert "| nounppadv | mean |" in out


def test_the_terminal_refuses_the_wrong_nouns(monkeypatch, capsys, saved):
    with pytest.raises(SystemExit, match="--nouns"):
        run(monkeypatch, capsys, "compress", saved, "--nouns=disjoint")
    with pytest.raises(SystemExit, match="--position"):
        run(monkeypatch, capsys, "paths", saved, "the baker", "call", "--position=7")
