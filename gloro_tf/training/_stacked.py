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


class Step:
    """What a training step makes of the members' weights, losses and gradients: nothing."""

    def copies(self, values):
        """The weights that the gradients are taken in, of stacked weights."""
        return values

    def losses(self, member_losses, values, rows, shares):
        """What is summed and differentiated."""
        return member_losses(values, rows, shares)

    def gradients(self, gradients, shares, noise):
        """What the optimizer is given."""
        return gradients

    def report(self, losses, shares):
        """The losses of the members, `(n,)`."""
        return losses


def epoch_function(member_losses, variables, optimizer, jit_compile, step=None):
    """`(rows, shares, *noise) -> losses`: trains one epoch; of `(steps, n, ...)`, losses `(n,)`.

    Args:
        member_losses: callable `(trainable, rows, shares) -> (n,)` tensor of one batch each.
        variables: the stacked trainable `keras.Variable`s; the epoch updates them.
        optimizer: built on them.
        jit_compile: bool. Whether TensorFlow uses XLA; JAX always does, PyTorch never.
        step: a `Step`; the noise is for its use alone.
    """
    make = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()]
    return make(member_losses, variables, optimizer, jit_compile, step or Step())


def _tensorflow(member_losses, variables, optimizer, jit_compile, way):
    import tensorflow as tf

    def step(rows, shares, *noise):
        with tf.GradientTape() as tape:
            values = way.copies([v.value for v in variables])
            losses = way.losses(member_losses, values, rows, shares)
            total = tf.reduce_sum(losses)
        gradients = tape.gradient(total, values, unconnected_gradients="zero")
        optimizer.apply(way.gradients(gradients, shares, noise), variables)
        return way.report(losses, shares)

    @tf.function(jit_compile=jit_compile)
    def epoch(*batches):
        totals = step(*[part[0] for part in batches])
        for number in tf.range(1, tf.shape(batches[0])[0]):
            totals += step(*[part[number] for part in batches])
        return totals / tf.cast(tf.shape(batches[0])[0], totals.dtype)

    return lambda *batches: epoch(*[tf.constant(part) for part in batches]).numpy()


def _jax(member_losses, variables, optimizer, jit_compile, way):
    import jax
    import numpy as np

    def total(values, rows, shares):
        losses = way.losses(member_losses, values, rows, shares)
        return losses.sum(), losses

    def step(state, batch):
        (trainable, slots), (rows, shares, *noise) = state, batch
        copies = way.copies(trainable)
        (_, losses), found = jax.value_and_grad(total, has_aux=True)(copies, rows, shares)
        gradients = way.gradients(found, shares, noise)
        state = optimizer.stateless_apply(slots, gradients, trainable)
        return state, way.report(losses, shares)

    @jax.jit
    def epoch(state, batches):
        state, losses = jax.lax.scan(step, state, batches)
        return state, losses.mean(axis=0)

    def run(*batches):
        groups = list(variables), optimizer.variables
        state, losses = epoch(tuple([v.value for v in group] for group in groups), batches)
        for group, values in zip(groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return np.asarray(losses)

    return run


def _torch(member_losses, variables, optimizer, jit_compile, way):
    import torch

    def run(*batches):
        totals = 0.0
        for row, share, *noise in zip(*batches, strict=True):
            row, share, *noise = (ops.convert_to_tensor(part) for part in (row, share, *noise))
            values = way.copies([v.value for v in variables])
            losses = way.losses(member_losses, values, row, share)
            gradients = torch.autograd.grad(
                losses.sum(), values, allow_unused=True, materialize_grads=True
            )
            with torch.no_grad():
                optimizer.apply(list(way.gradients(gradients, share, noise)), variables)
                totals = totals + way.report(losses.detach(), share)
        return ops.convert_to_numpy(totals / len(batches[0]))

    return run
