"""A network cut in two at a layer: features below, a classifier of them above."""

import keras
import numpy as np

from gloro_tf.membership._checks import check_examples
from gloro_tf.membership._logits import logits_model


class Cut:
    """A model of logits as `top(features(x))`.

    Args:
        model: a Keras classifier. With a slice, a functional or sequential one.
        slice: None for the input; or the name of a layer, or its position in `layers`, whose
            output everything above depends on. The certified models' `logits_model` is cut.

    Attributes:
        layer: position of the layer, or None.
        top: a Keras model `(n, ...) -> (n, classes)` of logits.

    Raises:
        ValueError: naming the layers that there are.
    """

    def __init__(self, model, slice=None):
        model = logits_model(model)
        inputs = getattr(model, "inputs", None) or [None]
        if len(inputs) != 1:
            raise ValueError(
                f"`model` must have one input. Received: '{model.name}' with {len(inputs)}. Join them "
                "in one array that the model takes apart."
            )
        self._input = inputs[0]
        self.layer, self.top, self._below = None, model, None
        if slice is None:
            return
        self.layer = _position(model, slice)
        middle = model.layers[self.layer].output
        try:
            self.top = keras.Model(middle, model.outputs[0])
            self._below = keras.Model(model.inputs, middle)
        except ValueError as error:
            raise ValueError(
                f"`slice` must be a layer that every way to the output passes. Received: "
                f"slice={slice!r}; {error}"
            ) from None

    def features(self, x, batch_size=1024):
        """The features at the slice of the examples, `(n, ...)` NumPy."""
        x = np.asarray(x) if self._input is None else check_examples(x, self._input)
        return x if self._below is None else run(self._below, x, batch_size)

    def logits(self, x, batch_size=1024):
        """The logits of the examples, `(n, classes)` NumPy."""
        return run(self.top, self.features(x, batch_size), batch_size)


def run(model, x, batch_size=1024):
    """The outputs of a model at inference, in batches, as NumPy."""
    x = np.asarray(x)
    parts = [x[s : s + batch_size] for s in range(0, max(len(x), 1), batch_size)]
    tensors = [keras.ops.convert_to_tensor(part) for part in parts]
    return np.concatenate([keras.ops.convert_to_numpy(model(t, training=False)) for t in tensors])


def _position(model, slice):
    names = [layer.name for layer in model.layers]
    if isinstance(slice, str) and slice in names:
        return names.index(slice)
    if isinstance(slice, int) and not isinstance(slice, bool) and abs(slice) < len(names):
        return range(len(names))[slice]
    raise ValueError(
        f"`slice` must be None, or a layer of the model: one of {names}, or its position. "
        f"Received: slice={slice!r}"
    )
