"""From a traced model to the constants of its margins, `K[i, j]` for `logit_i - logit_j`."""

import math

import numpy as np
from keras import ops

from gloro_tf.lipschitz.factors import float64, gamma
from gloro_tf.lipschitz.reference import output_norms
from gloro_tf.ops import round_up

SQRT2 = 1.4142135623730951 * (1 + 1e-15)


def margin_estimate(trace, classes, value_of):
    """Differentiable `(classes, classes)` estimate; `value_of(factor)` gives each estimate.

    With a final dense layer of columns `w_i` on a body of constant `L`, the entries are
    `L * ||w_i - w_j||` (Leino et al., 2021, section 3); any other end gets `sqrt(2) * L`.
    """
    one = ops.ones((), dtype="float32")
    body, head = trace.head()
    constant = body.constant(value_of, ops.sqrt, one)
    different = 1.0 - ops.eye(classes, dtype="float32")
    if head is None:
        return SQRT2 * constant * different
    kernel = ops.cast(head.kernel(), "float32")
    gram = ops.matmul(ops.transpose(kernel), kernel)
    squares = ops.sum(ops.square(kernel), axis=0)
    square = squares[:, None] + squares[None, :] - 2.0 * gram
    positive = square > 0
    distance = ops.sqrt(ops.where(positive, square, 1.0))
    return constant * ops.where(positive, distance, 0.0) * different


def margin_bound(trace, classes, value_of):
    """Guaranteed float64 `(classes, classes)` constants."""
    body, head = trace.head()
    constant = body.constant(value_of)
    depth = 2 * len(trace.steps) + 4
    return round_up(constant * _head_distances(head, classes), depth)


def _head_distances(head, classes):
    if head is None:
        return SQRT2 * (1.0 - np.eye(classes))
    columns = float64(head.kernel()).T
    scale = np.abs(columns).max(initial=0)
    if scale == 0:
        return np.zeros((classes, classes))
    columns = columns / scale
    rows = [np.sqrt(np.sum((columns - column) ** 2, axis=1)) for column in columns]
    return round_up(np.stack(rows) * scale, columns.shape[1] + 8)


def rounding_slack(trace, classes, value_of, input_shape=None, centre=0.0):
    """Bounds the float32 error of every margin of the executed model.

    Args:
        trace: `gloro_tf.lipschitz.graph.Trace`.
        classes: int.
        value_of: callable from a factor to its bound.
        input_shape: optional shape of one input. If given, the network is executed once at `centre`,
            which bounds the values in it far more tightly.
        centre: float. The reference input `c` has this value everywhere.

    Returns:
        `(slope, offset)`, `(classes, classes)` float64 each: executed `logit_i - logit_j` differs
        from the real one at `x` by at most `slope[i, j] * ||x - c|| + offset[i, j]`.
    """
    body, head = trace.head()
    norms = {} if input_shape is None else output_norms(body, input_shape, centre)
    start = 0.0
    if input_shape is not None:
        start = abs(centre) * math.sqrt(math.prod(input_shape)) * (1 + 1e-12)
    reach = body.reach(value_of, norms, start)
    per_error, per_value, fixed = head_errors(head, classes, value_of)
    slope = per_error * reach.error_slope + per_value * (reach.lipschitz + reach.error_slope)
    offset = per_error * reach.error_offset + per_value * (reach.offset + reach.error_offset)
    return slope * (1 + 1e-9), (offset + fixed) * (1 + 1e-9)


def head_errors(head, classes, value_of):
    """How the float32 error of a margin follows from values and errors at the end of the body.

    Returns:
        `(per_error, per_value, fixed)`, `(classes, classes)` float64 each: where the body's output is
        no longer than `v` and errs by at most `e`, executed `logit_i - logit_j` errs by at most
        `per_error * e + per_value * (v + e) + fixed`.
    """
    distances = _head_distances(head, classes)
    if head is None:
        return distances, 0.0 * distances, 0.0 * distances
    relative = gamma(head.fan_in() + 1 + head.kernel_roundings)
    lengths = relative * np.linalg.norm(float64(head.kernel()), axis=0)
    bias = np.zeros(classes) if head.bias is None else relative * np.abs(float64(head.bias()))
    absolute = head.rounding(value_of(head))[1] * math.sqrt(2)
    return (
        distances,
        lengths[:, None] + lengths[None, :],
        bias[:, None] + bias[None, :] + absolute,
    )
