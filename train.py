"""Trains a certified classifier from a recipe, and certifies its test set.

    python train.py                                     # embedded digits, about a minute
    python train.py --recipe=mnist_eps030 --data_dir=~/tensorflow_datasets
    python train.py --dataset=folder:photos --image_size=64 --model=6C2F --epsilon=0.141

Every field of `gloro_tf.training.Recipe` is a flag; flags change the recipe. A run that was killed
continues when the same command is given again. Several machines train one model when each gives the
command with its own `TF_CONFIG` (`gloro_tf.training.placement`).
"""

import dataclasses
import os
import shlex
import sys

from absl import app, flags, logging

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read when TensorFlow is imported, below

from gloro_tf.training import Recipe, run  # noqa: E402
from gloro_tf.training.run import summary  # noqa: E402
from gloro_tf.training.strategy import NAMES  # noqa: E402
from zoo import recipes  # noqa: E402

FLAGS = flags.FLAGS
_DEFINE = {str: flags.DEFINE_string, int: flags.DEFINE_integer, float: flags.DEFINE_float}
for _field in dataclasses.fields(Recipe):
    _DEFINE[_field.type](_field.name, None, f"Recipe.{_field.name} (default {_field.default!r}).")
flags.DEFINE_string("recipe", None, "Recipe to start from: a name in the zoo, or a .py file.")
flags.DEFINE_string("workdir", None, "Where the results go (default runs/<what is trained>).")
flags.DEFINE_string("data_dir", None, "Where data sets are.")
flags.DEFINE_bool("download", False, "Whether a data set may be fetched.")
flags.DEFINE_enum("strategy", "auto", NAMES, "One device, each device, or TF_CONFIG's.")
flags.DEFINE_bool("mixed_precision", False, "Train layers in bfloat16.")
flags.DEFINE_bool("resume", True, "Continue a run of the same recipe in the workdir.")
flags.DEFINE_bool("resident", False, "Data and augmentation on the device (JAX).")
flags.DEFINE_float("time_budget", None, "Minutes: train as many epochs as fit.")
flags.DEFINE_float("checkpoint_seconds", 5.0, "Least time between checkpoints; 0: each epoch.")
flags.DEFINE_integer("verbose", 2, "0 silent, 1 progress bar, 2 a line an epoch.")


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Flags only. Received: {argv[1:]}")
    try:
        recipe = Recipe.load(recipes.find(FLAGS.recipe)) if FLAGS.recipe else Recipe()
        given = {f.name: getattr(FLAGS, f.name) for f in dataclasses.fields(Recipe)}
        recipe = dataclasses.replace(recipe, **{k: v for k, v in given.items() if v is not None})
        name = recipe.dataset.replace("/", "_").replace(":", "_")
        workdir = FLAGS.workdir or f"runs/{name}_{recipe.model}_{recipe.epsilon:.4g}"
        report = run(
            recipe,
            workdir,
            data_dir=FLAGS.data_dir,
            download=FLAGS.download,
            strategy=FLAGS.strategy,
            mixed_precision=FLAGS.mixed_precision,
            resume=FLAGS.resume,
            resident=FLAGS.resident,
            time_budget=FLAGS.time_budget,
            checkpoint_seconds=FLAGS.checkpoint_seconds,
            verbose=FLAGS.verbose,
        )
    except KeyboardInterrupt:
        print(f"\ntrain.py: interrupted. To continue: {_command()}", file=sys.stderr)
        raise SystemExit(130) from None
    except (ValueError, OSError, FloatingPointError, ImportError) as error:
        logging.debug("The cause:", exc_info=True)
        raise SystemExit(f"train.py: {error}") from error
    if report:  # a worker that is not the chief has none
        print(summary(report, workdir))


def _command():
    return shlex.join(["python", *sys.argv])


if __name__ == "__main__":
    app.run(main)
