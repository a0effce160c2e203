"""Many small models of one architecture, trained at once."""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from gloro_tf.training import _many_checks as checks
from gloro_tf.training import _stacked
from gloro_tf.training.many_models import ManyModels
from gloro_tf.training.private import PrivatePlan, PrivateSGD, PrivateStep, check_private
from gloro_tf.types import Array, ArrayLike, Builder


def fit_many(
    build: Builder,
    x: ArrayLike,
    y: ArrayLike,
    *,
    n: int | None = None,
    seeds: ArrayLike | None = None,
    masks: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    epochs: int = 10,
    batch_size: int = 32,
    optimizer: Any = "adam",
    loss: Any = None,
    jit_compile: bool | Literal["auto"] = "auto",
    private: PrivateSGD | None = None,
    verbose: int = 0,
) -> ManyModels:
    """Trains `n` models of one architecture together, each exactly as if it were alone.

    The weights of the members are stacked, `(n, ...)`, and one step trains all of them: on
    TensorFlow and JAX the models are vectorised over members, PyTorch loops over them. The loss is
    the sum over members of each member's mean over its batch, and the optimizer updates each
    weight by itself, so no member influences another.

    Member `i` starts from the weights that `build` gives after `keras.utils.set_random_seed` of its
    seed. In epoch `e` it sees its examples in the order of `epoch_order(seed, e, len(x))`, from
    which those outside its mask are left out; the last batch may be smaller. Members of equal
    seeds thus differ by their masks alone. The result follows from the seeds.

    Args:
        build: callable without arguments that returns a new Keras model with outputs
            `(batch, classes)`. Layers with a state (batch normalisation, dropout) and weight
            constraints are refused.
        x: array `(examples, ...)`.
        y: array `(examples, ...)`.
        n: int. Number of members. May be left out if `seeds` or `masks` are given.
        seeds: optional `(n,)` integers. Defaults to 0 to `n - 1`. The global seed of Keras is set
            to each of them in turn.
        masks: optional `(n, examples)` bools: which examples each member trains on. Every
            member must have the same number of batches.
        sample_weight: optional `(examples,)` or `(n, examples)` numbers that the losses are
            multiplied with; as in `fit`, the sum over a batch is divided by its examples.
        epochs: int.
        batch_size: int.
        optimizer: a name or a Keras optimizer that updates each weight by itself: Adam, SGD and
            the like. It is copied.
        loss: a Keras loss, or a function `(y, outputs) -> (batch,)` written with `keras.ops`.
            Defaults to the cross-entropy of logits and integer labels.
        jit_compile: `"auto"` or bool. Whether TensorFlow compiles with XLA, which is about twice
            as fast for dense layers and refuses stacked convolutions. JAX always compiles.
        private: optional `PrivateSGD`: trains with differential privacy. Examples are then sampled
            anew in each step, `batch_size` of them on average.
        verbose: int. 1 prints a line for each epoch.

    Returns:
        `ManyModels`.

    Raises:
        ValueError: naming the argument and the remedy.

    Example:

    ```python
    many = gloro_tf.training.fit_many(build, x, y, n=200, epochs=20)
    accuracy = (many.labels(x_test) == y_test).mean(axis=1)  # of each of the 200
    ```
    """
    counts = {"epochs": epochs, "batch_size": batch_size} | ({} if n is None else {"n": n})
    checks.check_positive(**counts)
    x, y = checks.check_data(x, y)
    seeds, masks = checks.check_members(n, seeds, masks, len(x))
    if private is not None:
        check_private(private, sample_weight)
    else:
        plan = _Plan(seeds, masks, _weights(sample_weight, len(seeds), len(x)), len(x), batch_size)
    optimizer, loss = checks.check_optimizer(optimizer), checks.check_loss(loss)
    if not callable(build):
        raise ValueError(f"`build` must be callable without arguments. Received: {build!r}")
    model, weights = _initial(build, seeds)
    checks.check_step(model, loss, x, y)
    count = len(model.trainable_variables)
    variables = [
        keras.Variable(w, dtype=v.dtype, name=v.name)
        for w, v in zip(weights[:count], model.trainable_variables, strict=True)
    ]
    optimizer.build(variables)
    step = _stacked.Step()
    if private is not None:
        shapes = [w.shape[1:] for w in weights[:count]]
        plan = PrivatePlan(private, seeds, masks, len(x), batch_size, epochs, shapes)
        step = PrivateStep(plan)
    losses = _member_losses(model, loss, x, y, step.copies(weights[count:]))
    # For a single member, TensorFlow compiles again in each epoch.
    alone = jit_compile == "auto" and len(seeds) == 1
    xla = not alone and checks.uses_xla(jit_compile, model)
    run = _stacked.epoch_function(losses, variables, optimizer, xla, step)
    history = []
    for epoch in range(epochs):
        history.append(run(*plan.epoch(epoch)))
        if verbose:
            print(f"epoch {epoch + 1} of {epochs}: mean loss {history[-1].mean():.4f}", flush=True)
    optimizer.finalize_variable_values(variables)
    weights[:count] = [ops.convert_to_numpy(v) for v in variables]
    return ManyModels(build, model, weights, seeds, np.stack(history))


