"""How long a step takes, and so how many epochs fit."""

import json
import pathlib
import time

import keras

from gloro_tf import callbacks
from gloro_tf.data import Batches
from gloro_tf.data.on_device import on_device
from gloro_tf.training.resident import Resident

CALLS = 3
STEPS = 12


class _Enough(Exception):
    pass


def planned_epochs(workdir):
    """The epochs that a run in this folder was planned for, or `None` for a new one."""
    try:
        held = json.loads((pathlib.Path(workdir).expanduser() / "recipe.json").read_text())
        return held["epochs"] if held.get("time_budget") else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # `Workdir` says what is wrong with it


def check_resident(recipe):
    """Refuses training on the device where it cannot be, before anything is written."""
    if keras.backend.backend() != "jax":
        raise ValueError(
            "`resident` training needs the JAX backend. Received: "
            f"{keras.backend.backend()}. Set KERAS_BACKEND=jax, or leave it off."
        )
    on_device(recipe.augmentation)


def make_resident(model, recipe, images, labels):
    """A recipe's training with everything on the device."""
    schedules = [
        callbacks.EpsilonSchedule(recipe.epsilon_schedule),
        callbacks.LearningRateSchedule(recipe.learning_rate_schedule, recipe.learning_rate),
    ]
    if recipe.trades_schedule:
        schedules.append(callbacks.TradesSchedule(recipe.trades_schedule))
    return Resident(
        model,
        images,
        labels,
        min(recipe.batch_size, len(labels)),
        recipe.augmentation,
        recipe.seed,
        schedules,
    )


def measure_epoch(model, recipe, images, labels, resident):
    """Seconds of an epoch, from a few steps after the first; changes the model."""
    times = []
    if resident:
        return _measure_resident(make_resident(model, recipe, images, labels), recipe, times)
    batch_size = min(recipe.batch_size, len(labels))
    batches = Batches(
        images, labels, batch_size, epochs=recipe.epochs, augmentation=recipe.augmentation
    )
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: times.append(time.perf_counter())
    )
    steps = min(STEPS, len(batches))
    model.fit(
        batches.for_fit(),
        epochs=1,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
        callbacks=clock,
    )
    later = times[min(2, steps - 1) :]
    seconds = (later[-1] - later[0]) / max(len(later) - 1, 1)
    return max(seconds, 1e-4) * batches.steps_per_epoch


def _measure_resident(trainer, recipe, marks):
    """From calls after the second: the first compiles."""

    def note(step, logs):
        marks.append((step, time.perf_counter()))
        if len(marks) >= CALLS:
            raise _Enough

    while len(marks) < CALLS:
        try:
            trainer.run_epoch(0, recipe.epochs, note)
        except _Enough:
            pass
    steps = sum((step - 1) % trainer.per_call + 1 for step, _ in marks[2:])
    return max((marks[-1][1] - marks[1][1]) / steps, 1e-6) * trainer.steps
