"""A run that was interrupted and killed ends with the same bits as one that was left alone."""

import dataclasses
import pathlib
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from gloro_tf.training import Recipe, run

ROOT = pathlib.Path(__file__).parents[2]
RECIPE = Recipe(
    model="2C2F",
    loss="trades_kl.1",
    epochs=14,
    batch_size=256,
    learning_rate_schedule="0.1 linear 2 1 cosine 100% 0",
    trades_schedule="0.5 linear 50% 2",
    augmentation="shift.1+noise.0.05",
)


def start(workdir):
    given = [f"--{k}={v}" for k, v in dataclasses.asdict(RECIPE).items()]
    command = [sys.executable, "train.py", *given, f"--workdir={workdir}"]
    return subprocess.Popen(
        [*command, "--checkpoint_seconds=0"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop(process, workdir, rows, with_signal):
    """Sends a signal as soon as the history has so many rows; returns code and messages."""
    history, deadline = workdir / "history.csv", time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        if history.exists() and history.read_text().count("\n") > rows:
            break
        time.sleep(0.02)
    process.send_signal(with_signal)
    _, messages = process.communicate(timeout=60)
    return process.returncode, messages


@pytest.mark.slow
def test_interrupted_and_killed_runs_end_with_the_same_bits(tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    code, messages = stop(start(killed), killed, 2, signal.SIGINT)
    assert code == 130
    assert "interrupted. To continue: python train.py" in messages and str(killed) in messages
    assert "Traceback" not in messages and not (killed / "report.json").exists()

    seen = (killed / "history.csv").read_text().count("\n")
    assert 2 < seen <= RECIPE.epochs
    code, _ = stop(start(killed), killed, seen + 2, signal.SIGKILL)
    assert code == -signal.SIGKILL and not (killed / "report.json").exists()

    for folder in (whole, killed):
        keras.utils.clear_session()  # layers get the names they have in a new process
        run(RECIPE, folder, verbose=0)
    assert (killed / "history.csv").read_text() == (whole / "history.csv").read_text()
    one, other = (keras.saving.load_model(path / "model.keras") for path in (whole, killed))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(one.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
