"""EMMA: efficient margin maximisation."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.layers._checks import check_fraction, check_number
from gloro_tf.losses.base import MarginLoss
from gloro_tf.types import Config, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class EMMA(MarginLoss):
    """Asks of each rival class only as much margin as the example can give it now.

    With `d_i = logit_i - logit_label` and `g_i = epsilon * K[label, i]`, the share
    `r_i = clip(-d_i / g_i, floor, 1)` is held constant, and the loss is
    `log sum_i exp(d_i + r_i g_i)`. Classes beaten by the full margin ask for all of it, classes
    beaten by less are pinned to a tie, and classes not beaten ask for next to none.

    Args:
        floor: float. Least share of the margin. Defaults to 0.01.
        temperature: float. Divides the shifted differences; matters for networks whose scale is
            fixed, such as stacks of `CholeskyDense`. Defaults to 1.
        name: str.
        **kwargs: Base `keras.losses.Loss` arguments.

    Raises:
        ValueError: for a `floor` outside of [0, 1] or a `temperature` that is not positive.

    Reference:
        [Hu et al., Unlocking Deterministic Robustness Certification on ImageNet](
        https://arxiv.org/abs/2301.12549), section 4; the floor is in the authors' code only.
    """

    def __init__(
        self, floor: float = 0.01, temperature: float = 1.0, name: str = "emma", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_fraction("floor", floor)
        check_number("temperature", temperature, "positive", lambda value: value > 0)
        self.floor, self.temperature = floor, temperature

    def shifted(self, labels: Tensor, logits: Tensor, growth: Tensor) -> Tensor:
        """The differences to the label's logit, `(batch, classes)`, moved by each share.

        Args:
            labels: `(batch, classes)` rows that sum to 1.
            logits: `(batch, classes)` tensor.
            growth: `(batch, classes)` tensor: what each rival can gain on the label within the
                radius.
        """
        difference = logits - ops.sum(labels * logits, axis=-1, keepdims=True)
        share = ops.clip(-difference / ops.maximum(growth, 1e-8), self.floor, 1.0)
        return difference + ops.stop_gradient(share) * growth

    def from_margins(self, labels: Tensor, logits: Tensor, growth: Tensor) -> Tensor:
        return ops.logsumexp(self.shifted(labels, logits, growth) / self.temperature, axis=-1)

    def get_config(self) -> Config:
        return {**super().get_config(), "floor": self.floor, "temperature": self.temperature}