def epoch_order(seed: int, epoch: int, examples: int) -> Array:
    """The order in which `fit_many` shows the examples to members of a seed, `(examples,)` ints.

    Args:
        seed: int. Of the member.
        epoch: int. Counted from 0.
        examples: int. How many there are.
    """
    return np.random.default_rng([int(seed), int(epoch)]).permutation(examples)


class _Plan:
    """Which rows each member sees in which step, and with which shares in the loss."""

    def __init__(self, seeds, masks, weights, examples, batch_size):
        self.seeds, self.masks, self.weights = seeds, masks, weights
        self.examples, self.size = examples, min(batch_size, examples)
        n = len(seeds)
        counts = np.full(n, examples) if masks is None else masks.sum(axis=1)
        steps = -(-counts // self.size)
        if steps.min() < 1 or steps.min() != steps.max():
            raise ValueError(
                "`masks` must give every member the same number of batches, at least 1. Received: "
                f"{counts.min()} to {counts.max()} examples in batches of {self.size}. Choose "
                "equally many for each, or leave examples out by a `sample_weight` of 0."
            )
        self.steps = int(steps[0])
        filled = np.clip(counts[:, None] - np.arange(self.steps) * self.size, 0, self.size)
        self.shares = (np.arange(self.size) < filled[:, :, None]) / filled[:, :, None]

    def epoch(self, epoch):
        """`(rows, shares)`, `(steps, n, batch)` int32 and float32."""
        orders = {s: epoch_order(s, epoch, self.examples) for s in set(self.seeds.tolist())}
        rows = np.empty((len(self.seeds), self.steps * self.size), "int32")
        for i, seed in enumerate(self.seeds.tolist()):
            order = orders[seed]
            if self.masks is not None:
                order = order[self.masks[i, order]]
            # Filled up with the member's own examples: with others, 0 times infinity would leak.
            rows[i] = np.resize(order, rows.shape[1])
        rows, shares = rows.reshape(self.shares.shape), self.shares
        if self.weights is not None:
            shares = shares * self.weights[np.arange(len(rows))[:, None, None], rows]
        return rows.swapaxes(0, 1), shares.swapaxes(0, 1).astype("float32")


def _initial(build, seeds):
    """A model for its structure, and the stacked initial weights of the members."""
    found, model, shapes = {}, None, None
    for seed in seeds.tolist():
        if seed in found:
            continue
        keras.utils.set_random_seed(seed)
        model = build()
        checks.check_template(model)
        variables = [*model.trainable_variables, *model.non_trainable_variables]
        found[seed] = [np.array(ops.convert_to_numpy(v)) for v in variables]
        if shapes not in (None, [w.shape for w in found[seed]]):
            raise ValueError(
                "`build` must return the same architecture each time. Received: weights of shapes "
                f"{shapes}, then {[w.shape for w in found[seed]]}"
            )
        shapes = [w.shape for w in found[seed]]
    return model, [np.stack(parts) for parts in zip(*(found[s] for s in seeds.tolist()))]


def _member_losses(model, loss, x, y, frozen):
    """`(trainable, rows, shares) -> (n,)`, the members' losses on one batch each."""
    call = _stacked.over_members(_stacked.forward(model, True))
    x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
    frozen = [ops.convert_to_tensor(w) for w in frozen]

    def losses(trainable, rows, shares):
        outputs, penalty = call(trainable, frozen, ops.take(x, rows, axis=0))
        flat = ops.reshape(outputs, (-1, outputs.shape[-1]))
        values = loss(ops.take(y, ops.reshape(rows, (-1,)), axis=0), flat)
        values = ops.reshape(ops.cast(values, "float32"), shares.shape)
        return ops.sum(values * shares, axis=1) + penalty

    return losses


def _weights(sample_weight, n, examples):
    """Sample weights as `(n, examples)` or None."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, "float32")
    shapes = (examples,), (n, examples)
    if weights.shape not in shapes or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(
            f"`sample_weight` must be numbers of at least 0, of shape {shapes[0]} or {shapes[1]}. "
            f"Received: shape {weights.shape}"
        )
    return np.broadcast_to(weights, (n, examples))
