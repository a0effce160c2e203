"""The convolutional networks of the GloRo papers."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, Self

import keras

from gloro_tf.layers import MinMax
from gloro_tf.types import Config

# (filters, kernel size, stride) of each convolution, and the units of each hidden dense layer
PLANS = {
    "2C2F": (((16, 4, 2), (32, 4, 2)), (100,)),
    "4C3F": (((32, 3, 1), (32, 4, 2), (64, 3, 1), (64, 4, 2)), (512, 512)),
    "6C2F": (((32, 3, 1), (32, 3, 1), (32, 4, 2), (64, 3, 1), (64, 3, 1), (64, 4, 2)), (512,)),
    "8C2F": (
        ((64, 3, 1), (64, 3, 1), (64, 4, 2), (128, 3, 1), (128, 3, 1), (128, 4, 2))
        + ((256, 3, 1), (256, 4, 2)),
        (256,),
    ),
}
_ACTIVATIONS = {"minmax": MinMax, "relu": keras.layers.ReLU}


@keras.saving.register_keras_serializable(package="gloro_tf")
class ConvNet(keras.Model):
    """A convolutional network that returns logits.

    Convolutions are padded 'same'; an activation follows every layer but the last; kernels start
    orthogonal.

    Args:
        plan: `"2C2F"`, `"4C3F"`, `"6C2F"` or `"8C2F"`, or a pair of a sequence of
            `(filters, kernel_size, stride)` and a sequence of dense units.
        input_shape: `(height, width, channels)`.
        classes: int. At least 2.
        activation: `"minmax"` or `"relu"`. Defaults to `"minmax"`.
        dtype: dtype policy of the layers. Defaults to Keras' global one.
        **kwargs: Base `keras.Model` arguments (`name`).

    Raises:
        ValueError: for another `activation` or fewer than 2 `classes`.

    Example:

    >>> gloro_tf.models.ConvNet("2C2F", (28, 28, 1), 10).count_params()
    166406

    Reference:
        [Leino et al., Globally-Robust Neural Networks](https://arxiv.org/abs/2102.08452), appendix B.
    """

    prefers_xla = True

    def __init__(
        self,
        plan: str | Sequence[Any],
        input_shape: Sequence[int],
        classes: int,
        activation: str = "minmax",
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        convolutions, units = _plan(plan)
        if activation not in _ACTIVATIONS:
            raise ValueError(
                f"`activation` must be one of {sorted(_ACTIVATIONS)}. "
                f"Received: activation={activation!r}"
            )
        if classes < 2:
            raise ValueError(f"`classes` must be at least 2. Received: classes={classes}")
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        shared = {"kernel_initializer": "orthogonal", "dtype": policy}
        inputs = keras.Input(tuple(input_shape))
        x = inputs
        for number, (filters, size, stride) in enumerate(convolutions, start=1):
            name = f"conv_{number}"
            x = keras.layers.Conv2D(filters, size, stride, "same", name=name, **shared)(x)
            x = _ACTIVATIONS[activation](dtype=policy, name=f"{name}_{activation}")(x)
        x = keras.layers.Flatten(dtype=policy, name="flatten")(x)
        for number, width in enumerate(units, start=1):
            x = keras.layers.Dense(width, name=f"dense_{number}", **shared)(x)
            x = _ACTIVATIONS[activation](dtype=policy, name=f"dense_{number}_{activation}")(x)
        outputs = keras.layers.Dense(classes, name="logits", **shared)(x)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.policy_name = policy.name
        self.plan, self.image_shape = plan, tuple(input_shape)
        self.classes, self.activation = classes, activation

    def get_config(self) -> Config:
        return {
            "plan": self.plan,
            "input_shape": self.image_shape,
            "classes": self.classes,
            "activation": self.activation,
            "dtype": self.policy_name,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


def _plan(plan):
    if not isinstance(plan, str):
        return plan
    if plan not in PLANS:
        close = difflib.get_close_matches(plan.upper(), PLANS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ValueError(f"`plan` must be one of {list(PLANS)}. Received: plan={plan!r}.{hint}")
    return PLANS[plan]
