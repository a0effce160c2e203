"""From a recipe to a frozen model in a folder."""

from __future__ import annotations

import collections
import dataclasses
import importlib.util
import json
import math
import time
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np

from gloro_tf.data import Batches, load, to_float
from gloro_tf.training._building import in_float32, new_model, resumed_or_new
from gloro_tf.training.budget import (
    check_resident,
    make_resident,
    measure_epoch,
    planned_epochs,
)
from gloro_tf.training.cluster import ALONE
from gloro_tf.training.evaluation import evaluate, trainable_parameters, versions
from gloro_tf.training.progress import followers
from gloro_tf.training.strategy import cluster, make_deterministic, placement, shards
from gloro_tf.training.workdir import Workdir, load_model, save_model, write_text
from gloro_tf.types import PathLike

if TYPE_CHECKING:
    from gloro_tf.training.recipe import Recipe


def run(
    recipe: Recipe,
    workdir: PathLike,
    *,
    data_dir: PathLike | None = None,
    download: bool = False,
    strategy: Literal["auto", "one", "mirrored", "multiworker"] = "auto",
    mixed_precision: bool = False,
    resume: bool = True,
    resident: bool = False,
    time_budget: float | None = None,
    checkpoint_seconds: float = 5.0,
    verbose: int = 1,
) -> dict[str, Any]:
    """Trains, freezes, certifies and reports; a killed run continues where it was.

    The same recipe on the same machine gives the same weights, bit for bit. With TensorFlow on
    GPUs this switches `tf.config.experimental.enable_op_determinism()` on for the process.

    Args:
        recipe: `Recipe`.
        workdir: str. Gets `model.keras` (frozen), `history.csv`, `report.json`, and, with
            matplotlib, `certified_accuracy.png` and `examples.png`.
        data_dir: str, optional. Where data sets are.
        download: bool. Whether a data set may be fetched.
        strategy: `"auto"`, `"one"`, `"mirrored"` or `"multiworker"`, see `placement`. Of several
            workers only the chief writes; all read its checkpoints, so they must share `workdir`.
        mixed_precision: bool. Train the layers in bfloat16; certificates are float32 always.
        resume: bool. Continue a run of the same recipe in `workdir`.
        resident: bool. Keep data and augmentation on the device, many steps in a call; JAX only. See
            `Resident`. Draws other augmentations than the default way.
        time_budget: float, optional. Minutes of training: the step time is measured, and the epochs
            that fit replace the recipe's, so that schedules end when the time does.
        checkpoint_seconds: float. Least time between two checkpoints; 0 for one each epoch.
        verbose: int. As in Keras' `fit`.

    Returns:
        dict. The report; an empty one in a worker that is not the chief.

    Raises:
        ConnectionError: if another worker stopped. The run continues when all are started again.
        FileNotFoundError: if the data is not there.
        FloatingPointError: if the loss became NaN; the last good checkpoint is kept.
        ValueError: for a `workdir` of another recipe, or data that cannot be trained on.
    """
    started = time.monotonic()
    extra = {"mixed_precision": mixed_precision, "resident": resident, "time_budget": time_budget}
    extra = {name: value for name, value in extra.items() if value}
    if not 0 <= checkpoint_seconds < math.inf:
        raise ValueError(
            "`checkpoint_seconds` must be finite and not negative. Received: "
            f"checkpoint_seconds={checkpoint_seconds}. Pass 0 to save after every epoch."
        )
    if resident:
        check_resident(recipe)
    if time_budget is not None:
        _require_positive(time_budget)
        recipe = dataclasses.replace(recipe, epochs=planned_epochs(workdir) or recipe.epochs)
    workers = cluster(strategy)
    workers.require_alone(resident=resident, time_budget=time_budget)
    where = placement(strategy)
    folder = Workdir(workdir, dataclasses.asdict(recipe) | extra, resume)
    earlier = folder.seconds()
    dataset = load(
        recipe.dataset, data_dir=data_dir, download=download, image_size=recipe.image_size or None
    )
    if time_budget and not folder.stamp.exists():
        seconds = _seconds_per_epoch(recipe, dataset, mixed_precision, resident)
        recipe = dataclasses.replace(recipe, epochs=max(1, int(60 * time_budget / seconds)))
        folder.choices["epochs"] = recipe.epochs
        if verbose:
            print(f"{seconds:.1f} s an epoch: {recipe.epochs} epochs fit {time_budget:g} minutes.")
    make_deterministic(recipe.seed)
    with workers.together(), where, folder:
        how = _How(mixed_precision, resident, checkpoint_seconds, verbose * workers.is_chief)
        model = _train(recipe, dataset, folder, how, workers)
    if not workers.is_chief:
        return {}
    if workers.size > 1:  # from here on the chief is on its own
        model = _averaged(load_model(folder.checkpoint), recipe, dataset, folder)
    report = _certified(model, recipe, dataset, folder, mixed_precision, verbose)
    elapsed = time.monotonic() - started
    report["seconds"] = {"training": folder.seconds(), "all": earlier + elapsed}
    write_text(folder.path / "report.json", json.dumps(report, indent=1))
    return report


