"""Rules of merges: layers of several inputs, and `+`, `-`, `*` on symbolic tensors."""

import math

import keras
import numpy as np

from gloro_tf.lipschitz.factors import Constant
from gloro_tf.lipschitz.graph import Merge
from gloro_tf.lipschitz.registry import UnsupportedLayerError, register

layers = keras.layers
OUTWARD = 1 + 1e-15


def _copies(shape, output_shape):
    """Broadcasting copies entries; `c` copies stretch distances by `sqrt(c)`."""
    ratio = math.prod(output_shape[1:]) / math.prod(shape[1:])
    return math.sqrt(ratio) * OUTWARD if ratio > 1 else 1.0


def _broadcast(shapes):
    ranks = {len(s) for s in shapes}
    if len(ranks) > 1:
        raise UnsupportedLayerError(
            f"Merged tensors must have equal ranks. Received: shapes={list(shapes)}"
        )
    return (None, *np.broadcast_shapes(*[s[1:] for s in shapes]))


def _sum(shapes, share=1.0):
    output = _broadcast(shapes)
    return Merge("sum", tuple(share * _copies(s, output) for s in shapes))


@register(layers.Add)
@register(layers.Subtract)
def add(layer, *shapes):
    return _sum(shapes)


@register(layers.Average)
def average(layer, *shapes):
    return _sum(shapes, share=OUTWARD / len(shapes))


@register(layers.Maximum)
@register(layers.Minimum)
def maximum(layer, *shapes):
    output = _broadcast(shapes)
    return Merge("stack", tuple(OUTWARD * _copies(s, output) for s in shapes))


@register(layers.Concatenate)
def concatenate(layer, *shapes):
    if layer.axis % len(shapes[0]) == 0:
        raise UnsupportedLayerError(
            f"'{layer.name}' joins along the batch axis. Received: axis={layer.axis}. Use axis=-1."
        )
    return Merge("stack", (OUTWARD,) * len(shapes))


def _with_constant(operation, node):
    """The other operand of a binary operation on one symbolic tensor, as an array."""
    operands = [*node.arguments.args, *node.arguments.kwargs.values()]
    others = [o for o in operands if not isinstance(o, keras.KerasTensor)]
    if len(operands) != 2 or len(others) != 1 or isinstance(others[0], keras.Variable):
        raise UnsupportedLayerError(
            f"'{operation.name}' must combine two tensors, or a tensor and a fixed number. "
            "Put anything else into a layer with a registered rule."
        )
    value = np.asarray(keras.ops.convert_to_numpy(others[0]), "float64")
    # Keras computes with the constant rounded to float32; either may be the larger.
    rounded = value.astype("float32").astype("float64")
    return np.stack([value, rounded])


@register("keras.src.ops.numpy.Add")
@register("keras.src.ops.numpy.Subtract")
def add_operation(operation, *shapes_and_node):
    *shapes, node = shapes_and_node
    if len(shapes) == 2:
        return _sum(shapes)
    constant = _with_constant(operation, node)
    output = (None, *node.outputs[0].shape[1:])
    offset = float(np.abs(constant).max(initial=0)) * math.sqrt(math.prod(output[1:])) * OUTWARD
    return Constant(_copies(shapes[0], output), offset, terms=1)


@register("keras.src.ops.numpy.Multiply")
@register("keras.src.ops.numpy.TrueDivide")
@register("keras.src.ops.numpy.Divide")
def multiply_operation(operation, *shapes_and_node):
    *shapes, node = shapes_and_node
    if len(shapes) == 2:
        raise UnsupportedLayerError(
            f"'{operation.name}' multiplies or divides two tensors, which is not Lipschitz."
        )
    divides = "Divide" in type(operation).__name__
    constant = _with_constant(operation, node)
    if divides and not isinstance(node.arguments.args[0], keras.KerasTensor):
        raise UnsupportedLayerError(f"'{operation.name}' divides by a tensor: not Lipschitz.")
    gain = float(np.abs(1 / constant if divides else constant).max())
    output = (None, *node.outputs[0].shape[1:])
    return Constant(gain * _copies(shapes[0], output) * OUTWARD, terms=1)
