"""One way to compile a function that reads Keras variables, on every backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from gloro_tf.types import Tensor


def compiled(
    function: Callable[[list[Tensor]], Any], variables: Sequence[keras.Variable] = ()
) -> Callable[[list[Tensor]], Any]:
    """Compiles a function of tensors that reads Keras variables and assigns none.

    Args:
        function: callable. Takes and returns a list of tensors.
        variables: the `keras.Variable`s whose current values it must see at every call. Values of
            others may be read once and kept.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    if backend != "jax":
        return function
    import jax

    @jax.jit
    def stateless(values, tensors):
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(tensors)

    return lambda tensors: stateless([variable.value for variable in variables], tensors)
