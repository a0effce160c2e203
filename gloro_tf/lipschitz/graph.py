"""From a Keras model to a list of steps, and from steps to constants.

The functional graph is walked once. Every call of a layer becomes a step; nested models are
opened; a layer that is called twice makes two steps. Two domains are then composed over the same
steps: plain constants, and the reach of float32 execution (how large values and errors can get).
"""

import dataclasses
import math

import keras
import numpy as np
from keras.src.models.functional import Functional

from gloro_tf.lipschitz.factors import FLOAT32_ROUNDOFF, Constant, Factor
from gloro_tf.lipschitz.operators import DenseOperator
from gloro_tf.lipschitz.registry import UnsupportedLayerError, rule_of


@dataclasses.dataclass(frozen=True)
class Merge:
    """How a layer with several inputs combines their Lipschitz constants.

    Args:
        kind: `"sum"` (constants add up) or `"stack"` (squares add up).
        weights: one factor for each input.
    """

    kind: str
    weights: tuple

    def combine(self, constants, sqrt=math.sqrt):
        """The constant of the merge, from the constants of its inputs."""
        scaled = [w * c for w, c in zip(self.weights, constants, strict=True)]
        if self.kind == "sum":
            return sum(scaled)
        return sqrt(sum(c * c for c in scaled))


@dataclasses.dataclass(frozen=True)
class Step:
    """One call of a layer: which values go in, which comes out, and its rule's answer.

    `plain` says that it is a layer called with one tensor, or one list of tensors, and nothing else.
    """

    operation: object
    rule: object
    inputs: tuple
    output: int
    plain: bool = False


@dataclasses.dataclass(frozen=True)
class Trace:
    """The steps from a model's inputs to its output, in the order of execution."""

    steps: tuple
    inputs: tuple
    output: int

    def factors(self):
        """The distinct factors, in order; a layer used twice on one shape appears once."""
        found = {}
        for step in self.steps:
            if not isinstance(step.rule, Merge):
                found.update({id(f): f for f in step.rule})
        return list(found.values())

    def head(self):
        """Splits off a final dense layer: `(trace of the body, DenseOperator or None)`."""
        steps, output = list(self.steps), self.output
        while steps and steps[-1].output == output and _is_identity(steps[-1].rule):
            output = steps.pop().inputs[0]
        used_once = sum(output in step.inputs for step in steps) == 0
        if not steps or steps[-1].output != output or not used_once:
            return self, None
        rule = steps[-1].rule
        if isinstance(rule, Merge) or not isinstance(rule[0], DenseOperator) or len(rule) > 1:
            return self, None
        return Trace(tuple(steps[:-1]), self.inputs, steps[-1].inputs[0]), rule[0]

    def constant(self, value_of, sqrt=math.sqrt, one=1.0):
        """Composes the constants of the steps; `value_of(factor)` gives each factor's."""
        known = dict.fromkeys(self.inputs, one)
        for step in self.steps:
            values = [known[i] for i in step.inputs]
            if isinstance(step.rule, Merge):
                known[step.output] = step.rule.combine(values, sqrt)
            else:
                (result,) = values
                for factor in step.rule:
                    result = result * value_of(factor)
                known[step.output] = result
        return known[self.output]

    def reach(self, value_of, norms=(), start=0.0, unit=1.0):
        """Bounds values and float32 errors at every step; see `Reach`.

        `norms` are those of executed outputs at the reference input, by step, where known, and
        `start` is the norm of the reference input itself. All may be linear forms, arrays of
        coefficients that are not negative, of which `unit` is the constant 1.
        """
        known = dict.fromkeys(self.inputs, Reach(offset=start, error_offset=0.0 * unit))
        for step in self.steps:
            values = [known[i] for i in step.inputs]
            if isinstance(step.rule, Merge):
                known[step.output] = _merge_reach(step.rule, values)
            else:
                (result,) = values
                for factor in step.rule:
                    result = result.through(factor, value_of(factor), unit)
                known[step.output] = result
            if step.output in norms:
                known[step.output] = known[step.output].at_reference(norms[step.output])
        return known[self.output]


