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


def output_norms(trace, input_shape, value):
    """The L2 norm of every step's output at an input of one value, executed in float32.

    Args:
        trace: `gloro_tf.lipschitz.graph.Trace`.
        input_shape: tuple. Shape of one input.
        value: float.

    Returns:
        dict from a step's output to a float; without those that cannot be executed on their own
        (merges, operations with arguments, and what follows them).
    """
    values = {trace.inputs[0]: keras.ops.full((1, *input_shape), value, dtype="float32")}
    norms = {}
    if len(trace.inputs) > 1:
        return norms
    for step in trace.steps:
        plain = isinstance(step.operation, keras.layers.Layer) and len(step.inputs) == 1
        if not plain or step.inputs[0] not in values:
            continue
        layer, given = step.operation, values[step.inputs[0]]
        extra = {"training": False} if layer._call_has_training_arg else {}
        values[step.output] = layer(given, **extra)
        result = keras.ops.convert_to_numpy(values[step.output]).astype("float64")
        norms[step.output] = float(np.linalg.norm(result)) * (1 + 1e-9)
    return norms
