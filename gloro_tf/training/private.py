"""Differentially private training of many models: per-example gradients, clipped, with noise."""

import dataclasses
import math
import numbers

import numpy as np
from keras import ops

from gloro_tf.training._stacked import Step


@dataclasses.dataclass(frozen=True)
class PrivateSGD:
    """DP-SGD for `fit_many`: what one example can change is bounded and hidden in noise.

    Each step takes each example with probability `batch_size / examples` by itself (Poisson
    sampling), clips the gradient of each example's loss to an L2 norm of `clip`, adds normal noise
    of deviation `noise_multiplier * clip` to the sum, and divides by `batch_size`. The optimizer may
    be any, as it only sees the result. Per-example gradients are those of one copy of the model
    for each example, vectorised as the models are.

    The noise comes from NumPy's generator and follows from the seeds, so that audits can be
    repeated; for a release, choose seeds that nobody knows. Weight penalties count as part of
    each example's loss.

    Args:
        clip: float above 0.
        noise_multiplier: float of at least 0; 0 clips without any privacy.

    Reference:
        [Abadi et al., Deep Learning with Differential Privacy](https://arxiv.org/abs/1607.00133),
        algorithm 1.
    """

    clip: float = 1.0
    noise_multiplier: float = 1.0

    def __post_init__(self):
        real = all(isinstance(v, numbers.Real) for v in (self.clip, self.noise_multiplier))
        if not real or not 0 < self.clip < math.inf or not 0 <= self.noise_multiplier < math.inf:
            raise ValueError(
                "`clip` must be a number above 0 and `noise_multiplier` one of at least 0. Received: "
                f"clip={self.clip!r}, noise_multiplier={self.noise_multiplier!r}"
            )


class PrivatePlan:
    """Who is sampled in which step, and the noise; follows from the seeds of the members.

    Args:
        private: `PrivateSGD`.
        seeds, masks, examples, batch_size: as in `fit_many`; a batch size is an expectation.
        epochs: int. Of all steps together, the largest batch sets the width.
        shapes: of one member's trainable weights.
    """

    def __init__(self, private, seeds, masks, examples, batch_size, epochs, shapes):
        self.private, self.seeds, self.shapes = private, seeds, shapes
        masks = np.ones((len(seeds), examples), bool) if masks is None else masks
        self.members = [np.flatnonzero(mask) for mask in masks]
        counts = {len(own) for own in self.members}
        if len(counts) != 1 or min(counts) < 1:
            raise ValueError(
                "`masks` must give every member as many examples, at least 1. Received: "
                f"{min(counts)} to {max(counts)}"
            )
        self.count = counts.pop()
        self.size = min(batch_size, self.count)
        self.steps = -(-self.count // self.size)
        taken = (self._taken(i, e).sum(axis=1).max() for e in range(epochs) for i in self._all())
        self.width = max(1, *taken)

    def epoch(self, epoch):
        """`(rows, shares, *noise)`: `(steps, n, width)` int32 and float32, and as the weights."""
        shape = self.steps, len(self.seeds), self.width
        rows, shares = np.zeros(shape, "int32"), np.zeros(shape, "float32")
        noise = [np.empty((*shape[:2], *s), "float32") for s in self.shapes]
        scale = self.private.noise_multiplier * self.private.clip
        for i in self._all():
            rows[:, i] = self.members[i][0]  # Filled up with an own example, at a share of 0.
            for step, taken in enumerate(self._taken(i, epoch)):
                rows[step, i, : taken.sum()] = self.members[i][taken]
                shares[step, i, : taken.sum()] = 1.0
            rng = np.random.default_rng([int(self.seeds[i]), epoch, 2])
            for part in noise:
                part[:, i] = scale * rng.standard_normal(part[:, i].shape, "float32")
        return rows, shares, *noise

    def _all(self):
        return range(len(self.seeds))

    def _taken(self, i, epoch):
        """`(steps, examples of the member)` bools."""
        rng = np.random.default_rng([int(self.seeds[i]), epoch, 1])
        return rng.random((self.steps, self.count)) < self.size / self.count


class PrivateStep(Step):
    """A step on copies of the models, one for each example, whose gradients are then clipped."""

    def __init__(self, plan):
        self.width, self.size, self.clip = plan.width, plan.size, plan.private.clip

    def copies(self, values):
        return [ops.repeat(ops.convert_to_tensor(v), self.width, axis=0) for v in values]

    def losses(self, member_losses, values, rows, shares):
        alone = ops.reshape(rows, (-1, 1))
        return member_losses(values, alone, ops.ones_like(ops.cast(alone, "float32")))

    def gradients(self, gradients, shares, noise):
        n, flat = shares.shape[0], [ops.reshape(g, (-1, math.prod(g.shape[1:]))) for g in gradients]
        squares = sum(ops.sum(ops.square(g), axis=1) for g in flat)
        factors = ops.minimum(1.0, self.clip / ops.sqrt(ops.maximum(squares, 1e-30)))
        factors = ops.reshape(factors * ops.reshape(shares, (-1,)), (n, 1, self.width))
        found = []
        for gradient, part in zip(flat, noise, strict=True):
            each = ops.reshape(gradient, (n, self.width, gradient.shape[-1]))
            total = ops.reshape(ops.matmul(factors, each), part.shape)
            found.append((total + part) / self.size)
        return found

    def report(self, losses, shares):
        return ops.sum(ops.reshape(losses, shares.shape) * shares, axis=1) / self.size


def check_private(private, sample_weight):
    """Refuses what differential privacy does not go with."""
    if not isinstance(private, PrivateSGD):
        raise ValueError(f"`private` must be a `PrivateSGD` or None. Received: {private!r}")
    if sample_weight is not None:
        raise ValueError(
            "`sample_weight` must be left out in private training, as the accounting takes every "
            "example as one. Received: weights"
        )
