"""An ensemble that abstains, as a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from gloro_tf.ensembles.base import Ensemble, checked_models, decided
from gloro_tf.ensembles.selective import ABSTAIN, binomial_p_values, check_can_answer
from gloro_tf.types import Array, ArrayLike, Config, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class SelectiveEnsemble(Ensemble):
    """Answers with the most frequent label of its members where it is significantly so.

    The output has the package's form, `(batch, classes + 1)`: the shares of the votes, then a column
    that is the largest where the ensemble abstains. So `VRA` is its accuracy with abstention counted
    as an error, and `RejectionRate` its abstention rate; neither is about robustness.

    Args:
        models: list of classifiers that give one score for each class, trained independently; of
            `GloroModel`s, their `logits_model`s.
        alpha: float in (0, 1). Probability with which an answer may differ from the mode.
        name: str.

    An input for which any member's scores are not finite gets no answer.

    Raises:
        ValueError: where so few members can never answer at `alpha`, or a model occurs twice.

    Reference:
        [Black et al., Selective Ensembles for Consistent Predictions](
        https://arxiv.org/abs/2111.08230), algorithm 2.
    """

    def __init__(self, models: Sequence[keras.Model], alpha: float = 0.05, **kwargs: Any) -> None:
        models = checked_models(models)
        check_can_answer(len(models), alpha)
        _check_members(models)
        super().__init__(models, extra=0, **kwargs)
        self.alpha = alpha

    def _fixed(self):
        return (self.alpha, *super()._fixed())

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        outputs = [member(inputs, training=False) for member in self.members]
        rows = [
            ops.one_hot(ops.argmax(o, axis=-1), self.num_classes, dtype="float32") for o in outputs
        ]
        counts = ops.sum(ops.stack(rows), axis=0)
        most = ops.cast(ops.top_k(counts, 2)[0], "int32")
        n = len(self.members)
        significant = (binomial_p_values(n) <= self.alpha).reshape(-1)
        answers = ops.take(ops.convert_to_tensor(significant), most[:, 0] * (n + 1) + most[:, 1])
        finite = ops.stack([ops.all(ops.isfinite(o), axis=-1) for o in outputs])
        return decided(counts / n, ops.logical_and(answers, ops.all(finite, axis=0)))

    def predict_selective(self, x: ArrayLike, batch_size: int = 256) -> Array:
        """Returns `(n,)` int64 labels, -1 for *abstain*.

        Args:
            x: `(n, ...)` array in the units of the training data.
            batch_size: int. Defaults to 256.
        """
        if not np.shape(x)[0]:
            return np.zeros(0, "int64")
        scores = self.predict(x, batch_size=batch_size, verbose=0)
        best = scores[:, :-1].argmax(axis=1)
        return np.where(scores[:, :-1].max(axis=1) > scores[:, -1], best, ABSTAIN).astype("int64")

    def get_config(self) -> Config:
        return {**super().get_config(), "alpha": self.alpha}


def _check_members(models):
    """Refuses members whose last column is no class, and one that votes twice."""
    for model in models:
        if hasattr(model, "certify") or isinstance(model, Ensemble):
            raise ValueError(
                "`models` must give one score for each class and no more. Received: "
                f"{type(model).__name__} '{model.name}', whose last column is bottom. Of a "
                "`GloroModel`, pass its `logits_model`."
            )
    if len({id(model) for model in models}) < len(models):
        raise ValueError(
            "`models` must be trained independently. Received: one of them more than once, whose "
            "votes would count as several."
        )
