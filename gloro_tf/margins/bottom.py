"""The bottom column: the best score that any rival class can reach within a radius."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from keras import ops

from gloro_tf.margins.relaxed import STRICT, Relaxation, relaxed_bottom, relaxed_radii
from gloro_tf.types import Array, Tensor

FLOAT32_OUTWARD = 16 * 2.0**-24
LENGTH_OUTWARD = 1.01
_TINY = 1e-30


def top_class(logits: Tensor) -> Tensor:
    """Index of the largest logit, the first of equal ones, `(batch,)` int32.

    `top_k` rather than `argmax`, whose TensorFlow form does not export to ONNX or LiteRT.

    Args:
        logits: `(batch, classes)` tensor.

    Returns:
        int32 tensor.
    """
    return ops.top_k(logits, 1)[1][..., 0]


def with_bottom(
    logits: Tensor, margin_lipschitz: Tensor, epsilon: Tensor, relaxation: Relaxation = STRICT
) -> Tensor:
    """Appends the bottom score to a batch of logits.

    `bottom = max_{i != j} logit_i + epsilon * K[j, i]` with `j` the predicted class.

    Args:
        logits: `(batch, classes)` tensor.
        margin_lipschitz: `(classes, classes)` tensor `K`.
        epsilon: float or scalar tensor. The radius.
        relaxation: `Relaxation`. Defaults to none.

    Returns:
        `(batch, classes + 1)` tensor. A row is certified where a class is its strict maximum.

    Reference:
        [Leino et al., Globally-Robust Neural Networks](https://arxiv.org/abs/2102.08452), eq. 3.
    """
    return relaxed_bottom(
        logits, lambda j: epsilon * ops.take(margin_lipschitz, j, axis=0), relaxation
    )


def certified_radius(logits: Tensor, margin_lipschitz: Tensor) -> Tensor:
    """Returns the largest radius that the margins certify, in exact arithmetic.

    `r = min_{i != j} (logit_j - logit_i) / K[j, i]`; 0 on ties, infinite only where every `K[j, i]`
    is 0 and every margin positive.

    Args:
        logits: `(batch, classes)` tensor.
        margin_lipschitz: `(classes, classes)` tensor.

    Returns:
        `(batch,)` tensor.
    """
    zeros = ops.zeros_like(logits)
    radii, _ = relaxed_radii(logits, lambda j: (ops.take(margin_lipschitz, j, axis=0), zeros))
    return radii[:, 0]


@dataclasses.dataclass(frozen=True)
class FrozenMargins:
    """The three tables of a frozen certificate, `(classes, classes)` arrays or tensors.

    Executed in float32, `logit_i - logit_j` grows by at most
    `radius * growth[j, i] + slope[j, i] * size + offset[j, i] + extra` from the executed value at
    `x` to the executed value anywhere within `radius` of it. Without `forms`, `size` is
    `||x - centre||` and `extra` is 0; with them, `size, extra = forms @ [1, norms]`, of norms that
    were measured in the network at `x`. `SOUNDNESS.md` has the derivation.
    """

    growth: Any
    slope: Any
    offset: Any
    centre: Any = 0.0
    forms: Any = None

    @classmethod
    def from_bound(
        cls, margin_lipschitz: Array, slope: Array, offset: Array, centre: float = 0.0
    ) -> Self:
        """From real-arithmetic constants and the float32 error `slope * ||x - centre|| + offset`.

        The error counts twice, at `x` and at a point `radius` further out.

        Args:
            margin_lipschitz: `(classes, classes)` array.
            slope, offset: `(classes, classes)` arrays.
            centre: float. Defaults to 0.

        Returns:
            `FrozenMargins`.
        """
        return cls(margin_lipschitz + slope, 2 * slope, 2 * offset, centre)

    def with_forms(self, forms: Array, per_error: Array, fixed: Array) -> FrozenMargins:
        """The tables where each input's error follows from its measured norms, given what
        `gloro_tf.lipschitz.measured.error_forms` found.

        Args:
            forms: `(2, values + 1)` array.
            per_error, fixed: `(classes, classes)` arrays.
        """
        return FrozenMargins(self.growth, 2 * per_error, 2 * fixed, self.centre, forms * [[1], [2]])

    def sizes(self, inputs: Tensor, norms: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`(size, extra)` in float32, `(batch, 1)` each, outward by their own rounding.

        Args:
            inputs: `(batch, ...)` tensor, what the model was given.
            norms: `(batch, values)` tensor as measured, where the tables have `forms`. Defaults to
                none.
        """
        if norms is not None:
            terms = ops.concatenate([ops.ones_like(norms[:, :1]), norms], axis=-1)
            found = ops.matmul(terms, ops.transpose(self.forms)) * LENGTH_OUTWARD + _TINY
            return found[:, :1], found[:, 1:]
        axes = tuple(range(1, len(inputs.shape)))
        inputs = inputs - self.centre
        size = ops.max(ops.abs(inputs), axis=axes, keepdims=True)
        scaled = inputs / ops.where(size > 0, size, 1.0)
        length = ops.sqrt(ops.sum(ops.square(scaled), axis=axes))[:, None]
        outward = LENGTH_OUTWARD + math.prod(inputs.shape[1:]) * 2.0**-23
        return length * ops.reshape(size, (-1, 1)) * outward, 0.0

    def rows(
        self, logits: Tensor, inputs: Tensor, norms: Tensor | None = None
    ) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Returns a callable from `(batch,)` classes to their growth and slack rows, slack outward
        by its own rounding; `norms` as measured, where the tables have `forms`.

        Args:
            logits: `(batch, classes)` tensor, as executed.
            inputs: `(batch, ...)` tensor, what the model was given.
        """
        size, extra = self.sizes(inputs, norms)
        largest = ops.max(ops.abs(logits), axis=-1, keepdims=True)
        finite = ops.isfinite(largest) & ops.isfinite(size) & ops.isfinite(extra + largest)

        def of(winner):
            slack = size * ops.take(self.slope, winner, axis=0)
            slack = slack + ops.take(self.offset, winner, axis=0) * LENGTH_OUTWARD + extra
            slack = slack * (1 + FLOAT32_OUTWARD) + FLOAT32_OUTWARD * largest
            return ops.take(self.growth, winner, axis=0), ops.where(finite, slack, np.inf)

        return of

    def with_bottom(
        self,
        logits: Tensor,
        inputs: Tensor,
        epsilon: Tensor,
        relaxation: Relaxation = STRICT,
        norms: Tensor | None = None,
    ) -> Tensor:
        """Appends the bottom score, `(batch, classes + 1)`.

        Args:
            logits: `(batch, classes)` tensor, as executed.
            inputs: `(batch, ...)` tensor, what the model was given.
            epsilon: float or scalar tensor.
            relaxation: `Relaxation`. Defaults to none.
            norms: `(batch, values)` tensor as measured, where the tables have `forms`. Defaults to
                none.

        Returns:
            `(batch, classes + 1)` tensor.
        """
        rows = self.rows(logits, inputs, norms)

        def growth_of(winner):
            growth, slack = rows(winner)
            return epsilon * growth * (1 + FLOAT32_OUTWARD) + slack

        scores = relaxed_bottom(logits, growth_of, relaxation)
        bottom = scores[:, -1:]
        bottom = ops.where(ops.isnan(bottom), np.inf, bottom)
        return ops.concatenate([logits, bottom], axis=-1)

    def radii(
        self,
        logits: Array,
        length: Array | None = None,
        relaxation: Relaxation = STRICT,
        norms: Array | None = None,
    ) -> tuple[Array, Array]:
        """Certified radii in float64 NumPy, rounded down.

        Args:
            logits: `(n, classes)` array, as executed.
            length: `(n,)` array. The L2 distances of the inputs to `centre`.
            relaxation: `Relaxation`.
            norms: instead of `length`, `(n, values)` array, where the tables have `forms`.

        Returns:
            `(radii, order)` as `relaxed_radii`. NaN or infinity anywhere gives radius 0.
        """
        logits, sizes = np.asarray(logits, "float64"), [length, np.zeros(len(logits))]
        if norms is not None:
            with np.errstate(invalid="ignore"):
                sizes = self.forms[:, :1] + self.forms[:, 1:] @ np.asarray(norms, "float64").T
        sizes = np.asarray(sizes, "float64") * (1 + 1e-12)
        finite = np.logical_and(np.isfinite(logits).all(axis=1), np.isfinite(sizes).all(axis=0))
        logits = np.where(finite[:, None], logits, 0.0)
        size, extra = np.where(finite, sizes, 0.0)[..., None]

        def rows_of(winner):
            slack = self.slope[winner] * size + self.offset[winner] + extra
            return self.growth[winner], slack

        with np.errstate(divide="ignore", invalid="ignore"):
            radii, order = relaxed_radii(logits, rows_of, relaxation, np)
        radii = np.where(np.isnan(radii), 0.0, radii)
        return np.where(finite[:, None], radii, 0.0), order.astype("int64")

    def radius(self, logits: Array, length: Array) -> tuple[Array, Array]:
        """The labels and the radii of the ordinary promise: int64 and float64 `(n,)`.

        Args:
            logits: `(n, classes)` array, as executed.
            length: `(n,)` array. The L2 distances of the inputs to `centre`.
        """
        radii, order = self.radii(logits, length)
        return order[:, 0], radii[:, 0]
