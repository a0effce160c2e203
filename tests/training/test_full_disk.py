"""Disks that are full, folders that cannot be written, Ctrl-C while saving, two runs at once."""

import errno
import pathlib
import resource
import subprocess
import sys

import keras
import numpy as np
import pytest

from gloro_tf.training import workdir
from gloro_tf.training.workdir import Workdir, load_model, save_model, write_text

ROOT = pathlib.Path(__file__).parents[2]
FULL = OSError(errno.ENOSPC, "No space left on device")


def small(value):
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    net.set_weights([np.full_like(w, value) for w in net.get_weights()])
    return net


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "checkpoint.keras"
    save_model(small(1.0), path)
    return path


@pytest.mark.parametrize("stop", [FULL, KeyboardInterrupt(), PermissionError(13, "Read-only")])
@pytest.mark.parametrize("where", ["save", "replace"])
def test_a_save_that_stops_leaves_the_old_file_alone(saved, monkeypatch, stop, where):
    def fail(*arguments, **options):
        pathlib.Path(saved.parent / f".part-{saved.name}").write_bytes(b"half")
        raise stop

    model = small(2.0)
    monkeypatch.setattr(model if where == "save" else workdir.os, where, fail)
    with pytest.raises(OSError if isinstance(stop, OSError) else KeyboardInterrupt) as error:
        save_model(model, saved)
    if isinstance(stop, OSError):
        assert str(saved) in str(error.value) and "Nothing" in str(error.value)
    monkeypatch.undo()
    assert load_model(saved).get_weights()[0][0, 0] == 1.0
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_text_that_does_not_fit_leaves_the_old_one(tmp_path):
    path = tmp_path / "report.json"
    write_text(path, "old")
    code = (
        "import resource, signal, pathlib, sys;"
        "from gloro_tf.training.workdir import write_text;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "write_text(pathlib.Path(sys.argv[1]), 'x' * 5000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1 and str(path) in done.stderr and "free space" in done.stderr
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


def test_a_workdir_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="run.*another --workdir"):
        Workdir(tmp_path / "file" / "run", {}).claim()
    assert (tmp_path / "file").read_text() == "mine"


def test_two_runs_do_not_share_a_workdir(tmp_path):
    first, second = Workdir(tmp_path, {"epochs": 3}), Workdir(tmp_path, {"epochs": 3})
    first.claim()
    with pytest.raises(ValueError, match="another process .* is training in .*another --workdir"):
        second.claim()
    first.release()
    second.claim()
    second.release()
