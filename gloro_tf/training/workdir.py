"""A run's folder: which recipe it belongs to, its checkpoint and its history."""

import csv
import dataclasses
import json
import os
import pathlib
import time

import keras


class Workdir:
    """The folder of one run, bound to one recipe.

    Args:
        path: str. Created if missing.
        recipe: `Recipe`.
        resume: bool. Whether an unfinished or finished run of the same recipe may be continued.

    Raises:
        ValueError: if the folder holds the run of another recipe, or any run and `resume` is False.
    """

    def __init__(self, path, recipe, resume=True):
        self.path = pathlib.Path(path)
        wanted = dataclasses.asdict(recipe)
        stamp = self.path / "recipe.json"
        if stamp.exists():
            self._check(json.loads(stamp.read_text()), wanted, resume)
        elif self.path.exists() and any(self.path.iterdir()):
            raise ValueError(
                f"`workdir` must be new, empty, or hold a run of the same recipe. Received: "
                f"workdir='{self.path}' with other files in it. Nothing was changed; choose another."
            )
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(stamp, json.dumps(wanted, indent=1))
        self.checkpoint = self.path / "checkpoint.keras"

    def _check(self, held, wanted, resume):
        different = {k: (held.get(k), v) for k, v in wanted.items() if held.get(k) != v}
        if different:
            listed = ", ".join(f"{k}: {a!r} there, {b!r} now" for k, (a, b) in different.items())
            raise ValueError(
                f"`workdir` '{self.path}' holds the run of another recipe ({listed}). Nothing was "
                "changed. Pass another --workdir, or the flags of that run."
            )
        if not resume:
            raise ValueError(
                f"`workdir` '{self.path}' already holds this run. Nothing was changed. Leave "
                "--resume on to continue it, or pass another --workdir."
            )

    def trim_history(self, epochs):
        """Keeps the first `epochs` rows of the history: those the checkpoint has seen."""
        path = self.path / "history.csv"
        if not path.exists():
            return
        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        kept = rows[:1] + [row for row in rows[1:] if row and int(row[0]) < epochs]
        if epochs == 0:
            path.unlink()
        else:
            write_text(path, "".join(",".join(row) + "\n" for row in kept))


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole model at the end of epochs, atomically, at most every few seconds.

    Args:
        path: where to save it.
        every: float. Least number of seconds between two saves.
    """

    def __init__(self, path, every=5.0):
        super().__init__()
        self.path, self.every, self._last = path, every, time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        last = epoch + 1 == self.params["epochs"]
        if last or time.monotonic() - self._last >= self.every:
            save_model(self.model, self.path)
            self._last = time.monotonic()


def save_model(model, path):
    """Saves a model so that a crash leaves either the old file or the new one."""
    part = path.with_name(f".part-{path.name}")
    model.save(part)
    os.replace(part, path)


def write_text(path, text):
    """Writes a text file in one step."""
    part = path.with_name(f".part-{path.name}")
    part.write_text(text)
    os.replace(part, path)


def load_model(path):
    """Loads a saved model; a damaged file gets an error that says what to do."""
    try:
        return keras.saving.load_model(path)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"'{path}' cannot be read; it may be truncated ({error}). Delete that file to start "
            "the run again, or restore it from a copy. Nothing was changed."
        ) from error
