"""The convolutional networks of the GloRo papers."""

import difflib

import keras

from gloro_tf.layers import MinMax

# (filters, kernel size, stride) of each convolution, and the units of each hidden dense layer
_PLANS = {
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
        name: str.

    Example:

    >>> gloro_tf.models.ConvNet("2C2F", (28, 28, 1), 10).count_params()
    166406

    Reference:
        [Leino et al., Globally-Robust Neural Networks](https://arxiv.org/abs/2102.08452), appendix B.
    """

    def __init__(self, plan, input_shape, classes, activation="minmax", name=None, **kwargs):
        convolutions, units = _plan(plan)
        if activation not in _ACTIVATIONS:
            raise ValueError(
                f"`activation` must be one of {sorted(_ACTIVATIONS)}. "
                f"Received: activation={activation!r}"
            )
        if classes < 2:
            raise ValueError(f"`classes` must be at least 2. Received: classes={classes}")
        activate = _ACTIVATIONS[activation]
        inputs = keras.Input(tuple(input_shape))
        x = inputs
        for filters, size, stride in convolutions:
            x = keras.layers.Conv2D(
                filters, size, stride, padding="same", kernel_initializer="orthogonal"
            )(x)
            x = activate()(x)
        x = keras.layers.Flatten()(x)
        for width in units:
            x = activate()(keras.layers.Dense(width, kernel_initializer="orthogonal")(x))
        outputs = keras.layers.Dense(classes, kernel_initializer="orthogonal", name="logits")(x)
        super().__init__(inputs=inputs, outputs=outputs, name=name, **kwargs)
        self.plan, self.image_shape = plan, tuple(input_shape)
        self.classes, self.activation = classes, activation

    def get_config(self):
        return {
            "plan": self.plan,
            "input_shape": self.image_shape,
            "classes": self.classes,
            "activation": self.activation,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _plan(plan):
    if not isinstance(plan, str):
        return plan
    if plan not in _PLANS:
        close = difflib.get_close_matches(plan.upper(), _PLANS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ValueError(f"`plan` must be one of {list(_PLANS)}. Received: plan={plan!r}.{hint}")
    return _PLANS[plan]
