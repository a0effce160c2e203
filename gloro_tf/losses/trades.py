"""TRADES for certified models."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from gloro_tf.layers._checks import check_number
from gloro_tf.losses.base import CertifiedLoss, label_matrix
from gloro_tf.types import Config, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class Trades(CertifiedLoss):
    """Clean cross-entropy plus a weighted price for the probability of bottom.

    With `q` the softmax of the logits and `p` that of logits and bottom, the price is
    `KL([q, 0] || p) = -log(1 - p_bottom)` in its closed form, or the cross-entropy
    `CE([q, 0], p) = H(q) - log(1 - p_bottom)`, which also sharpens `q`.

    Args:
        weight: float. Factor of the price. In a `GloroModel` it is read from the model's
            `trades_weight` variable, which this value initialises and schedules move.
        kind: `"kl"` or `"ce"`. Defaults to `"kl"`.
        name: str.
        **kwargs: Base `keras.losses.Loss` arguments.

    Raises:
        ValueError: for another `kind`, or a negative `weight`.

    Reference:
        [Leino et al., Globally-Robust Neural Networks](https://arxiv.org/abs/2102.08452), sec. 4;
        [Zhang et al., TRADES](https://arxiv.org/abs/1901.08573).
    """

    def __init__(
        self,
        weight: float = 1.0,
        kind: Literal["kl", "ce"] = "kl",
        name: str = "trades",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if kind not in ("kl", "ce"):
            raise ValueError(f"`kind` must be 'kl' or 'ce'. Received: kind={kind!r}")
        check_number("weight", weight, "at least 0", lambda value: value >= 0)
        self.weight, self.kind = float(weight), kind
        self._variable = None

    def bind(self, variable: keras.Variable) -> None:
        """Reads the weight from a variable of the model, so that it can be scheduled.

        Args:
            variable: scalar `keras.Variable`.
        """
        self._variable = variable

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        logits = y_pred[:, :-1]
        labels = label_matrix(y_true, logits.shape[-1])
        log_q = ops.log_softmax(logits, axis=-1)
        price = ops.logsumexp(y_pred, axis=-1) - ops.logsumexp(logits, axis=-1)
        if self.kind == "ce":
            price = price - ops.sum(ops.exp(log_q) * log_q, axis=-1)
        weight = self.weight if self._variable is None else self._variable
        return -ops.sum(labels * log_q, axis=-1) + weight * price

    def get_config(self) -> Config:
        return {**super().get_config(), "weight": self.weight, "kind": self.kind}
