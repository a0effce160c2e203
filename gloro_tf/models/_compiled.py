"""One way to compile a function of variables on every backend."""

import keras


def compiled(function, variables):
    """Compiles a function without arguments that reads Keras variables and returns tensors.

    Args:
        function: callable. It must not assign.
        variables: list of the `keras.Variable`s that it reads.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    if backend != "jax":
        return function
    import jax

    @jax.jit
    def stateless(values):
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function()

    return lambda: stateless([variable.value for variable in variables])