def _certified(model, recipe, dataset, folder, mixed_precision, verbose):
    """Freezes, certifies, saves and draws; returns the report without its seconds."""
    model = in_float32(model, recipe, dataset)
    model.freeze(verbose=int(verbose == 1))
    results, certificate = evaluate(model, dataset.x_test, dataset.y_test)
    report = {
        "recipe": dataclasses.asdict(recipe),
        "seed": recipe.seed,
        "mixed_precision": bool(mixed_precision),
        "test": results,
        "lipschitz": model.lipschitz_report().to_dict(),
        "parameters": trainable_parameters(model),
        "labels": list(dataset.class_names),
        "versions": versions(),
    }
    save_model(model, folder.path / "model.keras")
    _draw(folder.path, dataset, certificate, model.epsilon, verbose)
    return report


_How = collections.namedtuple("_How", ["mixed_precision", "resident", "seconds", "verbose"])


def _require_positive(time_budget):
    if not 0 < time_budget < math.inf:
        raise ValueError(
            f"`time_budget` must be a positive number of minutes. Received: {time_budget}"
        )


def _seconds_per_epoch(recipe, dataset, mixed_precision, resident):
    """Measured on a few steps of a model that is then thrown away."""
    make_deterministic(recipe.seed)
    watched = _watched(recipe, dataset)
    source = watched or dataset
    model = new_model(recipe, dataset, mixed_precision)
    seconds = measure_epoch(model, recipe, source.x_train, source.y_train, resident)
    if watched:
        held_out = to_float(watched.x_test), watched.y_test
        model.evaluate(*held_out, verbose=0)
        begin = time.monotonic()
        model.evaluate(*held_out, verbose=0)
        seconds += time.monotonic() - begin
    return seconds


