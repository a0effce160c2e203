"""Bad input to a certified model, met before anything is lost."""

import warnings

import keras
import numpy as np

from gloro_tf.data import check_images, check_labels


def check_epsilon(epsilon):
    """Returns `epsilon` as a float, or raises."""
    if epsilon is None:
        raise ValueError(
            "`epsilon` must be given: the L2 radius, e.g. `GloroModel(..., epsilon=0.3)`."
        )
    epsilon = float(epsilon)
    if not 0 < epsilon < float("inf"):
        raise ValueError(
            f"`epsilon` must be a positive L2 radius in the units of the input. "
            f"Received: epsilon={epsilon}"
        )
    return epsilon


def as_logits_model(inputs, outputs, model):
    """The model to wrap, from either way of naming it."""
    if (model is None) == (inputs is None or outputs is None):
        raise ValueError(
            "Give either `inputs` and `outputs`, or `model`. Received: "
            f"inputs={inputs}, outputs={outputs}, model={model}"
        )
    model = keras.Model(inputs, outputs) if model is None else model
    if not isinstance(model, keras.Model):
        raise ValueError(f"`model` must be a `keras.Model` of logits. Received: model={model!r}")
    if not model.built:
        raise ValueError(
            f"`model` must be built. Received: '{model.name}', not built. Start it with "
            "`keras.Input(shape)`."
        )
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 2 or not isinstance(shape[1], int):
        raise ValueError(
            "`model` must end in logits of shape (batch, classes). Received: "
            f"output_shape={shape}. End it with `Flatten` and `Dense(classes)`."
        )
    if shape[1] < 2:
        raise ValueError(
            f"`model` must have at least 2 classes. Received: output_shape={shape}. For a binary "
            "task use two logits."
        )
    return model


def check_arrays(x, y, classes, training):
    """Checks images and labels that come as NumPy arrays; other sources pass."""
    if isinstance(x, np.ndarray):
        check_images(x, uint8_ok=False)
    if isinstance(y, np.ndarray):
        examples = len(x) if isinstance(x, np.ndarray) else None
        check_labels(y, classes, examples=examples, allow_single_class=not training)


def fitted(x, model):
    """Inputs in the model's shape; others are refused, which would fail inside of a layer.

    As in Keras, a last axis of length 1 may be absent, or too many.
    """
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple):
        return x
    given = x.shape
    if len(given) == len(shape) - 1 and shape[-1] == 1:
        given = (*given, 1)
    elif len(given) == len(shape) + 1 and given[-1] == 1:
        given = given[:-1]
    if len(given) != len(shape) or any(
        known not in (None, side) for known, side in zip(shape[1:], given[1:], strict=True)
    ):
        raise ValueError(
            f"`x` must have the shape (n, {', '.join(map(str, shape[1:]))}) of the model's inputs. "
            f"Received: {x.shape}"
        )
    return x.reshape(given)


def warn_unfrozen():
    warnings.warn(
        "This model is not frozen: its bottom column comes from an estimate and is no "
        "certificate. Call `freeze()`, then `certify(x)`.",
        stacklevel=3,
    )


def float32_up(table):
    """Rounds a non-negative float64 array to float32, outwards, without flushing to zero."""
    with np.errstate(over="ignore"):
        rounded = np.asarray(table).astype("float32")
    low = rounded.astype("float64") < table
    rounded = np.where(low, np.nextafter(rounded, np.float32(np.inf)), rounded)
    smallest = np.finfo("float32").tiny
    return np.where((table > 0) & (rounded < smallest), smallest, rounded).astype("float32")


def lengths(x, centre=0.0, chunk=128):
    """L2 distances of the rows of an array to an input of one value, in float64."""
    flat = x.reshape(len(x), -1)
    parts = [
        np.linalg.norm(flat[i : i + chunk].astype("float64") - centre, axis=1)
        for i in range(0, len(flat), chunk)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)
