"""From a recipe to a frozen model in a folder."""

import dataclasses
import json
import math
import time

import keras

from gloro_tf import callbacks, models
from gloro_tf.data import Batches, load, to_float
from gloro_tf.models.certificate import check_precision
from gloro_tf.training.evaluation import evaluate, versions
from gloro_tf.training.strategy import placement
from gloro_tf.training.workdir import Checkpoint, Workdir, load_model, save_model, write_text


def run(
    recipe,
    workdir,
    *,
    data_dir=None,
    download=False,
    strategy="auto",
    mixed_precision=False,
    resume=True,
    verbose=1,
):
    """Trains, freezes, certifies and reports; a killed run continues where it was.

    Args:
        recipe: `Recipe`.
        workdir: str. Gets `model.keras` (frozen), `history.csv`, `report.json`, and, with
            matplotlib, `certified_accuracy.png` and `examples.png`.
        data_dir: str, optional. Where data sets are.
        download: bool. Whether a data set may be fetched.
        strategy: `"auto"`, `"one"` or `"mirrored"`, see `placement`.
        mixed_precision: bool. Train the layers in bfloat16; certificates are float32 always.
        resume: bool. Continue a run of the same recipe in `workdir`.
        verbose: int. As in Keras' `fit`.

    Returns:
        dict. The report.

    Raises:
        ValueError: for a `workdir` of another recipe, or data that cannot be trained on.
    """
    dataset = load(
        recipe.dataset, data_dir=data_dir, download=download, image_size=recipe.image_size or None
    )
    folder = Workdir(workdir, recipe, resume)
    started = time.monotonic()
    keras.utils.set_random_seed(recipe.seed)
    with placement(strategy):
        model = _train(recipe, dataset, folder, mixed_precision, verbose)
    trained = time.monotonic() - started
    model = _float32(model, recipe, dataset)
    model.freeze(verbose=verbose)
    results, certificate = evaluate(model, dataset.x_test, dataset.y_test)
    report = {
        "recipe": dataclasses.asdict(recipe),
        "test": results,
        "lipschitz": model.lipschitz_report().to_dict(),
        "seconds": {"training": trained, "all": time.monotonic() - started},
        "parameters": model.logits_model.count_params(),
        "versions": versions(),
    }
    save_model(model, folder.path / "model.keras")
    write_text(folder.path / "report.json", json.dumps(report, indent=1))
    _draw(folder.path, dataset, certificate, model.epsilon)
    return report


def _train(recipe, dataset, folder, mixed_precision, verbose):
    watched = dataset.validation(recipe.validation, seed=recipe.seed) if recipe.validation else None
    source = watched or dataset
    images, labels = source.x_train, source.y_train
    steps = max(1, len(labels) // recipe.batch_size)
    model, done = _model(recipe, dataset, folder, mixed_precision, steps)
    if done >= recipe.epochs:
        return model
    batches = Batches(
        images,
        labels,
        min(recipe.batch_size, len(labels)),
        epochs=recipe.epochs,
        augmentation=recipe.augmentation,
        seed=recipe.seed,
        start_step=done * steps,
    )
    held_out = (to_float(watched.x_test), watched.y_test) if watched else None
    model.fit(
        batches,
        epochs=recipe.epochs,
        initial_epoch=done,
        steps_per_epoch=steps,
        shuffle=False,
        validation_data=held_out,
        validation_batch_size=256,
        callbacks=_callbacks(recipe, folder, done),
        verbose=verbose,
    )
    return model


def _model(recipe, dataset, folder, mixed_precision, steps):
    """The model to go on with, and how many epochs it has seen."""
    if folder.checkpoint.exists():
        model = load_model(folder.checkpoint)
        done = int(keras.ops.convert_to_numpy(model.optimizer.iterations)) // steps
    else:
        with _policy(mixed_precision):
            net = models.build(recipe.model, dataset.input_shape, dataset.num_classes)
        model = models.GloroModel(
            model=net, epsilon=recipe.epsilon, power_iterations=recipe.power_iterations
        )
        model.compile(recipe.make_optimizer(), loss=recipe.loss)
        done = 0
    folder.trim_history(done)
    return model, done


class _policy:
    """A context in which layers compute in bfloat16."""

    def __init__(self, mixed):
        self.mixed = mixed

    def __enter__(self):
        self.before = keras.config.dtype_policy()
        if self.mixed:
            keras.config.set_dtype_policy("mixed_bfloat16")

    def __exit__(self, *exception):
        keras.config.set_dtype_policy(self.before)


def _callbacks(recipe, folder, done):
    # The bar comes first, so that it does not print what the later ones add to the logs.
    found = [
        keras.callbacks.ProgbarLogger(),
        callbacks.EpsilonSchedule(recipe.epsilon_schedule),
        callbacks.LearningRateSchedule(recipe.learning_rate_schedule, recipe.learning_rate),
        callbacks.LayerNorms(),
        keras.callbacks.CSVLogger(folder.path / "history.csv", append=done > 0),
        keras.callbacks.TerminateOnNaN(),
        Checkpoint(folder.checkpoint),
    ]
    if recipe.trades_schedule:
        found.insert(0, callbacks.TradesSchedule(recipe.trades_schedule))
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        return found
    return [*found, keras.callbacks.TensorBoard(folder.path / "tensorboard")]


def _float32(model, recipe, dataset):
    """The same weights in a model that computes in float32."""
    try:
        check_precision(model.logits_model)
    except ValueError:
        net = models.build(recipe.model, dataset.input_shape, dataset.num_classes)
        net.set_weights(model.logits_model.get_weights())
        return models.GloroModel(model=net, epsilon=recipe.epsilon)
    return model


def _draw(path, dataset, certificate, epsilon):
    """The two pictures, where matplotlib is installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
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
    row = next(r for r in test["vra"] if math.isclose(r["epsilon"], test["epsilon"]))
    return (
        f"{recipe['dataset']} {recipe['model']}: clean {test['clean_accuracy']:.2%}, "
        f"VRA at {test['epsilon']:.4g} {row['vra_bound']:.2%} by the bound "
        f"({row['vra_estimate']:.2%} by the estimate), {report['seconds']['all']:.0f} s; "
        f"model, report and pictures in {workdir}"
    )
