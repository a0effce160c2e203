"""An LSTM language model as arrays, read from Keras or from PyTorch and checked."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras
import numpy as np

from gloro_tf.influence import _keras_model
from gloro_tf.influence._arrays import NUMPY
from gloro_tf.influence._edges import Cell, lstm_step
from gloro_tf.influence.graph import GATES
from gloro_tf.types import Array, ArrayLike, Node

LayerWeights = collections.namedtuple("LayerWeights", ["kernel", "recurrent", "bias"])
LayerWeights.__doc__ = "The weights of one layer, as dicts from the kind of gate to an array."


class LSTMTrace:
    """A language model `embedding -> LSTM -> ... -> LSTM -> logits`, run gate by gate in float64.

    With `z_k = x W_k + h U_k + b_k` for each of the gates i, f, g and o, a layer computes

        c = sigmoid(z_f) * c + sigmoid(z_i) * tanh(z_g),    h = sigmoid(z_o) * tanh(c).

    Use `from_keras`, or `from_torch_state` for weights from elsewhere.

    Args:
        embedding: `(vocabulary, width)` floats.
        layers: list of `(kernel, recurrent, bias)` of shapes `(inputs, 4 * units)`,
            `(units, 4 * units)` and `(4 * units,)`, in the order i, f, g, o of Keras.
        head_kernel: `(units, vocabulary)` floats.
        head_bias: `(vocabulary,)` floats.

    Raises:
        ValueError: where the shapes do not fit or a weight is not finite.
    """

    def __init__(
        self,
        embedding: ArrayLike,
        layers: Sequence[Sequence[ArrayLike]],
        head_kernel: ArrayLike,
        head_bias: ArrayLike,
    ) -> None:
        self.embedding, self.head_kernel = np.asarray(embedding), np.asarray(head_kernel)
        self.head_bias = np.asarray(head_bias)
        self.deviation = None
        width, self.layers = self.embedding.shape[1], []
        for number, arrays in enumerate(layers):
            kernel, recurrent, bias = (np.asarray(a, "float64") for a in arrays)
            units = recurrent.shape[0]
            shapes = kernel.shape, recurrent.shape, bias.shape
            if shapes != ((width, 4 * units), (units, 4 * units), (4 * units,)):
                raise ValueError(
                    f"Layer {number} must have weights of shapes ({width}, 4n), (n, 4n) and (4n,). "
                    f"Received: {shapes}."
                )
            blocks = [dict(zip(GATES, np.split(a, 4, axis=-1))) for a in (kernel, recurrent, bias)]
            contiguous = [{k: np.ascontiguousarray(v) for k, v in b.items()} for b in blocks]
            self.layers.append(LayerWeights(*contiguous))
            width = units
        if not layers or self.head_kernel.shape != (width, *self.head_bias.shape):
            raise ValueError(
                f"`head_kernel` must have shape ({width}, vocabulary) and `head_bias` "
                f"(vocabulary,). Received: {self.head_kernel.shape}, {self.head_bias.shape}."
            )
        arrays = [self.embedding, self.head_kernel, self.head_bias]
        arrays += [a for layer in self.layers for block in layer for a in block.values()]
        if not all(np.isfinite(a).all() for a in arrays):
            raise ValueError("The weights must be finite. Received: some that are NaN or infinite.")

    @classmethod
    def from_keras(
        cls,
        model: keras.Model,
        embedding: str | None = None,
        layers: Sequence[str] | None = None,
        head: str | None = None,
        tolerance: float = 1e-5,
    ) -> Self:
        """Reads the weights of a Keras model and checks them against its own forward pass.

        Args:
            model: functional or `Sequential` model from token ids `(batch, length)` to logits or
                probabilities, of every step or of the last: an `Embedding`, one or more `LSTM`
                with Keras' own activations, dropout anywhere, and a `Dense` head.
            embedding: str. The layer's name. By default all three are found by their types.
            layers: list of str. The LSTM layers' names, from the bottom up.
            head: str. The name of the `Dense` layer.
            tolerance: float. The largest difference, relative to the largest output. Defaults to
                1e-5. The difference found is kept as `deviation`.

        Returns:
            `LSTMTrace`.

        Raises:
            ValueError: for a layer or setting that is not supported, with what to do instead, or
                if the two forward passes differ.

        Example:

        ```python
        trace = LSTMTrace.from_keras(model)
        trace = LSTMTrace.from_keras(model, "words", ["lower", "upper"], "logits")
        ```
        """
        parts = _keras_model.find(model, embedding, layers, head)
        trace = cls(*_keras_model.weights(parts))
        trace.deviation = _keras_model.check(trace, model, parts, tolerance)
        return trace

    @classmethod
    def from_torch_state(
        cls,
        state: Mapping[str, Any],
        embedding: str = "encoder.weight",
        rnn: str = "rnn",
        head: str = "decoder",
    ) -> Self:
        """Reads the `state_dict` of a PyTorch language model around one `nn.LSTM`.

        Args:
            state: dict from names to arrays or CPU tensors.
            embedding: str. Name of the embedding's weight.
            rnn: str. Name of the `nn.LSTM`.
            head: str. Name of the `nn.Linear` into the vocabulary.

        Returns:
            `LSTMTrace`.

        Raises:
            ValueError: if a name is missing, or the LSTM has projections or two directions.
        """
        state = {name: np.asarray(value) for name, value in state.items()}
        number = sum(name.startswith(f"{rnn}.weight_ih_l") for name in state)
        unknown = [n for n in state if n.startswith(f"{rnn}.") and ("reverse" in n or "_hr_" in n)]
        parts = ("weight_ih", "weight_hh")
        wanted = [embedding, f"{head}.weight"]
        wanted += [f"{rnn}.{part}_l{k}" for k in range(max(number, 1)) for part in parts]
        missing = [name for name in wanted if name not in state]
        if missing or unknown:
            raise ValueError(
                f"`state` must hold {wanted}, of an LSTM in one direction without projections. "
                f"Received: missing {missing}, not supported {unknown}."
            )
        layers = []
        for k in range(number):
            kernel, recurrent = (state[f"{rnn}.{part}_l{k}"].T for part in parts)
            # PyTorch keeps two biases and adds them.
            biases = [state.get(f"{rnn}.bias_{p}_l{k}", np.zeros(1)) for p in ("ih", "hh")]
            bias = np.zeros(kernel.shape[1]) + biases[0] + biases[1]
            layers.append((kernel, recurrent, bias))
        kernel = state[f"{head}.weight"].T
        bias = state.get(f"{head}.bias", np.zeros(kernel.shape[1]))
        return cls(state[embedding], layers, kernel, bias)

    @property
    def vocabulary(self) -> int:
        """int. The number of words."""
        return len(self.embedding)

    @property
    def units(self) -> list[int]:
        """list of int. The units of each layer."""
        return [len(layer.bias["i"]) for layer in self.layers]

    def __repr__(self):
        sizes = f"vocabulary={self.vocabulary}, width={self.embedding.shape[1]}, units={self.units}"
        return f"LSTMTrace({sizes})"

    def check_ids(self, name: str, ids: ArrayLike) -> None:
        """Raises a `ValueError` where something is not a word's number.

        Args:
            name: str. What the message calls them.
            ids: integers of any shape.
        """
        ids = np.asarray(ids)
        if ids.dtype.kind not in "iu" or not ids.size or ids.min() < 0:
            raise ValueError(f"`{name}` must be integers from 0 on. Received: {name}={ids!r}.")
        if ids.max() >= self.vocabulary:
            raise ValueError(
                f"`{name}` must be below the vocabulary's size, {self.vocabulary}. "
                f"Received: {ids.max()}."
            )

    def embed(self, ids: Array) -> Array:
        """The embeddings of words, float64.

        Args:
            ids: integer array of any shape.
        """
        return self.embedding[ids].astype("float64")

    def run(
        self, ids: ArrayLike, fill: Mapping[Node, ArrayLike] | None = None
    ) -> dict[tuple[int, int], Cell]:
        """Runs sentences and remembers everything.

        Args:
            ids: `(batch, length)` integers, unpadded.
            fill: optional dict from nodes `(kind, layer, step)` of gates to values `(units,)` that
                stand in the gate's place.

        Returns:
            A dict from `(layer, step)` to `Cell`: the arrays `i`, `f`, `g`, `o`, `c`, `h` of shape
            `(batch, units)`, and `before`, the cell of the step before.
        """
        ids = np.atleast_2d(np.asarray(ids))
        self.check_ids("ids", ids)
        cells: dict[tuple[int, int], Cell] = {}
        fill = fill or {}
        for step in range(ids.shape[1]):
            below = self.embed(ids[:, step])
            for layer, weights in enumerate(self.layers):
                zeros = np.zeros((len(ids), self.units[layer]))
                last = cells.get((layer, step - 1))
                h, c = (zeros, zeros) if last is None else (last.h, last.c)
                held = {k: fill[k, layer, step] for k in GATES if (k, layer, step) in fill}
                cell = cells[layer, step] = lstm_step(NUMPY, weights, below, h, c, held)
                below = cell.h
        return cells

    def logits(self, ids: ArrayLike) -> Array:
        """Logits after every word, `(batch, length, vocabulary)` float64.

        Args:
            ids: `(batch, length)` integers, unpadded, or `(length,)`.

        Returns:
            float64 array.
        """
        ids = np.atleast_2d(np.asarray(ids))
        cells = self.run(ids)
        top = [cells[len(self.layers) - 1, step].h for step in range(ids.shape[1])]
        return np.stack(top, axis=1) @ self.head_kernel + self.head_bias
