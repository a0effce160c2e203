"""Logits of any classifier, and the forms of them that no shift of all classes can change."""

import keras
import numpy as np


def logits_model(model):
    """A model of logits that shares the weights of `model`.

    A final softmax or sigmoid is taken off, as probabilities of 1 have lost what attacks look at; of
    a certified model it is the `logits_model`.
    """
    model = getattr(model, "logits_model", model)
    if not isinstance(model, keras.Model):
        raise ValueError(f"`model` must be a Keras model. Received: {type(model).__name__}")
    last = model.layers[-1] if model.layers else None
    activation = getattr(last, "activation", None)
    name = (
        "softmax" if isinstance(last, keras.layers.Softmax) else getattr(activation, "__name__", "")
    )
    if name not in ("softmax", "sigmoid"):
        return model
    if len(model.outputs) != 1 or not isinstance(
        last, keras.layers.Dense | keras.layers.Activation | keras.layers.Softmax
    ):
        raise ValueError(
            f"`model` must end in logits. Received: a last layer '{last.name}' with {name}. Leave "
            "the activation out and use a loss `from_logits=True`."
        )
    if not isinstance(last, keras.layers.Dense):
        return keras.Model(model.inputs, last.input)
    linear = keras.layers.Dense.from_config(last.get_config() | {"activation": None})
    result = keras.Model(model.inputs, linear(last.input))
    linear.set_weights(last.get_weights())
    return result


def two_columns(logits):
    """Logits `(..., classes)` as float64; one column `L` of a binary classifier as `-L/2, L/2`."""
    logits = np.asarray(logits, "float64")
    if logits.shape[-1] == 1:
        logits = np.concatenate([-logits / 2, logits / 2], axis=-1)
    if not np.isfinite(logits).all():
        raise ValueError(
            "The models must give finite logits. Received: infinite ones or NaN. Look for NaN in the "
            "examples `x`, and in the weights of a training that diverged."
        )
    return logits


def centred(logits):
    """Logits minus their mean over the classes."""
    return logits - logits.mean(axis=-1, keepdims=True)


def log_softmax(logits):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log_odds(logits, y):
    """`log(p_y / (1 - p_y))`, the confidence of LiRA; `(..., n, classes)` to `(..., n)`.

    Taken from the logits, as `L_y` minus the log of the sum of the others' exponentials.
    """
    own = of_class(logits, y)
    others = np.where(np.arange(logits.shape[-1]) == y[:, None], -np.inf, logits)
    top = others.max(axis=-1, keepdims=True)
    return own - top[..., 0] - np.log(np.exp(others - top).sum(axis=-1))


def of_class(values, y):
    """The entries of the classes `y`, `(..., n, classes)` to `(..., n)`."""
    index = np.broadcast_to(y[:, None], (*values.shape[:-1], 1))
    return np.take_along_axis(values, index, axis=-1)[..., 0]
