"""Training towards safe orders: an ordering hinge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import keras
from keras import ops

from gloro_tf.self_correcting._activity import Activity, first_best
from gloro_tf.self_correcting._amounts import Amounts
from gloro_tf.self_correcting._corrector import flat_inputs
from gloro_tf.self_correcting.properties import Property, SafeOrdering, as_safe_ordering
from gloro_tf.types import Config, Shape, Tensor


def ordering_hinge(
    properties: SafeOrdering | Sequence[Property], x: Tensor, y: Tensor, margin: float = 0.0
) -> Tensor:
    """How far outputs are from satisfying their active properties, one value for each row.

    The mean over the active properties of the least, over a postcondition's alternatives, of
    `sum relu(margin + violation)`, where the violation of "`i` above `j`" is `y_j - y_i`, that of
    "the largest is in T" is `max_{not T} y - max_T y`, and groups of comparisons count by their worst.
    It is 0 if and only if all active properties hold by `margin`.

    Args:
        properties: `SafeOrdering`, or a list of `Property`.
        x: `(batch, ...)` tensor.
        y: `(batch, outputs)` tensor.
        margin: float of at least 0, in units of the outputs. Defaults to 0.

    Returns:
        `(batch,)` tensor; 0 where nothing is active.

    Raises:
        ValueError: for a negative `margin`, or `x` or `y` of another shape than the properties'.
    """
    x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
    ordering = as_safe_ordering(properties, y.shape[-1])
    ordering.check_input(tuple(x.shape[1:]) if ordering.reads_x else None)
    return _Hinge(ordering, margin)(x, y)


class _Hinge:
    def __init__(self, ordering, margin):
        if not margin >= 0:
            raise ValueError(f"`margin` must not be negative. Received: margin={margin}")
        self.ordering, self.margin = ordering, float(margin)
        if len(ordering):
            self.activity, self.amounts = Activity(ordering), Amounts(ordering)

    def __call__(self, x, y):
        if not len(self.ordering):
            return ops.zeros_like(y[:, 0])
        scores = ops.stop_gradient(y) * self.amounts.sign
        active = self.activity(flat_inputs(self.ordering, x), first_best(scores))
        missed = ops.relu(self.amounts(y) + self.margin)
        values = ops.where(active, self.amounts.by_property(missed, "sum"), 0.0)
        count = ops.sum(ops.cast(active, y.dtype), axis=-1)
        return ops.sum(values, axis=-1) / ops.maximum(count, 1.0)


@keras.saving.register_keras_serializable(package="gloro_tf")
class OrderingHinge(keras.layers.Layer):
    """Passes outputs through and adds their ordering hinge to the training loss.

    Called on `[x, y]`, it returns `y`. See `ordering_hinge`.

    Args:
        properties: `SafeOrdering`, or a list of `Property`.
        weight: float. Defaults to 1.
        margin: float. Defaults to 0.

    Example:

    ```python
    logits = OrderingHinge(properties, weight=0.1)([inputs, logits])
    ```
    """

    def __init__(
        self,
        properties: SafeOrdering | Sequence[Property],
        weight: float = 1.0,
        margin: float = 0.0,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("autocast", False)
        super().__init__(**kwargs)
        self.ordering = as_safe_ordering(properties)
        self.weight, self.margin = float(weight), float(margin)
        self._hinge = _Hinge(self.ordering, margin)

    def build(self, input_shape: Shape) -> None:
        self.ordering.check_input(input_shape[0][1:] if self.ordering.reads_x else None)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        x, y = inputs
        self.add_loss(self.weight * ops.mean(self._hinge(x, y)))
        return y

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape[1])

    def get_config(self) -> Config:
        properties = keras.saving.serialize_keras_object(self.ordering)
        own = {"properties": properties, "weight": self.weight, "margin": self.margin}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        properties = keras.saving.deserialize_keras_object(config.pop("properties"))
        return cls(properties, **config)
