"""A Keras model as a chain of affine maps and kinks, in float64 with error bounds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Self

import keras
import numpy as np

from gloro_tf.geometric_projections._layers import NotPiecewiseLinearError, pieces_of
from gloro_tf.geometric_projections._pieces import Affine, Kinks
from gloro_tf.lipschitz import graph
from gloro_tf.types import Array, Shape

ROUNDOFF = 2.0**-53
UNDERFLOW = 1e-290


def gamma(terms):
    """Relative error of a float64 sum of that many products, rounded up."""
    return 1.01 * (terms + 4) * ROUNDOFF


@dataclasses.dataclass(frozen=True)
class Block:
    """One affine map and the slopes that follow it; the last block's slopes are all 1."""

    affine: Affine
    negative: np.ndarray
    positive: np.ndarray

    @property
    def kinks(self):
        """Indices of the entries that have a kink."""
        return np.flatnonzero(self.negative != self.positive)

    @property
    def terms(self):
        """How many roundings an output of the affine map takes, those of its weights included."""
        return self.affine.weight.shape[0] + self.affine.roundings + 2

    @property
    def steepest(self):
        """The larger absolute slope of every entry."""
        return np.maximum(np.abs(self.negative), np.abs(self.positive))


class Network:
    """A piecewise-linear network: blocks of an affine map and kinks, flattened inputs.

    It stands for the function that the model's stored weights define in real arithmetic. Built
    from a `keras.Model` by `Network.of`.

    Args:
        blocks: list of `Block`.
        input_shape: shape of one input.

    Raises:
        ValueError: for weights with NaN or infinity.
    """

    def __init__(self, blocks: Sequence[Block], input_shape: Shape) -> None:
        self.blocks, self.input_shape = blocks, tuple(input_shape)
        self.classes = blocks[-1].affine.weight.shape[1]
        self.inputs = blocks[0].affine.weight.shape[0]
        self.units = sum(len(b.kinks) for b in blocks)
        for block in blocks:
            for part in (block.affine.weight, block.affine.bias, block.negative, block.positive):
                if not np.all(np.isfinite(part)):
                    raise ValueError("`model` must have finite weights. Received: NaN or infinity.")

    @classmethod
    def of(cls, model: keras.Model) -> Self:
        """Reads a Keras model, or the logits model of a `GloroModel`; a final softmax is dropped.

        Args:
            model: a built `keras.Model`, or one with `logits_model`.

        Returns:
            `Network`.

        Raises:
            NotPiecewiseLinearError: for smooth or unknown layers, and graphs that are no chain.
            ValueError: for a model that is not built, or without finite weights.
        """
        model = getattr(model, "logits_model", model)
        if not isinstance(model, keras.Model):
            raise ValueError(f"`model` must be a `keras.Model`. Received: {type(model).__name__}")
        trace = graph.trace(model)
        shape = model.input_shape
        if isinstance(shape, list) or len(trace.inputs) != 1:
            raise NotPiecewiseLinearError(f"`model` must have one input. Received: {shape}")
        return cls(_blocks(_pieces(trace, tuple(shape[1:])), math.prod(shape[1:])), shape[1:])

    def logits(self, x: Array) -> tuple[Array, Array]:
        """Logits of flattened inputs `(n, inputs)`, and bounds on their float64 error.

        Args:
            x: `(n, inputs)` float64 array.

        Returns:
            `(value, error)`, `(n, classes)` float64 each.
        """
        value, error = np.asarray(x, "float64"), np.zeros((len(x), self.inputs))
        for block in self.blocks:
            value, error = self.step(block, value, error)
            slope = np.where(value > 0, block.positive, block.negative)
            value, error = value * slope, error * block.steepest
            error = error + ROUNDOFF * np.abs(value) * (block.steepest != 1)
        return value, error

    def step(self, block: Block, value: Array, error: Array) -> tuple[Array, Array]:
        """Pushes values and their errors through the affine map of a block.

        Args:
            block: `Block` of this network.
            value: `(n, units)` float64, what enters it.
            error: `(n, units)` float64, bounds on the error of `value`.

        Returns:
            `(value, error)` of the affine map, before the kinks.
        """
        affine = block.affine
        rounding = gamma(block.terms)
        spread = (error + rounding * (np.abs(value) + error)) @ affine.weight_size
        error = spread + rounding * affine.bias_size + UNDERFLOW
        return value @ affine.weight + affine.bias, error * (1 + 1e-9)


def _pieces(trace, shape):
    """The pieces of all steps in order; the graph must be a chain."""
    pieces, last = [], trace.inputs[0]
    for step in trace.steps:
        layer = step.operation
        if step.inputs != (last,) or not isinstance(layer, keras.layers.Layer):
            raise NotPiecewiseLinearError(
                "`model` must be a chain of layers, each fed by the one before it. Received: "
                f"'{layer.name}', which merges or branches. Certify the model with `GloroModel`."
            )
        output = tuple(layer.compute_output_shape((None, *shape))[1:])
        pieces += pieces_of(layer, shape, output)
        last, shape = step.output, output
    if pieces and isinstance(pieces[-1], keras.layers.Layer):
        pieces.pop()
    for piece in pieces:
        if isinstance(piece, keras.layers.Layer):
            raise NotPiecewiseLinearError(
                f"'{piece.name}' has a softmax before the end of the model, which is smooth."
            )
    if last != trace.output or len(shape) != 1 or shape[0] < 2:
        raise ValueError(
            "`model` must end in logits of shape (batch, classes), at least two. Received: "
            f"an output of shape {(None, *shape)}. End it with `Flatten` and `Dense(classes)`."
        )
    return pieces


def _blocks(pieces, width):
    """Joins affine pieces, so that affine maps and kinks alternate; the last block has no kinks."""
    blocks, affine = [], None
    for piece in pieces:
        if isinstance(piece, Kinks):
            affine = Affine.identity(width) if affine is None else affine
            blocks.append(Block(affine, piece.negative, piece.positive))
            affine = None
            continue
        if isinstance(piece, Affine):
            affine = piece if affine is None else affine.then(piece)
        elif not piece.is_identity(width):
            affine = piece.after(Affine.identity(width) if affine is None else affine)
        width = width if affine is None else len(affine.bias)
    affine = Affine.identity(width) if affine is None else affine
    return [*blocks, Block(affine, np.ones(width), np.ones(width))]
