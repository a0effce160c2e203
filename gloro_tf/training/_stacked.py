"""Many models of one architecture as one function of stacked weights, on each backend."""

import functools

import keras
from keras import ops


def forward(model, training):
    """One member as a function `(trainable, frozen, x) -> (outputs, penalty)` of its weights."""

    def call(trainable, frozen, x):
        outputs, _, losses = model.stateless_call(
            trainable, frozen, x, training=training, return_losses=True
        )
        return outputs, sum(losses, ops.zeros((), "float32"))

    return call


def over_members(call, shared_input=False):
    """`call` for all members at once: weights `(n, ...)`, and `x` `(n, ...)` or one for all."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.jit(jax.vmap(call, in_axes=(0, 0, None if shared_input else 0)))
    if backend == "tensorflow":
        return _over_members_tensorflow(call, shared_input)

    def loop(trainable, frozen, x):
        found = [
            call([w[i] for w in trainable], [w[i] for w in frozen], x if shared_input else x[i])
            for i in range(len(trainable[0]))
        ]
        return tuple(ops.stack(part) for part in zip(*found, strict=True))

    return loop


def _over_members_tensorflow(call, shared_input):
    import tensorflow as tf

    def run(call, trainable, frozen, x):
        if shared_input:
            return tf.vectorized_map(lambda w: call(*w, x), (trainable, frozen))
        return tf.vectorized_map(lambda each: call(*each), (trainable, frozen, x))

    # A partial has no code of its own, by which TensorFlow would add up the tracings of all models
    # and warn of them.
    return tf.function(functools.partial(run, call), reduce_retracing=True)


def epoch_function(member_losses, variables, optimizer, jit_compile):
    """`(rows, shares) -> losses`: trains one epoch; all of shape `(steps, n, ...)`, losses `(n,)`.

    Args:
        member_losses: callable `(trainable, rows, shares) -> (n,)` tensor of one batch each.
        variables: the stacked trainable `keras.Variable`s; the epoch updates them.
        optimizer: built on them.
        jit_compile: bool. Whether TensorFlow uses XLA; JAX always does, PyTorch never.
    """
    make = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()]
    return make(member_losses, variables, optimizer, jit_compile)


def _tensorflow(member_losses, variables, optimizer, jit_compile):
    import tensorflow as tf

    def step(rows, shares):
        with tf.GradientTape() as tape:
            values = [v.value for v in variables]
            losses = member_losses(values, rows, shares)
            total = tf.reduce_sum(losses)
        optimizer.apply(tape.gradient(total, values, unconnected_gradients="zero"), variables)
        return losses

    @tf.function(jit_compile=jit_compile)
    def epoch(rows, shares):
        totals = step(rows[0], shares[0])
        for number in tf.range(1, tf.shape(rows)[0]):
            totals += step(rows[number], shares[number])
        return totals / tf.cast(tf.shape(rows)[0], totals.dtype)

    return lambda rows, shares: epoch(tf.constant(rows), tf.constant(shares)).numpy()


def _jax(member_losses, variables, optimizer, jit_compile):
    import jax
    import numpy as np

    def total(trainable, rows, shares):
        losses = member_losses(trainable, rows, shares)
        return losses.sum(), losses

    def step(state, batch):
        trainable, slots = state
        (_, losses), gradient = jax.value_and_grad(total, has_aux=True)(trainable, *batch)
        return optimizer.stateless_apply(slots, gradient, trainable), losses

    @jax.jit
    def epoch(state, rows, shares):
        state, losses = jax.lax.scan(step, state, (rows, shares))
        return state, losses.mean(axis=0)

    def run(rows, shares):
        groups = list(variables), optimizer.variables
        state, losses = epoch(tuple([v.value for v in group] for group in groups), rows, shares)
        for group, values in zip(groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return np.asarray(losses)

    return run


def _torch(member_losses, variables, optimizer, jit_compile):
    import torch

    def run(rows, shares):
        totals = 0.0
        for row, share in zip(rows, shares, strict=True):
            values = [v.value for v in variables]
            losses = member_losses(values, ops.convert_to_tensor(row), ops.convert_to_tensor(share))
            gradients = torch.autograd.grad(
                losses.sum(), values, allow_unused=True, materialize_grads=True
            )
            with torch.no_grad():
                optimizer.apply(list(gradients), variables)
            totals = totals + losses.detach()
        return ops.convert_to_numpy(totals / len(rows))

    return run
