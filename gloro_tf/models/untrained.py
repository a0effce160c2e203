"""Models that answer and are evaluated, but do not train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, Self

import keras
from keras import ops

from gloro_tf import metrics as metrics_module
from gloro_tf.types import Array, Config, Shape, Tensor


class Untrained(keras.Model):
    """Base class of models made of trained ones: `compile` is for `evaluate` alone.

    A subclass may override `check_ready`, which `predict` and `evaluate` call first, and sets
    `untrained`, what `fit` says, `parts` and `with_parts`, so that a part that occurs twice is one.
    """

    untrained = "This model does not train."

    @property
    def parts(self) -> list[keras.Model]:
        """The models that it is made of."""
        return []

    def with_parts(self, parts: Sequence[keras.Model]) -> Self:
        """A model like this one, made of other models.

        Args:
            parts: models in the place of `parts`, in order.
        """
        raise NotImplementedError

    def compile(
        self,
        optimizer: Any = "sgd",
        loss: Any = None,
        metrics: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Configures `evaluate`: `metrics` as in `GloroModel.compile`; nothing is trained."""
        metrics = ["clean_accuracy", "vra"] if metrics is None else metrics
        metrics = [metrics_module.get(m) for m in metrics]
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def get_compile_config(self) -> Config:
        return super().get_compile_config()  # its being here tells Keras that `compile` is saved

    def compile_from_config(self, config: Config) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        if self.loss is None:
            return ops.zeros(())
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def build(self, input_shape: Shape) -> None:
        self.built = True

    def fit(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(self.untrained)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        self.check_ready()
        return super().evaluate(*args, **kwargs)

    def predict(self, *args: Any, **kwargs: Any) -> Array:
        self.check_ready()
        return super().predict(*args, **kwargs)

    def check_ready(self) -> None:
        """Raises where the model cannot answer now."""
