"""The float32 error at an input, from how large the values really are that it takes in the network.

With each input as its own reference (see `reference`), the bound on the error at `x` is a linear form
in the measured norms `N_l` of the values that enter rounding layers: `e(x) = b + sum_l w_l N_l`. The
coefficients come from the same recursion, `Trace.reach`, run on linear forms.
"""

import math

import numpy as np
from keras import ops

from gloro_tf.lipschitz.factors import Constant
from gloro_tf.lipschitz.graph import Merge
from gloro_tf.lipschitz.margin import head_errors
from gloro_tf.lipschitz.reference import executed

_TINY = 2.0**-62


def measured_values(trace):
    """The values of a trace whose norms the error depends on, in order; empty if any of its steps is
    no plain call of a layer, or it has several inputs."""
    if len(trace.inputs) != 1 or not all(step.plain for step in trace.steps):
        return ()
    body, head = trace.head()
    found = {trace.inputs[0]: None}
    for step in body.steps:
        if isinstance(step.rule, Merge) or any(_rounds(f) for f in step.rule):
            found.update(dict.fromkeys(step.inputs))
    if head is not None:
        found[body.output] = None
    return tuple(found)


def _rounds(factor):
    return not (isinstance(factor, Constant) and factor.terms == 0)


def execute(trace, values, inputs, shape):
    """Executes a trace layer by layer.

    Args:
        trace: `gloro_tf.lipschitz.graph.Trace`.
        values: tuple, from `measured_values`.
        inputs: `(batch, ...)` tensor.
        shape: tuple. Shape of one input.

    Returns:
        `(output, norms)`: `(batch, classes)`, and `(batch, len(values))` float32, the L2 norms of the
        values, rounded upwards.
    """
    found = executed(trace, _shaped(inputs, tuple(shape)))
    norms = ops.stack([_norm(found[value]) for value in values], axis=-1)
    return ops.cast(found[trace.output], "float32"), norms


def _shaped(inputs, shape):
    """Inputs with the last axis that a functional model adds where they lack it."""
    if getattr(inputs.shape, "rank", 0) is None:  # TensorFlow, after inputs of several ranks
        return ops.reshape(inputs, (-1, *shape))
    if (*inputs.shape[1:], 1) == shape:
        return ops.expand_dims(inputs, -1)
    if tuple(inputs.shape[1:]) != shape:
        raise ValueError(f"`x` must have shape (n, *{shape}). Received: {tuple(inputs.shape)}")
    return inputs


def _norm(value):
    size = math.prod(value.shape[1:])
    squares = ops.sum(ops.square(ops.reshape(value, (-1, size))), axis=-1)
    # An attack that follows gradients must not meet that of a square root at 0.
    length = ops.where(squares > 0, ops.sqrt(ops.where(squares > 0, squares, 1.0)), squares)
    outward = length * (1 + (size + 8) * 2.0**-23) + math.sqrt(size) * _TINY
    return ops.cast(outward, "float32")


def error_forms(trace, values, classes, value_of):
    """The coefficients of the error in the measured norms.

    Args:
        trace, values: as in `execute`.
        classes: int.
        value_of: callable from a factor to its bound.

    Returns:
        `(forms, per_error, fixed)`: `(2, 1 + len(values))`, `(classes, classes)` twice, float64. With
        `e, a = forms @ [1, norms]`, executed `logit_i - logit_j` differs from the real one at `x` by
        at most `per_error[i, j] * e + a + fixed[i, j]`.
    """
    body, head = trace.head()
    units = np.eye(1 + len(values))
    norms = {value: units[1 + i] for i, value in enumerate(values)}
    reach = body.reach(value_of, norms, norms[trace.inputs[0]], units[0])
    per_error, per_value, fixed = head_errors(head, classes, value_of)
    extra = per_value.max() * (reach.offset + reach.error_offset)
    outward = 1 + 1e-9
    return np.stack([reach.error_offset, extra]) * outward, per_error * outward, fixed * outward
