"""The history file and the checkpoints."""

import csv
import json
import types

import pytest

from gloro_tf.training import progress
from gloro_tf.training.workdir import Workdir


def write(path, epochs, done=0, **extra):
    history = progress.HistoryFile(path, done)
    for epoch in epochs:
        history.on_epoch_end(epoch, {"loss": 1 / (3 + epoch), **extra})
    return path


def test_history_has_the_measured_columns_only_and_exact_floats(tmp_path):
    path = write(tmp_path / "history.csv", range(3), val_vra=0.1 + 0.2)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "loss", "val_vra"]
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    assert [float(row["loss"]) for row in rows] == [1 / 3, 1 / 4, 1 / 5]
    assert float(rows[0]["val_vra"]) == 0.1 + 0.2


def test_a_continued_history_equals_an_uninterrupted_one(tmp_path):
    whole = write(tmp_path / "whole.csv", range(6)).read_text()
    path = write(tmp_path / "killed.csv", range(5))
    with path.open("a") as file:
        file.write("5,0.1")  # killed while writing a row
    assert write(path, range(3, 6), done=3).read_text() == whole
    assert "NA" not in whole


def test_a_history_is_dropped_where_the_run_starts_again(tmp_path):
    path = write(tmp_path / "history.csv", range(4))
    assert write(path, range(2), done=0).read_text().count("\n") == 3


@pytest.mark.parametrize("text", ["", "epoch,loss\n", "epoch,lo"])
def test_a_history_killed_at_its_beginning(tmp_path, text):
    path = tmp_path / "history.csv"
    path.write_text(text)
    assert write(path, range(1)).read_text() == "epoch,loss\n0,0.3333333333333333\n"


def test_a_header_without_rows_is_kept(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss\n0,0.5\n1,0.")
    progress.HistoryFile(path, 1)
    assert path.read_text() == "epoch,loss\n0,0.5\n"


class Saves:
    """Runs `Checkpoint` through epochs against a clock, and notes when it saved."""

    def __init__(self, monkeypatch, folder, every, save_takes=0.0):
        self.now, self.saved = 0.0, []
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)

        def save(model, path):
            self.now += save_takes
            self.saved.append(model.epoch)

        monkeypatch.setattr(progress, "save_model", save)
        self.checkpoint = progress.Checkpoint(folder, every)
        self.checkpoint.set_params({"epochs": 12})
        self.model = types.SimpleNamespace()
        self.checkpoint.set_model(self.model)

    def run(self, losses=None):
        for epoch in range(12):
            self.now += 1.0
            self.model.epoch = epoch
            self.checkpoint.on_epoch_end(epoch, {"loss": losses[epoch] if losses else 1.0})
        return self.saved


@pytest.fixture
def folder(tmp_path):
    folder = Workdir(tmp_path, {})
    folder.claim()
    return folder


def test_checkpoints_are_throttled_and_end_with_the_last_epoch(monkeypatch, folder):
    assert Saves(monkeypatch, folder, every=5.0).run() == [4, 9, 11]
    folder.checkpoint.touch()
    assert json.loads(folder.seconds_file.read_text()) == folder.seconds() == 12


def test_seconds_add_up_over_sessions(monkeypatch, folder):
    folder.checkpoint.touch()
    folder.seconds_file.write_text("100.0")
    Saves(monkeypatch, folder, every=5.0).run()
    assert folder.seconds() == 112


def test_checkpoints_after_every_epoch(monkeypatch, folder):
    assert Saves(monkeypatch, folder, every=0).run() == list(range(12))


def test_slow_saves_are_rarer(monkeypatch, folder):
    assert Saves(monkeypatch, folder, every=2.0, save_takes=0.25).run() == [1, 6, 11]


def test_a_diverged_model_does_not_replace_a_good_one(monkeypatch, folder):
    losses = [1.0] * 3 + [float("nan")] * 9
    assert Saves(monkeypatch, folder, every=0).run(losses) == [0, 1, 2]
