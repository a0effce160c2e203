"""The model that a run trains: a new one, that of its checkpoint, or the same in float32."""

import keras

from gloro_tf import models
from gloro_tf.models.certificate import check_precision
from gloro_tf.training.strategy import compiles
from gloro_tf.training.workdir import load_model


def resumed_or_new(recipe, dataset, folder, mixed_precision, steps):
    """The model to go on with, and how many epochs it has seen."""
    if folder.checkpoint.exists():
        with _Policy(mixed_precision):  # architectures are rebuilt under the current policy
            model = load_model(folder.checkpoint)
        done, rest = divmod(int(keras.ops.convert_to_numpy(model.optimizer.iterations)), steps)
        if rest or model.logits_model.input_shape[1:] != dataset.input_shape:
            raise ValueError(
                f"'{folder.checkpoint}' was trained on other data: it ends within an epoch of "
                f"{steps} steps on images of {dataset.input_shape}. Received: dataset="
                f"{recipe.dataset!r}. Pass the data of that run, or another --workdir."
            )
        return model, done
    return new_model(recipe, dataset, mixed_precision), 0


def new_model(recipe, dataset, mixed_precision=False):
    """A new model of the recipe."""
    with _Policy(mixed_precision):
        net = models.build(recipe.model, dataset.input_shape, dataset.num_classes)
    arguments = {"epsilon": recipe.epsilon, "power_iterations": recipe.power_iterations}
    try:
        model = models.wrapper(recipe.relaxation)(model=net, **arguments)
    except ValueError as error:
        raise ValueError(
            f"`relaxation` does not fit the data. Received: relaxation={recipe.relaxation!r}. {error}"
        ) from error
    model.compile(recipe.make_optimizer(), loss=recipe.loss, jit_compile=compiles(net))
    return model


class _Policy:
    """A context in which layers compute in bfloat16."""

    def __init__(self, mixed):
        self.mixed = mixed

    def __enter__(self):
        self.before = keras.config.dtype_policy()
        if self.mixed:
            keras.config.set_dtype_policy("mixed_bfloat16")

    def __exit__(self, *exception):
        keras.config.set_dtype_policy(self.before)


def in_float32(model, recipe, dataset):
    """The same weights in a model that computes in float32."""
    try:
        check_precision(model.logits_model)
    except ValueError:
        copy = new_model(recipe, dataset)
        copy.set_weights(model.get_weights())
        copy.optimizer.build(copy.trainable_variables)  # or the saved file does not load
        return copy
    return model
