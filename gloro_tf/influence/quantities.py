"""Quantities of interest: linear functionals of the logits after the last word of context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from gloro_tf.types import Array, ArrayLike

if TYPE_CHECKING:
    from gloro_tf.influence.trace import LSTMTrace


class Quantity(Protocol):
    """A linear functional of the logits; any object with this method will do."""

    def head(self, trace: LSTMTrace) -> tuple[Array, Array]:
        """Returns its gradient in the last output, `(batch, units)`, and its constant, `(batch,)`.

        Args:
            trace: `LSTMTrace`, whose head the logits come from.
        """
        ...


class LinearQuantity:
    """A weighted sum of logits.

    Args:
        weights: `(vocabulary,)` floats, or `(batch, vocabulary)` for the batched functions.

    Raises:
        ValueError: for `weights` of another shape, or not finite.

    Example:

    ```python
    quantity = LinearQuantity(np.eye(106)[verb])  # one logit
    ```
    """

    def __init__(self, weights: ArrayLike) -> None:
        self.weights = np.atleast_2d(np.asarray(weights, "float64"))
        if self.weights.ndim != 2 or not np.isfinite(self.weights).all():
            raise ValueError(
                "`weights` must be finite numbers of shape (vocabulary,) or (batch, vocabulary). "
                f"Received: weights of shape {np.shape(weights)}."
            )

    def head(self, trace: LSTMTrace) -> tuple[Array, Array]:
        """Returns its gradient in the last output, `(batch, units)`, and its constant, `(batch,)`.

        Args:
            trace: `LSTMTrace`, whose head the logits come from.

        Raises:
            ValueError: for `weights` of another vocabulary.
        """
        if self.weights.shape[1] != trace.vocabulary:
            raise ValueError(
                f"`weights` must have one entry for each of {trace.vocabulary} logits. "
                f"Received: {self.weights.shape[1]}."
            )
        return self.weights @ trace.head_kernel.T, self.weights @ trace.head_bias


class NumberAgreement:
    """How much the logit of the rightly numbered verb exceeds that of the same verb in the other.

    Args:
        correct_id: int, or `(batch,)` integers for the batched functions.
        wrong_id: likewise.

    Raises:
        ValueError: for ids of different lengths.

    Reference:
        [Lu et al., Influence Paths for Characterizing Subject-Verb Number Agreement in LSTM
        Language Models](https://arxiv.org/abs/2005.01190), definition 2.
    """

    def __init__(self, correct_id: ArrayLike, wrong_id: ArrayLike) -> None:
        self.correct_id = np.atleast_1d(np.asarray(correct_id))
        self.wrong_id = np.atleast_1d(np.asarray(wrong_id))
        if self.correct_id.shape != self.wrong_id.shape or self.correct_id.ndim != 1:
            raise ValueError(
                "`correct_id` and `wrong_id` must be two integers, or two sequences of one length. "
                f"Received: shapes {np.shape(correct_id)} and {np.shape(wrong_id)}."
            )

    def head(self, trace: LSTMTrace) -> tuple[Array, Array]:
        """Returns its gradient in the last output, `(batch, units)`, and its constant, `(batch,)`.

        Args:
            trace: `LSTMTrace`, whose head the logits come from.
        """
        trace.check_ids("correct_id", self.correct_id)
        trace.check_ids("wrong_id", self.wrong_id)
        right, wrong = self.correct_id, self.wrong_id
        kernel = trace.head_kernel[:, right].astype("float64") - trace.head_kernel[:, wrong]
        bias = trace.head_bias[right].astype("float64") - trace.head_bias[wrong]
        return kernel.T, bias
