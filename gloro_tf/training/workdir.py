"""A run's folder: which recipe it belongs to, and what of it is already there."""

import json
import os
import pathlib
import zlib

import keras


class Workdir:
    """The folder of one run, bound to one recipe.

    Opening it checks and changes nothing; `claim()` creates it.

    Args:
        path: str.
        choices: dict. Everything that decides what the run computes, fit for JSON.
        resume: bool. Whether an unfinished or finished run of the same recipe may be continued.

    Raises:
        ValueError: if the folder holds the run of another recipe, any run while `resume` is False,
            or files that are no run at all.
    """

    def __init__(self, path, choices, resume=True):
        self.path, self.choices = pathlib.Path(path).expanduser(), choices
        self.stamp = self.path / "recipe.json"
        self.checkpoint = self.path / "checkpoint.keras"
        self.seconds_file = self.path / "seconds.json"
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"`workdir` must be a folder. Received: the file '{self.path}'.")
        if self.stamp.exists():
            self._check(resume)
        elif self.path.exists() and any(f for f in self.path.iterdir() if not is_part(f)):
            raise ValueError(
                "`workdir` must be new, empty, or hold a run of the same recipe. Received: "
                f"workdir='{self.path}' with other files in it. Nothing was changed. Pass another."
            )

    def _check(self, resume):
        try:
            held = dict(json.loads(self.stamp.read_text()))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"'{self.stamp}' cannot be read ({error}), so it is not known whose run `workdir` "
                "holds. Nothing was changed. Restore that file, or pass another --workdir."
            ) from error
        pairs = {k: (held.get(k), self.choices.get(k)) for k in {**held, **self.choices}}
        different = [f"{k}: {a!r} there, {b!r} now" for k, (a, b) in pairs.items() if a != b]
        if different:
            listed = ", ".join(different)
            raise ValueError(
                f"`workdir` '{self.path}' holds the run of another recipe ({listed}). Nothing was "
                "changed. Pass another --workdir, or the flags of that run."
            )
        if not resume:
            raise ValueError(
                f"`workdir` '{self.path}' already holds this run. Nothing was changed. Leave "
                "--resume on to continue it, or pass another --workdir."
            )

    def claim(self):
        """Creates the folder and says in it whose it is."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not self.stamp.exists():
            write_text(self.stamp, json.dumps(self.choices, indent=1))

    def digest(self):
        """The choices as one int32, to compare between workers."""
        text = json.dumps(self.choices, sort_keys=True)
        return zlib.crc32(text.encode()) & 0x7FFFFFFF

    def seconds(self):
        """Seconds of training that went into the checkpoint, over all sessions."""
        if not (self.checkpoint.exists() and self.seconds_file.exists()):
            return 0.0
        return float(json.loads(self.seconds_file.read_text()))


def is_part(path):
    """Whether a file is what a killed process left of one that it was writing."""
    return path.name.startswith(".part-")


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
    except Exception as error:  # zip, HDF5 and JSON readers fail in many ways
        raise ValueError(
            f"'{path}' cannot be read; it may be truncated ({error}). Delete that file to start "
            "the run again, or restore it from a copy. Nothing was changed."
        ) from error
