"""Logit annealing: less weight on examples that have their margin."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.layers._checks import check_number
from gloro_tf.losses.emma import EMMA
from gloro_tf.types import Config, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class LogitAnnealing(EMMA):
    """EMMA's shifted differences under an annealed, offset cross-entropy.

    With `z_i = d_i + r_i g_i` as in `EMMA` and `q` the softmax of `(z - offset * 1[label]) /
    temperature` at the label, the loss is `-temperature * (1 - q)**power * log q`. The factor fades
    out examples whose margin is large, which a network of bounded capacity cannot afford to push.

    Args:
        temperature: float. Defaults to 0.75.
        offset: float. Margin asked on top. Defaults to 2.
        power: float. How fast easy examples fade; 0 for none. Defaults to 5.
        floor: float. As in `EMMA`. Defaults to 0.01.
        name: str.
        **kwargs: Base `keras.losses.Loss` arguments.

    Raises:
        ValueError: for an `offset` below 0, or a `power` between 0 and 1.

    Reference:
        [Lai et al., Enhancing Certified Robustness via Block Reflector Orthogonal Layers and Logit
        Annealing Loss](https://arxiv.org/abs/2505.15174), section 5.
    """

    def __init__(
        self,
        temperature: float = 0.75,
        offset: float = 2.0,
        power: float = 5.0,
        floor: float = 0.01,
        name: str = "logit_annealing",
        **kwargs: Any,
    ) -> None:
        super().__init__(floor=floor, temperature=temperature, name=name, **kwargs)
        check_number("offset", offset, "at least 0", lambda value: value >= 0)
        check_number("power", power, "0 or at least 1", lambda value: value == 0 or value >= 1)
        self.offset, self.power = offset, power

    def from_margins(self, labels: Tensor, logits: Tensor, growth: Tensor) -> Tensor:
        shifted = self.shifted(labels, logits, growth) - self.offset * labels
        lost = ops.logsumexp(shifted / self.temperature, axis=-1)
        lost = lost - ops.sum(labels * shifted, axis=-1) / self.temperature  # -log q
        weight = (-ops.expm1(-lost)) ** self.power if self.power else 1.0
        return self.temperature * weight * lost

    def get_config(self) -> Config:
        return {**super().get_config(), "offset": self.offset, "power": self.power}
