"""One gradient for three backends: of an objective of a model's output, in the input."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras

from gloro_tf.types import Array, Tensor


def gradient_function(
    model: Callable[..., Tensor], objective: Callable[..., Tensor], compiled: bool = True
) -> Callable[..., tuple[Array, Array]]:
    """Returns `function(x, *extra) -> (values, gradient)`, NumPy in and NumPy out.

    Args:
        model: a `keras.Model` or any callable `(x, training=False) -> output`, run at inference.
        objective: callable `(output, *extra) -> (n,)` tensor, written with `keras.ops`.
        compiled: bool. Whether to compile it; worth its cost from some 20 calls on.
    """
    make = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()]
    run, dtype = make(model, objective, compiled), input_dtype(model)

    def function(x, *extra):
        x = keras.ops.convert_to_tensor(x, dtype=dtype)
        results = run(x, *[keras.ops.convert_to_tensor(e) for e in extra])
        return tuple(keras.ops.convert_to_numpy(r) for r in results)

    return function


def input_dtype(function: Any) -> str:
    """The dtype that a model or layer computes in, where it takes its input.

    Args:
        function: a `keras.Model`, a layer, or any callable, which is taken to want float32.
    """
    if isinstance(function, keras.Model) and getattr(function, "inputs", None):
        return keras.backend.standardize_dtype(function.inputs[0].dtype)
    return getattr(function, "compute_dtype", None) or "float32"


def _tensorflow(model, objective, compiled):
    import tensorflow as tf

    def run(x, *extra):
        with tf.GradientTape() as tape:
            tape.watch(x)
            values = objective(model(x, training=False), *extra)
        gradient = tape.gradient(values, x, unconnected_gradients="zero")
        return values, gradient

    return tf.function(run, autograph=False) if compiled else run


def _jax(model, objective, compiled):
    import jax

    def total(x, *extra):
        values = objective(model(x, training=False), *extra)
        return keras.ops.sum(values), values

    def run(x, *extra):
        gradient, values = jax.grad(total, has_aux=True)(x, *extra)
        return values, gradient

    return jax.jit(run) if compiled else run


def _torch(model, objective, compiled):
    import torch

    @functools.wraps(objective)
    def run(x, *extra):
        x = x.detach().requires_grad_(True)
        values = objective(model(x, training=False), *extra)
        (gradient,) = torch.autograd.grad(values.sum(), x)
        return values.detach(), gradient

    return run
