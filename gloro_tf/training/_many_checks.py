"""What can be trained many at once, and what is refused because members would mix."""

import keras
import numpy as np
from keras import ops

from gloro_tf.data.checks import at_least

ELEMENTWISE = "SGD RMSprop Adam AdamW Adadelta Adagrad Adamax Nadam Ftrl Lion".split()


def check_optimizer(optimizer):
    """A fresh optimizer that updates each number by itself, so that members do not mix."""
    optimizer = keras.optimizers.get(optimizer)
    name = type(optimizer).__name__
    # On PyTorch, Keras replaces its optimizers by subclasses of the same name.
    own = type(optimizer).__module__.startswith("keras.src.") and name in ELEMENTWISE
    if not own:
        raise ValueError(
            "`optimizer` must be one that updates every weight by itself, or members would "
            f"influence each other. Received: {name}. Use Keras' {', '.join(ELEMENTWISE)}."
        )
    for option in ("clipnorm", "global_clipnorm"):
        if getattr(optimizer, option, None) is not None:
            raise ValueError(
                f"`optimizer` must not clip norms: they are taken over all members. Received: "
                f"{option}={getattr(optimizer, option)}. Use `clipvalue`, or leave it out."
            )
    excluded = ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern")
    if optimizer.built or any(getattr(optimizer, name, None) for name in excluded):
        raise ValueError(
            "`optimizer` must be new, without `exclude_from_weight_decay`. Received: an optimizer "
            f"'{optimizer.name}' that was used or has exclusions. Pass a fresh one."
        )
    return type(optimizer).from_config(optimizer.get_config())


def uses_xla(jit_compile, model):
    """Whether TensorFlow compiles with XLA: `"auto"` leaves convolutions and recurrences out."""
    if jit_compile not in ("auto", True, False):
        raise ValueError(
            f"`jit_compile` must be 'auto', True or False. Received: jit_compile={jit_compile!r}"
        )
    if jit_compile != "auto":
        return jit_compile
    recurrent = any(isinstance(layer, keras.layers.RNN) for layer in model._flatten_layers())
    return not recurrent and all(len(v.shape) <= 2 for v in model.trainable_variables)


def check_loss(loss):
    """`(y, outputs) -> (batch,)` from a Keras loss or a function; cross-entropy by default."""
    if loss is None:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if isinstance(loss, str) or not callable(loss):
        raise ValueError(
            "`loss` must be a Keras loss or a function `(y, outputs) -> (batch,)`, so that it is "
            f"plain whether it takes logits. Received: loss={loss!r}. Pass, say, "
            "`keras.losses.SparseCategoricalCrossentropy(from_logits=True)`."
        )
    return loss.call if isinstance(loss, keras.losses.Loss) else loss


def check_template(model):
    """Refuses what `build` must not return."""
    if not isinstance(model, keras.Model) or not model.built or not model.trainable_variables:
        raise ValueError(
            "`build` must return a built Keras model with weights to train. Received: "
            f"{type(model).__name__}. Begin the model with a `keras.Input`."
        )
    held = [v.path for v in model.trainable_variables if v.constraint is not None]
    if held:
        raise ValueError(
            f"`build` must not use weight constraints. Received: constraints on {held}. Leave "
            "them out."
        )


def check_step(model, loss, x, y):
    """Tries the model and the loss on two examples; refuses layers with a state or chance."""
    trainable = [v.value for v in model.trainable_variables]
    state = [v.value for v in model.non_trainable_variables]
    x, y = ops.convert_to_tensor(x[:2]), ops.convert_to_tensor(y[:2])
    outputs, after = model.stateless_call(trainable, state, x, training=True)
    pairs = zip(model.non_trainable_variables, state, after, strict=True)
    changed = [v.path for v, old, new in pairs if old is not new]
    if changed:
        raise ValueError(
            "`build` must not use layers that keep a state in training, such as "
            f"BatchNormalization, Dropout or GloroModel. Received: changes of {changed}. Leave "
            "them out, or train with `fit` one by one."
        )
    if getattr(outputs, "ndim", None) != 2:
        raise ValueError(
            "`build` must return a model with outputs (batch, classes). Received: "
            f"{getattr(outputs, 'shape', type(outputs).__name__)}"
        )
    again = model.stateless_call(trainable, state, x, training=True)[0]
    if not np.array_equal(*(ops.convert_to_numpy(o) for o in (outputs, again)), equal_nan=True):
        raise ValueError(
            "`build` must not use layers that keep a state in training, such as Dropout. Received: "
            "a model with other outputs each time. Leave them out, or train with `fit` one by one."
        )
    shape = tuple(loss(y, outputs).shape)
    if shape != (len(x),):
        raise ValueError(
            "`loss` must give one number for each example. Received: shape "
            f"{shape} for {len(x)} examples. Leave the mean over examples out."
        )
    if len(x) > 1:
        _check_alone(loss, y, outputs)


def _check_alone(loss, y, outputs):
    """Refuses a loss whose value for one example depends on the others in the batch."""
    together = ops.convert_to_numpy(loss(y, outputs))[0]
    other = ops.concatenate([outputs[:1], 3.0 * outputs[1:] + 1.0], axis=0)
    beside = [ops.convert_to_numpy(loss(t, o))[0] for t, o in ((y, other), (y[:1], outputs[:1]))]
    if not np.allclose([together] * 2, beside, rtol=1e-4, atol=1e-6, equal_nan=True):
        raise ValueError(
            "`loss` must not look across the batch, where examples of all members lie. Received: a "
            f"value of {together} for one example, {beside[0]} beside another one and {beside[1]} "
            "alone. Use a loss of each example, or train with `fit` one by one."
        )


def check_data(x, y):
    """`x` and `y` as arrays of one length, floats as float32."""
    x, y = (np.asarray(a) for a in (x, y))
    if not x.ndim or not y.ndim or len(x) != len(y) or not len(x):
        raise ValueError(
            f"`x` and `y` must hold the same number of examples. Received: {x.shape} and {y.shape}"
        )
    for name, values in (("x", x), ("y", y)):
        if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
            raise ValueError(
                f"`{name}` must hold finite numbers. Received: {name} of dtype {values.dtype}"
            )
    return [a.astype("float32") if a.dtype.kind == "f" else a for a in (x, y)]


def check_members(n, seeds, masks, examples):
    """`(seeds, masks)`: `(n,)` ints, and `(n, examples)` bools or None."""
    counts = [n, None if seeds is None else len(seeds), None if masks is None else len(masks)]
    known = {int(count) for count in counts if count is not None}
    if len(known) != 1 or min(known) < 1:
        raise ValueError(
            "`n`, `seeds` and `masks` must agree on a number of members of at least 1. Received: "
            f"n={n}, {counts[1]} seeds, {counts[2]} masks"
        )
    seeds = np.arange(known.pop()) if seeds is None else np.asarray(seeds)
    if seeds.ndim != 1 or seeds.dtype.kind not in "iu" or seeds.min() < 0 or seeds.max() >= 2**32:
        raise ValueError(
            f"`seeds` must be integers in [0, 2**32), one for each member. Received: {seeds}"
        )
    if masks is None:
        return seeds, None
    masks = np.asarray(masks)
    if masks.shape != (len(seeds), examples) or masks.dtype != bool:
        raise ValueError(
            f"`masks` must be bools of shape {(len(seeds), examples)}, True where a member trains "
            f"on an example. Received: shape {masks.shape}, dtype {masks.dtype}"
        )
    return seeds, masks


def check_positive(**arguments):
    """Refuses numbers that are not integers of at least 1."""
    for name, value in arguments.items():
        at_least(name, value, 1)
