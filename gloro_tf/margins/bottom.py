"""The bottom column: the best score that any rival class can reach within a radius."""

import dataclasses

import numpy as np
from keras import ops

FLOAT32_OUTWARD = 8 * 2.0**-24
LENGTH_OUTWARD = 1.01


def top_class(logits):
    """Index of the largest logit, the first of equal ones, `(batch,)` int32.

    `top_k` rather than `argmax`, whose TensorFlow form does not export to ONNX or LiteRT.
    """
    return ops.top_k(logits, 1)[1][..., 0]


def rival_scores(logits, growth, winner):
    """Adds to each logit what it can gain on the winner; the winner itself drops out.

    Args:
        logits: `(batch, classes)`.
        growth: `(batch, classes)`. How much `logit_i - logit_winner` can grow.
        winner: `(batch,)` int. Masked by index, so that a class tied with it stays a rival.

    Returns:
        `(batch, classes)`, the winner's entry at minus infinity.
    """
    is_winner = ops.one_hot(winner, logits.shape[-1], dtype="bool")
    return ops.where(is_winner, -np.inf, logits + growth)


def with_bottom(logits, margin_lipschitz, epsilon):
    """Appends the bottom score to a batch of logits.

    `bottom = max_{i != j} logit_i + epsilon * K[j, i]` with `j` the predicted class.

    Args:
        logits: `(batch, classes)` tensor.
        margin_lipschitz: `(classes, classes)` tensor `K`.
        epsilon: float or scalar tensor. The radius.

    Returns:
        `(batch, classes + 1)` tensor. A row is certified where a class is its strict maximum.

    Reference:
        [Leino et al., Globally-Robust Neural Networks](https://arxiv.org/abs/2102.08452), eq. 3.
    """
    winner = top_class(logits)
    growth = epsilon * ops.take(margin_lipschitz, winner, axis=0)
    bottom = ops.max(rival_scores(logits, growth, winner), axis=-1, keepdims=True)
    return ops.concatenate([logits, bottom], axis=-1)


def certified_radius(logits, margin_lipschitz):
    """Returns the largest radius that the margins certify, in exact arithmetic.

    `r = min_{i != j} (logit_j - logit_i) / K[j, i]`; 0 on ties, infinite only where every `K[j, i]`
    is 0 and every margin positive.

    Args:
        logits: `(batch, classes)` tensor.
        margin_lipschitz: `(classes, classes)` tensor.

    Returns:
        `(batch,)` tensor.
    """
    growth = ops.take(margin_lipschitz, top_class(logits), axis=0)
    return packed_radius(pack(logits, growth, ops.zeros_like(logits)))[1]


def pack(logits, growth, slack):
    """Joins what a radius needs into one tensor: `[logits, growth, slack]`, `(batch, 3 * classes)`.

    Args:
        logits: `(batch, classes)`.
        growth: `(batch, classes)`. Gain of each class on the predicted one, per unit of radius.
        slack: `(batch, classes)`. Gain at radius 0, by rounding.
    """
    return ops.concatenate([logits, growth, slack], axis=-1)


def packed_radius(packed):
    """Returns `(logits, radius)` from `pack`'s tensor; see `certified_radius`."""
    logits, growth, slack = ops.split(packed, 3, axis=-1)
    is_winner = ops.one_hot(top_class(logits), logits.shape[-1], dtype="bool")
    margin = ops.max(logits, axis=-1, keepdims=True) - logits - slack
    positive = growth > 0
    radius = ops.where(positive, margin / ops.where(positive, growth, 1.0), np.inf)
    radius = ops.where(margin > 0, radius, 0.0)
    return logits, ops.min(ops.where(is_winner, np.inf, radius), axis=-1)


@dataclasses.dataclass(frozen=True)
class FrozenMargins:
    """The three tables of a frozen certificate, `(classes, classes)` arrays or tensors.

    Executed in float32, `logit_i - logit_j` grows by at most
    `radius * growth[j, i] + slope[j, i] * ||x|| + offset[j, i]` from the executed value at `x` to
    the executed value anywhere within `radius` of it; `SOUNDNESS.md` has the derivation.
    """

    growth: object
    slope: object
    offset: object

    @classmethod
    def from_bound(cls, margin_lipschitz, slope, offset):
        """From real-arithmetic constants and the float32 error `slope * ||x|| + offset`.

        The error counts twice, at `x` and at a point `radius` further out.
        """
        return cls(margin_lipschitz + slope, 2 * slope, 2 * offset)

    def rows(self, logits, inputs):
        """Growth and slack rows of the predicted classes, slack outward by its own rounding."""
        winner = top_class(logits)
        axes = tuple(range(1, len(inputs.shape)))
        length = ops.sqrt(ops.sum(ops.square(inputs), axis=axes))[:, None]
        growth = ops.take(self.growth, winner, axis=0)
        slack = length * ops.take(self.slope, winner, axis=0)
        slack = slack + ops.take(self.offset, winner, axis=0)
        largest = ops.max(ops.abs(logits), axis=-1, keepdims=True)
        slack = slack * LENGTH_OUTWARD + FLOAT32_OUTWARD * largest
        finite = ops.isfinite(largest) & ops.isfinite(length)
        return growth, ops.where(finite, slack, np.inf)

    def with_bottom(self, logits, inputs, epsilon):
        """Appends the bottom score, `(batch, classes + 1)`."""
        growth, slack = self.rows(logits, inputs)
        growth = epsilon * growth * (1 + FLOAT32_OUTWARD) + slack
        rival = rival_scores(logits, growth, top_class(logits))
        bottom = ops.max(rival, axis=-1, keepdims=True)
        bottom = ops.where(ops.isnan(bottom), np.inf, bottom)
        return ops.concatenate([logits, bottom], axis=-1)

    def radius(self, logits, length):
        """Certified radii in float64 NumPy, rounded down.

        Args:
            logits: `(n, classes)` array, as executed.
            length: `(n,)` array. The L2 norms of the inputs.

        Returns:
            `(labels, radii)`: int64 and float64 `(n,)`. NaN or infinity anywhere gives radius 0.
        """
        logits, length = np.asarray(logits, "float64"), np.asarray(length, "float64")
        finite = np.isfinite(logits).all(axis=1) & np.isfinite(length)
        logits, length = np.where(finite[:, None], logits, 0.0), np.where(finite, length, 0.0)
        labels = logits.argmax(axis=1)
        rows = np.arange(len(labels))
        slack = self.slope[labels] * length[:, None] * (1 + 1e-12) + self.offset[labels]
        margin = (logits[rows, labels][:, None] - logits) * (1 - 1e-15) - slack * (1 + 1e-15)
        growth = self.growth[labels]
        with np.errstate(divide="ignore", invalid="ignore"):
            radius = np.where(margin > 0, margin / growth * (1 - 1e-15), 0.0)
        radius[rows, labels] = np.inf
        radius = np.where(np.isnan(radius), 0.0, radius).min(axis=1)
        return labels.astype("int64"), np.where(finite, radius, 0.0)
