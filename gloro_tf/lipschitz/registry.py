"""The rule book: which layer stretches distances by how much. Closed unless a rule says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import keras

from gloro_tf.types import Tensor

COMPUTES = ("call", "__call__", "convolution_op")
# Methods of our own layers that `call` goes through, or that rules read.
COMPUTES += ("_convolve", "merged_kernel", "branch_kernel", "shift", "unit_kernel", "track")
COMPUTES += ("_orthogonalize",)
Rule: TypeAlias = Callable[..., Any]
_RULES: dict[type | str, Rule] = {}
_ACTIVATIONS: dict[Callable[..., Any], tuple[float, float, int]] = {}


class UnsupportedLayerError(TypeError):
    """Raised for a layer, merge or activation whose Lipschitz constant no rule gives."""


def register(layer_class: type | str) -> Callable[[Rule], Rule]:
    """Registers the rule of a layer type.

    The decorated function is called as `rule(layer, *input_shapes)`, shapes with the batch axis
    first, and returns a float, a `Factor`, or a list of them whose product is the layer's
    constant; for a layer of several inputs, a `Merge`. It must look at the layer's
    configuration: the same type can stretch more or less (strides, slopes, axes).

    Args:
        layer_class: a `keras.layers.Layer` subclass, or the string `"module.Class"` of a Keras
            operation.

    Returns:
        A decorator that returns its function unchanged.

    Example:

    ```python
    @gloro_tf.lipschitz.register(Doubling)
    def _(layer, input_shape):
        return 2.0
    ```
    """

    def decorator(rule):
        _RULES[layer_class] = rule
        return rule

    return decorator


def register_activation(
    function: Callable[[Tensor], Tensor],
    constant: float,
    at_zero: float = 0.0,
    terms: int = 8,
) -> None:
    """Registers the Lipschitz constant of an elementwise activation function.

    Args:
        function: callable, as passed to `activation=`.
        constant: float. Supremum of the absolute slope, rounded up.
        at_zero: float. Bound on the absolute value at zero.
        terms: int. Rounding of one evaluation in units of 2**-24; 0 if exact.
    """
    _ACTIVATIONS[function] = (float(constant), abs(float(at_zero)), int(terms))


def activation_entry(function, layer_name):
    """Returns `(constant, at_zero, terms)` of an activation function, or raises."""
    if function in _ACTIVATIONS:
        return _ACTIVATIONS[function]
    name = getattr(function, "__name__", repr(function))
    raise UnsupportedLayerError(
        f"No Lipschitz constant is known for activation '{name}' of layer '{layer_name}'. "
        "If you know it, register it: "
        f"`gloro_tf.lipschitz.register_activation({name}, constant=...)`."
    )


def rule_of(operation):
    """Finds the rule of a layer or Keras operation.

    A subclass inherits a rule only while it runs its parent's `call`: whoever overrides that, or
    `convolution_op`, computes another function.
    """
    cls = type(operation)
    key = f"{cls.__module__}.{cls.__name__}"
    if not isinstance(operation, keras.layers.Layer):
        if key in _RULES:
            return _RULES[key]
        raise UnsupportedLayerError(_unknown(operation, f'"{key}"'))
    for base in cls.__mro__:
        if base in _RULES:
            changed = [n for n in COMPUTES if getattr(cls, n, None) is not getattr(base, n, None)]
            if changed:
                raise UnsupportedLayerError(
                    f"{cls.__name__} '{operation.name}' overrides `{changed[0]}` of {base.__name__}, "
                    f"whose Lipschitz rule therefore may not hold. {_how_to(cls.__name__)}"
                )
            return _RULES[base]
    raise UnsupportedLayerError(_unknown(operation, cls.__name__))


def _unknown(operation, key):
    return (
        f"No Lipschitz rule is known for {type(operation).__name__} '{operation.name}'; none is "
        f"ever assumed. {_how_to(key)}"
    )


def _how_to(key):
    return (
        "Register one: `@gloro_tf.lipschitz.register("
        f"{key})` above `def rule(layer, input_shape): return <its Lipschitz constant>`."
    )