@dataclasses.dataclass(frozen=True)
class Reach:
    """Affine bounds in `d = ||x - c||` on a value and on its float32 error, all in L2.

    `||h(x)|| <= offset + lipschitz * d` in real arithmetic, and the executed value differs from it
    by at most `error_offset + error_slope * d`; `c` is a reference input, 0 if not said. Offsets may
    be linear forms; `sqrt(sum of squares)` of their coefficients then bounds a stack by Minkowski.
    """

    lipschitz: float = 1.0
    offset: float = 0.0
    error_slope: float = 0.0
    error_offset: float = 0.0

    def at_reference(self, norm):
        """The reach where the executed value at the reference input has this norm."""
        offset = norm + self.error_offset
        if np.ndim(offset) == 0:
            offset = min(self.offset, offset)
        return dataclasses.replace(self, offset=offset)

    def through(self, factor, constant, unit=1.0):
        """The reach after one more factor."""
        relative, absolute = factor.rounding(constant)
        passed = relative * (self.offset + self.error_offset)
        return Reach(
            constant * self.lipschitz,
            constant * self.offset + factor.offset() * unit,
            constant * self.error_slope + relative * (self.lipschitz + self.error_slope),
            constant * self.error_offset + passed + absolute * unit,
        )


def _merge_reach(merge, values):
    relative = 4 * len(values) * FLOAT32_ROUNDOFF
    result = Reach(
        *[
            merge.combine([getattr(v, field.name) for v in values], np.sqrt)
            for field in dataclasses.fields(Reach)
        ]
    )
    return dataclasses.replace(
        result,
        error_slope=result.error_slope + relative * (result.lipschitz + result.error_slope),
        error_offset=result.error_offset + relative * (result.offset + result.error_offset),
    )


def trace(model):
    """Traces a functional or sequential model, or a single built layer.

    Raises:
        UnsupportedLayerError: for a layer, merge or graph without a rule.
        ValueError: for a model that is not built or whose input size is not fixed.
    """
    builder = _Builder()
    if isinstance(model, keras.Model):
        functional = _functional(model)
        inputs = tuple(builder.new() for _ in functional.inputs)
        return builder.finish(inputs, builder.open(functional, inputs))
    if not model.built:
        raise ValueError(
            f"`{model.name}` must be built before its Lipschitz constant is known. "
            "Call it once on an input, or call its `build(input_shape)`."
        )
    shape = model.get_build_config()["input_shape"]
    shapes = shape if isinstance(shape[0], (list, tuple)) else [shape]
    inputs = tuple(builder.new() for _ in shapes)
    return builder.finish(inputs, builder.add(model, [tuple(s) for s in shapes], inputs))


