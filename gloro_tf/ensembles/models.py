"""Voting and cascading ensembles as Keras models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from gloro_tf.ensembles._tables import check_weights
from gloro_tf.ensembles.base import CertifiedEnsemble, decided
from gloro_tf.ensembles.cascade import CERTIFICATES, cascade
from gloro_tf.ensembles.vote import vote_radius
from gloro_tf.ensembles.weights import fit_weights
from gloro_tf.types import Array, ArrayLike, Config, Tensor

SLACK = 2.0**-18


@keras.saving.register_keras_serializable(package="gloro_tf")
class VotingEnsemble(CertifiedEnsemble):
    """A weighted vote of certified classifiers, itself certified; see `vote`.

    Args:
        models: list of frozen `GloroModel`s or certified ensembles, with one epsilon.
        weights: optional list of numbers of at least 0, one for each. Defaults to 1 each.
        name: str.

    Example:

    ```python
    ensemble = gloro_tf.ensembles.VotingEnsemble([first, second, third])
    label, radius, certified = ensemble.certify(images)
    ```

    Reference:
        [Mangal et al., On the Perils of Cascading Robust Classifiers](
        https://arxiv.org/abs/2206.00278), section 5.
    """

    def __init__(
        self, models: Sequence[keras.Model], weights: ArrayLike | None = None, **kwargs: Any
    ) -> None:
        super().__init__(models, **kwargs)
        self.weights_of_votes = weights

    @property
    def weights_of_votes(self) -> Array:
        """The members' weights (float64 `(members,)`, assignable)."""
        return self._votes.copy()

    @weights_of_votes.setter
    def weights_of_votes(self, value: ArrayLike | None) -> None:
        self._votes = check_weights(value, len(self.members))

    def _fixed(self):
        return (self._votes.tobytes(), *super()._fixed())

    def answers(self, inputs: Tensor) -> Tensor:
        labels, _ = self._tables(inputs)
        rows = ops.one_hot(labels, self.num_classes, dtype="float32")
        votes = ops.sum(self._columns()[..., None] * rows, axis=0)
        return ops.cast(ops.argmax(votes, axis=-1), "int32")

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        labels, certified = self._tables(inputs)
        weights = self._columns()
        sure = weights * ops.cast(certified, "float32")
        rows = ops.one_hot(labels, self.num_classes, dtype="float32")
        votes = ops.sum(weights[..., None] * rows, axis=0)
        support = ops.sum(sure[..., None] * rows, axis=0)
        winner = ops.one_hot(ops.argmax(votes, axis=-1), self.num_classes, dtype="bool")
        own = ops.sum(ops.where(winner, support, 0.0), axis=-1)
        rival = ops.max(ops.where(winner, -np.inf, support), axis=-1)
        margin = own - rival - ops.sum(weights - sure, axis=0)
        return decided(votes, margin > SLACK * ops.sum(weights))

    def _columns(self):
        """The weights in float32, times a power of two that keeps them in its range."""
        scaled = np.ldexp(self._votes, -np.frexp(self._votes.max())[1])
        return ops.convert_to_tensor(scaled[:, None].astype("float32"))

    def combine(self, labels: Array, radii: Array) -> tuple[Array, Array]:
        return vote_radius(labels, radii, self.num_classes, self._votes)

    def fit_weights(
        self,
        x: ArrayLike,
        y: ArrayLike,
        method: Literal["search", "softmax_adam"] = "search",
        max_int: int = 4,
        batch_size: int = 256,
    ) -> float:
        """Sets the weights from held-out data; returns their VRA there. See `fit_weights`.

        Args:
            x: `(n, ...)` array in the units of the training data. Not the test set.
            y: `(n,)` true labels.
            method: `"search"` or `"softmax_adam"`. Defaults to `"search"`.
            max_int: int. The largest weight of the search. Defaults to 4.
            batch_size: int. Defaults to 256.
        """
        labels, radii = self.member_radii(x, batch_size)
        found, vra = fit_weights(labels, radii > self.epsilon, y, self.num_classes, method, max_int)
        self.weights_of_votes = found
        return vra

    def get_config(self) -> Config:
        return {**super().get_config(), "weights": self._votes.tolist()}


@keras.saving.register_keras_serializable(package="gloro_tf")
class CascadeEnsemble(CertifiedEnsemble):
    """A cascade of certified classifiers: the first that is certified answers, else the last.

    Args:
        models: list of frozen `GloroModel`s or certified ensembles, with one epsilon, in order.
        certificate: `"sound"`; `"claimed"`, the published one, which is **unsound** and for study
            only; or `"lipschitz"`, see `cascade`. Defaults to `"sound"`.
        name: str.

    Raises:
        ValueError: for another `certificate`, or members that do not go together.

    Reference:
        [Mangal et al., On the Perils of Cascading Robust Classifiers](
        https://arxiv.org/abs/2206.00278), definition 2.7 and section 4.
    """

    def __init__(
        self,
        models: Sequence[keras.Model],
        certificate: Literal["sound", "claimed", "lipschitz"] = "sound",
        **kwargs: Any,
    ) -> None:
        if certificate not in CERTIFICATES:
            raise ValueError(
                f"`certificate` must be one of {CERTIFICATES}. Received: {certificate!r}"
            )
        super().__init__(models, **kwargs)
        self.certificate = certificate

    def _fixed(self):
        return (self.certificate, *super()._fixed())

    def __repr__(self):
        note = ", UNSOUND as published" if self.certificate == "claimed" else ""
        return f"<CascadeEnsemble of {len(self.members)}, certificate={self.certificate!r}{note}>"

    def answers(self, inputs: Tensor) -> Tensor:
        return self._answers(*self._tables(inputs))

    def _answers(self, labels, certified):
        first = ops.cast(ops.argmax(ops.cast(certified, "int32"), axis=0), "int32")
        asked = ops.where(ops.any(certified, axis=0), first, len(self.members) - 1)
        return ops.take_along_axis(labels, asked[None], axis=0)[0]

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        self._check_scores()
        labels, certified = self._tables(inputs)
        label = self._answers(labels, certified)
        holds = ops.any(certified, axis=0)
        if self.certificate == "sound":
            holds = ops.logical_and(ops.all(labels == labels[:1], axis=0), certified[-1])
        return decided(ops.one_hot(label, self.num_classes, dtype="float32"), holds)

    def predict(self, *args: Any, **kwargs: Any) -> Array:
        self._check_scores()  # not in `call` alone: on JAX an error there loses the variables
        return super().predict(*args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        self._check_scores()
        return super().evaluate(*args, **kwargs)

    def _check_scores(self):
        if self.certificate == "lipschitz":
            raise ValueError(
                "`certificate` must be 'sound' or 'claimed' for `predict` and `evaluate`. Received: "
                "certificate='lipschitz', which needs radii: use `certify`."
            )

    def combine(self, labels: Array, radii: Array) -> tuple[Array, Array]:
        """At the cascade's epsilon: its answer depends on who is certified there.

        The radius is epsilon's next float upwards where the cascade is certified, and 0 elsewhere.
        """
        epsilon = self.epsilon
        label, holds = cascade(
            labels, radii > epsilon, self.certificate, radii=radii, epsilon=epsilon
        )
        return label, np.where(holds, np.nextafter(epsilon, np.inf), 0.0)

    def get_config(self) -> Config:
        return {**super().get_config(), "certificate": self.certificate}
