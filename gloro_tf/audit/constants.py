"""Lipschitz constants from above and from below, layer by layer."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
from keras import ops

from gloro_tf.data.checks import at_least
from gloro_tf.lipschitz import api, graph
from gloro_tf.ops import gradient_function, input_dtype
from gloro_tf.types import ArrayLike

REACH = 0.3


@dataclasses.dataclass(frozen=True)
class Row:
    """One layer: constants from below (attained by a pair of inputs), estimated, and from above."""

    layer: str
    kind: str
    lower: float
    estimate: float
    bound: float

    @property
    def tightness(self):
        return self.lower / self.bound if self.bound else 1.0


@dataclasses.dataclass(frozen=True)
class LipschitzAudit:
    """Lower bounds, estimates and bounds of a model's layers; `str()` of it is a table.

    `rows` has a `Row(layer, kind, lower, estimate, bound)` for each layer, `whole` one for the model
    from its inputs to all its outputs. A lower bound above a bound is an error of the bound.
    """

    rows: tuple
    whole: Row

    @property
    def violations(self) -> tuple[Row, ...]:
        """The rows whose lower bound exceeds the bound."""
        return tuple(row for row in (*self.rows, self.whole) if row.lower > row.bound)

    def __str__(self):
        lines = [
            f"{'layer':<28}{'type':<20}{'pairs attain':>14}{'estimate':>12}{'bound':>12}{'tight':>9}"
        ]
        for row in (*self.rows, self.whole):
            lines.append(
                f"{row.layer[:27]:<28}{row.kind[:19]:<20}{row.lower:>14.6g}{row.estimate:>12.6g}"
                f"{row.bound:>12.6g}{row.tightness:>9.1%}"
            )
        for row in self.violations:
            lines.append(f"VIOLATION: a pair of inputs refutes the bound of '{row.layer}'")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain lists and numbers, for JSON."""
        rows = [dataclasses.asdict(row) | {"tightness": row.tightness} for row in self.rows]
        return {"layers": rows, "whole": dataclasses.asdict(self.whole)}


def lipschitz(
    model: keras.Model, x: ArrayLike | None = None, steps: int = 30, pairs: int = 16, seed: int = 0
) -> LipschitzAudit:
    """Puts lower bounds beside estimates and bounds.

    For each layer and for the whole model, pairs of inputs climb `||f(a) - f(b)|| / ||a - b||` by a
    power step in their difference and gradient steps in their place. What a pair attains, less what
    rounding may have added, is below the true constant, so a right bound is never below it.

    Args:
        model: a functional or sequential `keras.Model`, or a model with `logits_model`.
        x: `(n, ...)` float array to start from. Defaults to noise in [0, 1].
        steps: int. Defaults to 30.
        pairs: int. Defaults to 16.
        seed: int.

    Returns:
        `LipschitzAudit`.

    Raises:
        UnsupportedLayerError: for a layer without a rule.
        ValueError: for inputs of another shape, or a model of several inputs.
    """
    net = getattr(model, "logits_model", model)
    if len(getattr(net, "inputs", None) or ()) != 1:
        raise ValueError(
            "`model` must be a functional or sequential model of one input. Received: "
            f"{type(net).__name__}. Audit the members of an ensemble one by one."
        )
    for name, value in (("steps", steps), ("pairs", pairs)):
        at_least(name, value, 1)
    shape = tuple(net.input_shape[1:])
    rng = np.random.default_rng([seed, 11])
    x = rng.random((pairs, *shape)) if x is None else np.asarray(x)
    if x.shape[1:] != shape or not len(x) or not np.isfinite(x).all():
        raise ValueError(
            f"`x` must be finite, of the shape (n, {', '.join(map(str, shape))}) with n > 0. "
            f"Received: shape {x.shape}"
        )
    x = np.resize(x, (pairs, *shape))
    traced = graph.trace(net)
    bounds, estimates = api.bounds_of(traced), api.estimates_of(traced, 200)
    rows = []
    for step, values in _layer_inputs(net, traced, x):
        alone = graph.Trace((step,), step.inputs, step.output).reach(lambda f: bounds[id(f)])
        lower = pair_quotient(step.operation, values, steps, rng, alone)
        name, kind = step.operation.name, type(step.operation).__name__
        rows.append(Row(name, kind, lower, *_products(step.rule, estimates, bounds)))
    reach = traced.reach(lambda f: bounds[id(f)])
    whole = Row(
        "whole model",
        "",
        pair_quotient(net, x, steps, rng, reach),
        *[float(traced.constant(lambda f, t=table: t[id(f)])) for table in (estimates, bounds)],
    )
    return LipschitzAudit(tuple(rows), whole)