class _Builder:
    def __init__(self):
        self.steps, self.count, self.rules = [], 0, {}

    def new(self):
        self.count += 1
        return self.count

    def finish(self, inputs, output):
        return Trace(tuple(self.steps), inputs, output)

    def open(self, functional, inputs):
        """Adds the steps of a functional model; returns the id of its output."""
        known = {id(t): i for t, i in zip(functional.inputs, inputs, strict=True)}
        for depth in sorted(functional._nodes_by_depth, reverse=True):
            for node in functional._nodes_by_depth[depth]:
                if node.is_input or any(id(t) not in known for t in node.input_tensors):
                    continue
                _check_node(node)
                values = tuple(known[id(t)] for t in node.input_tensors)
                known[id(node.outputs[0])] = self._call(node, values)
        if len(functional.outputs) != 1:
            raise UnsupportedLayerError(
                f"Model '{functional.name}' must have one output. Received: "
                f"{len(functional.outputs)} outputs."
            )
        return known[id(functional.outputs[0])]

    def _call(self, node, values):
        operation = node.operation
        if isinstance(operation, keras.Model):
            return self.open(_functional(operation), values)
        shapes = [tuple(t.shape) for t in node.input_tensors]
        extra = () if isinstance(operation, keras.layers.Layer) else (node,)
        given = node.arguments
        tensors = all(v is None for k, v in given.kwargs.items() if k != "training")
        plain = not extra and len(given.args) == 1 and tensors
        return self.add(operation, shapes, values, extra, plain)

    def add(self, operation, shapes, values, extra=(), plain=False):
        for shape in shapes:
            if None in shape[1:]:
                raise ValueError(
                    f"The input of '{operation.name}' must have a fixed size, because the norm of "
                    f"a layer depends on it. Received: shape={shape}. Give `keras.Input` all "
                    "dimensions."
                )
        key = (id(operation), tuple(shapes))
        if extra or key not in self.rules:
            self.rules[key] = _as_rule(rule_of(operation)(operation, *shapes, *extra))
        if not isinstance(self.rules[key], Merge) and len(values) != 1:
            raise UnsupportedLayerError(
                f"The rule of '{operation.name}' answered for one input. Received: {len(values)} "
                "inputs. Its rule must return a `Merge`."
            )
        output = self.new()
        self.steps.append(Step(operation, self.rules[key], values, output, plain))
        return output


def _as_rule(answer):
    if isinstance(answer, Merge):
        return answer
    parts = answer if isinstance(answer, (list, tuple)) else [answer]
    return tuple(p if isinstance(p, Factor) else Constant(p, terms=1024) for p in parts)


def _is_identity(rule):
    return not isinstance(rule, Merge) and all(f.is_identity for f in rule)


def _check_node(node):
    training = node.arguments.kwargs.get("training")
    if training:
        raise UnsupportedLayerError(
            f"'{node.operation.name}' is called with `training=True` inside the model, so it is "
            "not the same function at inference. Build the model without that argument."
        )
    given = {k: v for k, v in node.arguments.kwargs.items() if k != "training" and v is not None}
    tensors = keras.KerasTensor
    others = {
        k: v
        for k, v in given.items()
        if not all(isinstance(part, tensors) for part in keras.tree.flatten(v))
    }
    if others and isinstance(node.operation, keras.layers.Layer):
        raise UnsupportedLayerError(
            f"'{node.operation.name}' is called with arguments that its rule does not see: "
            f"{others}. Give them where the layer is built."
        )
    if len(node.outputs) != 1:
        raise UnsupportedLayerError(
            f"'{node.operation.name}' must have one output. Received: {len(node.outputs)}."
        )


def _functional(model):
    _check_call(model)
    if isinstance(model, keras.Sequential):
        if not model.built or model._functional is None:
            raise ValueError(
                f"Sequential model '{model.name}' must be built. Start it with `keras.Input(shape)`."
            )
        model = model._functional
    if not hasattr(model, "_nodes_by_depth"):
        raise UnsupportedLayerError(
            f"'{model.name}' is a subclassed model, whose graph cannot be read. Build it with the "
            "functional API, or as a `keras.Sequential`."
        )
    for tensor in model.inputs:
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        if dtype not in ("float32", "float64"):
            raise UnsupportedLayerError(
                f"Model '{model.name}' must take float32 inputs. Received: an input of {dtype}, to "
                "which Keras rounds what it is given: a jump, which has no Lipschitz constant. Use "
                "`keras.Input(shape)` and float32 images."
            )
    return model


def _check_call(model):
    """Refuses a model that does not compute its graph."""
    plain = keras.Sequential if isinstance(model, keras.Sequential) else Functional
    if hasattr(model, "_nodes_by_depth") or plain is keras.Sequential:
        for name in ("call", "__call__"):
            if getattr(type(model), name) is not getattr(plain, name):
                raise UnsupportedLayerError(
                    f"{type(model).__name__} '{model.name}' overrides `{name}`, so it computes "
                    "something else than its graph. Put that computation into layers."
                )
