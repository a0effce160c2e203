"""A reference input: how large the values in a network really are there.

Bounds on values grow with every layer if they start from `||h(0)|| + L ||x||` alone. One execution at
a fixed input `c` gives `||h(c)||` for every layer, and `||h(x)|| <= ||h(c)|| + L ||x - c||`.
"""

import keras
import numpy as np


def centre(trace):
    """The pixel value that a leading `Rescaling` takes to zero, as a float32 number; else 0."""
    for step in trace.steps:
        layer = step.operation
        if step.inputs != trace.inputs[:1] or type(layer) is not keras.layers.Rescaling:
            continue
        if np.ndim(layer.scale) == np.ndim(layer.offset) == 0 and layer.scale:
            return float(np.float32(-layer.offset / layer.scale))
    return 0.0


def executed(trace, inputs):
    """Executes the steps of a trace, one layer after the other.

    Args:
        trace: `gloro_tf.lipschitz.graph.Trace` with one input.
        inputs: `(batch, ...)` tensor.

    Returns:
        dict from a step's output to its value; without operations that are no layers, calls with
        arguments, and what follows them.
    """
    values = {trace.inputs[0]: inputs}
    for step in trace.steps:
        layer = step.operation
        if not step.plain or any(i not in values for i in step.inputs):
            continue
        given = [values[i] for i in step.inputs]
        extra = {"training": False} if layer._call_has_training_arg else {}
        values[step.output] = layer(given[0] if len(given) == 1 else given, **extra)
    return values


def output_norms(trace, input_shape, value):
    """The L2 norm of every step's output at an input of one value, executed in float32.

    Args:
        trace: `gloro_tf.lipschitz.graph.Trace`.
        input_shape: tuple. Shape of one input.
        value: float.

    Returns:
        dict from a step's output to a float; without those that `executed` cannot reach.
    """
    if len(trace.inputs) > 1:
        return {}
    values = executed(trace, keras.ops.full((1, *input_shape), value, dtype="float32"))
    del values[trace.inputs[0]]
    found = {k: keras.ops.convert_to_numpy(v).astype("float64") for k, v in values.items()}
    return {key: float(np.linalg.norm(v)) * (1 + 1e-9) for key, v in found.items()}