def pair_quotient(function, x, steps, rng, reach):
    """The largest quotient of distances that pairs of inputs attained; a lower bound.

    Args:
        function: a Keras layer or model of one tensor.
        x: `(n, ...)` array, where pairs start.
        steps: int.
        rng: `numpy.random.Generator`.
        reach: `gloro_tf.lipschitz.graph.Reach` of the function, which bounds its float32 errors.
    """
    dtype = input_dtype(function)
    gradient = gradient_function(_Inference(function, dtype), _energies, compiled=steps > 3)
    x = np.asarray(x, "float64")
    axes, shape = tuple(range(1, x.ndim)), (-1, *[1] * (x.ndim - 1))
    length = REACH * np.maximum(np.sqrt(np.sum(x**2, axis=axes)), 1e-3).reshape(shape)
    offset, best = length * _unit(rng.normal(size=x.shape), axes), 0.0
    for step in range(steps + 1):
        both = np.concatenate([x, x + offset]).astype(dtype)
        energy, slope = gradient(both)
        best = max(best, _attained(both, energy, reach))
        near, far = np.split(slope.astype("float64"), 2)
        offset = length * _unit(np.where(np.any(far, axis=axes, keepdims=True), far, offset), axes)
        x = x + 0.2 * length * _unit(near + far, axes) / (1 + step)
        if step % 10 == 9:
            length = length * 0.5
    return float(best)


def _attained(both, energy, reach):
    """The largest quotient of a batch of pairs, less what rounding may have added."""
    near, far = np.split(both.astype("float64").reshape(len(both), -1), 2)
    length = np.linalg.norm(far - near, axis=1)
    farthest = np.maximum(np.linalg.norm(near, axis=1), np.linalg.norm(far, axis=1))
    error = 2 * (reach.error_offset + reach.error_slope * farthest)
    change = np.sqrt(2 * energy.astype("float64")) * (1 - 1e-6) - error
    quotient = np.divide(change, length, out=np.zeros_like(change), where=length > 0)
    return np.max(quotient[np.isfinite(quotient)], initial=0.0)


class _Inference:
    """A layer or model at inference, whatever arguments it takes."""

    def __init__(self, function, dtype):
        self.function, self.compute_dtype = function, dtype
        self.takes_training = isinstance(function, keras.Model) or getattr(
            function, "_call_has_training_arg", False
        )

    def __call__(self, x, training=False):
        return self.function(x, training=False) if self.takes_training else self.function(x)


def _energies(output):
    """For a batch of firsts and seconds of pairs: half the squared distances."""
    near, far = ops.split(ops.reshape(output, (2, output.shape[0] // 2, -1)), 2)
    return 0.5 * ops.sum(ops.square(far - near), axis=(0, 2))


def _unit(rows, axes):
    lengths = np.sqrt(np.sum(rows**2, axis=axes, keepdims=True))
    return rows / np.where(lengths > 0, lengths, 1.0)


def _layer_inputs(net, traced, x):
    """For each layer of one input: its step, and the values that it gets for `x`."""
    x = ops.convert_to_tensor(x, dtype=input_dtype(net))
    known = {traced.inputs[0]: x}
    for step in traced.steps:
        if any(i not in known for i in step.inputs):
            continue
        values = [known[i] for i in step.inputs]
        operation = _Inference(step.operation, None)
        if isinstance(step.rule, graph.Merge) and step.plain:
            known[step.output] = operation(values)
        elif len(values) == 1 and step.plain:
            yield step, ops.convert_to_numpy(values[0])
            known[step.output] = operation(values[0])


def _products(rule, *tables):
    return [float(np.prod([table[id(factor)] for factor in rule])) for table in tables]
