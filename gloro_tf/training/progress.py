"""What a run writes while it trains: its history, and checkpoints to continue from."""

import csv
import importlib.util
import json
import math
import time

import keras

from gloro_tf import callbacks
from gloro_tf.training.strategy import on_its_own
from gloro_tf.training.workdir import save_model, write_text


class HistoryFile(keras.callbacks.Callback):
    """Appends a row of the logs to a CSV file after every epoch.

    Unlike `keras.callbacks.CSVLogger` it drops, when a run continues, the rows of epochs that the
    run is going to repeat, and adds no columns for metrics that were not measured. Numbers are
    written so that reading them gives the same floats.

    Args:
        path: `pathlib.Path`.
        done: int. Epochs that are not going to be repeated.
    """

    def __init__(self, path, done=0):
        super().__init__()
        self.path = path
        rows = _rows(path)[: done + 1] if done else []
        self._columns = rows[0] if rows else None
        if path.exists() or rows:
            write_text(path, "".join(",".join(row) + "\n" for row in rows))

    def on_epoch_end(self, epoch, logs=None):
        logs = {"epoch": epoch, **{k: float(v) for k, v in sorted((logs or {}).items())}}
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if self._columns is None:
                self._columns = list(logs)
                writer.writerow(self._columns)
            writer.writerow([logs.get(name, "") for name in self._columns])


def _rows(path):
    """The header and the rows of the first epochs, as far as they are complete and in order."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    count = 0
    for row in rows:
        if len(row) != len(header) or row[0] != str(count):
            break
        count += 1
    return [header, *rows[:count]] if header else []


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole model at the end of epochs, atomically, and not too often.

    A model whose loss is not finite is never saved: the file keeps the last good one.

    Args:
        folder: `Workdir`.
        every: float. Least number of seconds between two saves; 0 saves after every epoch. Where
            saving is slow it waits longer, so that it takes at most a twentieth of the time.
    """

    def __init__(self, folder, every=5.0):
        super().__init__()
        self.folder, self.every, self._pause = folder, every, every
        self._begin = self._last = time.monotonic()
        self._before = folder.seconds()

    def on_epoch_end(self, epoch, logs=None):
        started = time.monotonic()
        last = epoch + 1 == self.params["epochs"]
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            return
        if last or started - self._last >= self._pause:
            on_its_own(save_model, self.model, self.folder.checkpoint)
            self._last = time.monotonic()
            self._pause = max(self.every, 20 * (self._last - started)) if self.every else 0.0
            seconds = self._before + self._last - self._begin
            write_text(self.folder.seconds_file, json.dumps(seconds))


def followers(recipe, folder, done, checkpoint_seconds, writes=True):
    """The callbacks of a run; those that write only where `writes` is set, in one process of it."""
    # The bar comes first, so that it does not print what the later ones add to the logs.
    found = [
        keras.callbacks.ProgbarLogger(),
        callbacks.EpsilonSchedule(recipe.epsilon_schedule),
        callbacks.LearningRateSchedule(recipe.learning_rate_schedule, recipe.learning_rate),
        callbacks.LayerNorms(),
    ]
    if recipe.trades_schedule:
        found.append(callbacks.TradesSchedule(recipe.trades_schedule))
    if not writes:
        return [*found, keras.callbacks.TerminateOnNaN()]
    found += [
        HistoryFile(folder.path / "history.csv", done),
        keras.callbacks.TerminateOnNaN(),
        Checkpoint(folder, checkpoint_seconds),
    ]
    if importlib.util.find_spec("tensorboard"):
        found.append(keras.callbacks.TensorBoard(folder.path / "tensorboard"))
    return found
