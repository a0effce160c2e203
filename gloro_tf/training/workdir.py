"""A run's folder: which recipe it belongs to, and what of it is already there."""

import contextlib
import json
import os
import pathlib
import weakref
import zlib

from gloro_tf.models import reading

LOCK = ".lock"


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
        self._held = None
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
        """Creates the folder, says in it whose it is, and keeps other processes out.

        Raises:
            OSError: if it cannot be written.
            ValueError: if another process is training there.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock()
        except OSError as error:
            raise _unwritten(self.path, error) from error
        if not self.stamp.exists():
            write_text(self.stamp, json.dumps(self.choices, indent=1))

    def _lock(self):
        """Holds a lock of the operating system, which ends with the process however it ends."""
        try:
            import fcntl
        except ImportError:  # Windows
            return
        if self._held is not None:
            return
        held = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            raise ValueError(
                "`workdir` must be of one run at a time. Received: another process (or run) is "
                f"training in '{self.path}'. Nothing was changed. Wait for it, or pass another "
                "--workdir."
            ) from None
        except OSError:
            pass  # a file system without locks
        self._held = weakref.finalize(self, os.close, held)

    def release(self):
        """Lets other processes in."""
        if self._held is not None:
            self._held()
            self._held = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.release()

    def digest(self):
        """The choices as one int32, to compare between workers."""
        text = json.dumps(self.choices, sort_keys=True)
        return zlib.crc32(text.encode()) & 0x7FFFFFFF

    def seconds(self):
        """Seconds of training that went into the checkpoint, over all sessions."""
        if not (self.checkpoint.exists() and self.seconds_file.exists()):
            return 0.0
        try:
            return float(json.loads(self.seconds_file.read_text()))
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                f"'{self.seconds_file}' cannot be read ({error}). Nothing was changed. Delete that "
                "file to continue the run, which then counts its seconds from here."
            ) from error


def is_part(path):
    """Whether a file is what a killed process left of one that it was writing."""
    return path.name == LOCK or path.name.startswith(".part-")


def save_model(model, path):
    """Saves a model so that a crash leaves either the old file or the new one."""
    with _in_one_step(path) as part:
        model.save(part)


def write_text(path, text):
    """Writes a text file in one step."""
    with _in_one_step(path) as part:
        part.write_text(text)


@contextlib.contextmanager
def _in_one_step(path):
    """A file beside `path` that replaces it when the block ends well, and goes away if not."""
    part = path.with_name(f".part-{path.name}")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _unwritten(path, error):
    return OSError(
        f"'{path}' cannot be written ({error}). Nothing that was there is lost. Make free space or "
        "give write access and run the same command again, or pass another --workdir."
    )


def load_model(path):
    """Loads a saved model; a damaged file gets an error that says what to do."""
    try:
        return reading.load_model(path)
    except ValueError as error:
        raise ValueError(f"{error} Delete that file to start the run again.") from error
