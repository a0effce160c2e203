"""The flags of train.py and of the two `python -m` programs: run, or refused in one line."""

import contextlib
import dataclasses
import io
import sys

import pytest
from absl import flags
from absl.testing import flagsaver
from fuzzing import NUMBERS, check_message, edited, fuzz, limit
from hypothesis import strategies as st

import gloro_tf.audit.__main__ as audit_main
import zoo
import zoo.__main__ as zoo_main
from gloro_tf.training import Recipe


class Accepted(Exception):
    """Raised in place of reading data: the flags were taken."""


def accept(*arguments, **options):
    raise Accepted


FIELDS = [field.name for field in dataclasses.fields(Recipe)]
OTHERS = ["recipe", "strategy", "resume", "time_budget", "checkpoint_seconds", "verbose", "epsilom"]
VALUES = edited("3", "0.5", "emma.0.5", "2C2F", "adam", "flip+crop.4", "1 linear 50% 2", "one")
FLAG = st.builds("--{}={}".format, st.sampled_from([*FIELDS, *OTHERS]), VALUES)


def test_flags_of_train_py(train_py, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["gloro_tf.training.run"], "load", accept)

    @fuzz(150, given=st.lists(FLAG, max_size=3))
    def check(given):
        command = ["train.py", f"--workdir={tmp_path}/run", "--verbose=0", *given]
        with flagsaver.flagsaver(), limit(20):
            try:
                train_py.main(flags.FLAGS(command))
            except (flags.Error, train_py.app.UsageError) as error:
                check_message(str(error))
            except SystemExit as error:
                assert str(error).startswith("train.py: ")
                check_message(str(error))
            except Accepted:
                pass
        assert not list(tmp_path.iterdir())

    check(1)


def refused(main, given, capsys_like, name):
    """Runs a program; what it prints when it does not return 0 must be for people."""
    with contextlib.redirect_stderr(capsys_like), contextlib.redirect_stdout(io.StringIO()):
        try:
            code = main(given)
        except SystemExit as error:  # argparse
            code = error.code
        except Accepted:
            return
    if code:
        assert name in capsys_like.getvalue()
        check_message(capsys_like.getvalue())


NAMES = edited(*zoo.list()[:3], "convnet_2c2f.mnist@1", pieces=(*NUMBERS, "@", ".", "mnist"))
COMMANDS = st.sampled_from(["list", "card", "leaderboard", "verify", "evaluate", "audit", "lst"])
OPTIONS = st.sampled_from(["--epsilon", "--limit", "--format", "--dataset", "--mirror", "--x"])


def test_flags_of_the_zoo(monkeypatch):
    monkeypatch.setattr("zoo._loading.preset.rebuild", accept)
    monkeypatch.setattr("gloro_tf.data.load", accept)

    @fuzz(120, command=COMMANDS, name=NAMES, option=OPTIONS, value=st.none() | VALUES)
    def check(command, name, option, value):
        given = [command, name, *([] if value is None else [f"{option}={value}"])]
        with limit(20):
            refused(zoo_main.main, given, io.StringIO(), "zoo")

    check(1)


def test_flags_of_audits(monkeypatch, tmp_path):
    monkeypatch.setattr("gloro_tf.data.load", accept)
    (tmp_path / "no.keras").write_text("no model")
    models = st.sampled_from([f"{tmp_path}/no.keras", str(tmp_path), "nowhere.keras", ""])

    @fuzz(60, model=models, option=OPTIONS, value=VALUES)
    def check(model, option, value):
        given = [model, "--dataset=digits", f"{option}={value}"]
        refused(audit_main.main, given, io.StringIO(), "audit")

    check(1)
    assert [path.name for path in tmp_path.iterdir()] == ["no.keras"]


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
def test_checkpoints_that_would_never_be_written(train_py, tmp_path, seconds):
    given = ["train.py", f"--workdir={tmp_path}/run", f"--checkpoint_seconds={seconds}"]
    with flagsaver.flagsaver(), pytest.raises(SystemExit, match="`checkpoint_seconds` must be"):
        train_py.main(flags.FLAGS(given))