def _train(recipe, dataset, folder, how, workers=ALONE):
    watched = _watched(recipe, dataset)
    source = watched or dataset
    images, labels = source.x_train, source.y_train
    parts = shards()
    batch_size = min(recipe.batch_size, len(labels) // parts * parts)
    if batch_size % parts or not batch_size:
        raise ValueError(
            f"`batch_size` must be a multiple of the {parts} devices, and the data as many at "
            f"least. Received: batch_size={recipe.batch_size} for {len(labels)} images. Change "
            "it, or pass --strategy=one."
        )
    steps = len(labels) // batch_size
    model, done = resumed_or_new(recipe, dataset, folder, how.mixed_precision, steps)
    workers.require_same(recipe=folder.digest(), epochs_in_the_checkpoint=done)
    if done >= recipe.epochs:
        return _averaged(model, recipe, dataset, folder) if workers.size == 1 else model
    if workers.is_chief:
        folder.claim()
    batches = Batches(
        images,
        labels,
        batch_size,
        epochs=recipe.epochs,
        augmentation=recipe.augmentation,
        seed=recipe.seed,
        start_step=done * steps,
    )
    held_out = None
    if watched and len(watched.y_test) >= parts:
        count = len(watched.y_test) // parts * parts
        held_out = to_float(watched.x_test[:count]), watched.y_test[:count]
    listeners = followers(recipe, folder, done, how.seconds, workers.is_chief)
    try:
        history = _fit(model, recipe, batches, done, held_out, listeners, how, (images, labels))
        last, epoch = history.history["loss"][-1], history.epoch[-1]
    except Exception as error:
        if "Cholesky" not in str(error):  # how TensorFlow meets a NaN there
            raise
        last, epoch = math.nan, done
    if not math.isfinite(last):
        raise FloatingPointError(
            f"The loss became NaN or infinite in or after epoch {epoch + 1}, so nothing was "
            f"certified; '{folder.path}' keeps the last good checkpoint. Try a smaller "
            f"learning_rate (Received: learning_rate={recipe.learning_rate}) or clip_norm=1, in "
            "another --workdir."
        )
    return _averaged(model, recipe, dataset, folder) if workers.size == 1 else model


def _watched(recipe, dataset):
    """The images held out to watch progress on, apart from the rest; `None` for none."""
    return dataset.validation(recipe.validation, seed=recipe.seed) if recipe.validation else None


def _fit(model, recipe, batches, done, held_out, listeners, how, data):
    """Keras' `fit`, or the loop on the device; returns the history."""
    if how.resident:
        return make_resident(model, recipe, *data).fit(
            recipe.epochs, done, held_out, listeners, how.verbose
        )
    parts = shards()
    return model.fit(
        batches.for_fit(),
        epochs=recipe.epochs,
        initial_epoch=done,
        steps_per_epoch=batches.steps_per_epoch,
        shuffle=False,
        validation_data=held_out,
        validation_batch_size=256 // parts * parts,
        callbacks=listeners,
        verbose=how.verbose,
    )


def _averaged(model, recipe, dataset, folder, count=100):
    """A trained model with its averaged weights, if the recipe wants them, in a file of their own.

    What layers keep from training (orthonormal kernels, means) follows the averages through some
    passes over training images.
    """
    if not recipe.ema:
        return model
    source, path = _watched(recipe, dataset) or dataset, folder.path / "averaged.keras"
    if path.exists():
        return load_model(path)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    for variable in model.trainable_variables:  # on JAX they share buffers with their averages
        variable.assign(np.array(keras.ops.convert_to_numpy(variable), copy=True))
    size = min(recipe.batch_size, len(source.y_train))
    batches = Batches(
        source.x_train,
        source.y_train,
        size,
        augmentation=recipe.augmentation,
        seed=recipe.seed + 1,
    )
    for index in range(min(count, len(batches))):
        model.logits_model(batches[index][0], training=True)
    save_model(model, path)
    return model


def _draw(path, dataset, certificate, epsilon, verbose):
    """The two pictures, where matplotlib is installed."""
    if not importlib.util.find_spec("matplotlib"):
        if verbose:
            print('No pictures: matplotlib is missing (`pip install "gloro_tf[plots]"`).')
        return
    from gloro_tf import plots

    right = certificate.label == dataset.y_test
    plots.certified_accuracy(
        certificate.radius, right, epsilon=epsilon, path=path / "certified_accuracy.png"
    )
    plots.examples(
        to_float(dataset.x_test),
        dataset.y_test,
        certificate.label,
        certificate.radius,
        class_names=dataset.class_names,
        path=path / "examples.png",
    )


def summary(report, workdir):
    """One line about a finished run."""
    test, recipe = report["test"], report["recipe"]
    row = next(r for r in test["vra"] if math.isclose(r["epsilon"], test["epsilon"], rel_tol=1e-6))
    return (
        f"{recipe['dataset']} {recipe['model']}: clean {test['clean_accuracy']:.2%}, "
        f"VRA at {test['epsilon']:.4g} {row['vra_bound']:.2%} by the bound "
        f"({row['vra_estimate']:.2%} by the estimate), {report['seconds']['all']:.0f} s; "
        f"model, report and pictures in {workdir}"
    )
