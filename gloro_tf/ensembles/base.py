"""What the ensembles share as Keras models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from gloro_tf.models import Certificate
from gloro_tf.models.untrained import Untrained
from gloro_tf.types import Array, ArrayLike, Config, Shape, Tensor


class Ensemble(Untrained):
    """Base class: a fixed list of members, each a Keras model; nothing in it trains.

    Args:
        models: list of Keras models on the same inputs.
        extra: int. Columns of a member's output beside the classes.
    """

    untrained = "An ensemble does not train. Train its members, then build it from them."

    def __init__(self, models: Sequence[keras.Model], extra: int, **kwargs: Any) -> None:
        kwargs.pop("dtype", None)
        models = checked_models(models)
        widths = {m.compute_output_shape((None, *inputs_of(m)))[-1] for m in models}
        if not models or len(widths) > 1 or len({inputs_of(m) for m in models}) > 1:
            raise ValueError(
                "`models` must be one or more models with the same inputs and classes. Received: "
                f"inputs {sorted({inputs_of(m) for m in models})}, outputs {sorted(widths)}"
            )
        super().__init__(dtype="float32", **kwargs)
        _check_names(models, {})
        _check_weights(models)
        self.members = models
        self.num_classes = widths.pop() - extra
        self._compiled_with = None
        self.built = True

    def check_ready(self) -> None:
        if self._compiled_with != self._fixed():
            self.train_function = self.test_function = self.predict_function = None
            self._compiled_with = self._fixed()

    def _fixed(self):
        """What compiled programs hold of it and of its members, beside variables."""
        return tuple(part._fixed() for part in self.parts if isinstance(part, Ensemble))

    @property
    def parts(self) -> list[keras.Model]:
        """The members."""
        return list(self.members)

    def with_parts(self, parts: Sequence[keras.Model]) -> Self:
        """An ensemble like this one, of other members."""
        config = {k: v for k, v in self.get_config().items() if k != "models"}
        return type(self)(parts, **config)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.num_classes + 1)

    def get_config(self) -> Config:
        members = [keras.saving.serialize_keras_object(m) for m in self.members]
        return {"name": self.name, "models": [_plain(m) for m in members]}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Config | None = None) -> Self:
        models = [
            keras.saving.deserialize_keras_object(m, custom_objects) for m in config["models"]
        ]
        known: dict[Any, Any] = {}
        models = [_shared(model, known) for model in models]
        return cls(models, **{k: v for k, v in config.items() if k != "models"})


class CertifiedEnsemble(Ensemble):
    """Base class of ensembles whose members certify: `classes + 1` scores, the last one bottom.

    A member is a frozen `GloroModel`, or another certified ensemble. Relaxed models promise sets,
    not labels, and are refused.
    """

    def __init__(self, models: Sequence[keras.Model], **kwargs: Any) -> None:
        models = checked_models(models)
        for model in models:
            relaxation = getattr(model, "relaxation", None)
            if not hasattr(model, "certify") or (relaxation is not None and relaxation.k > 1):
                raise ValueError(
                    "`models` must certify labels: `GloroModel`s or certified ensembles. Received: "
                    f"{type(model).__name__} '{model.name}'"
                )
        super().__init__(models, extra=1, **kwargs)
        self._check_epsilons(ValueError)

    def _check_epsilons(self, error):
        radii = {member.epsilon for member in self.members}
        if len(radii) > 1:
            raise error(
                f"`models` must have the same epsilon. Received: {sorted(radii)}. Set it, as in "
                "`model.epsilon = 0.3`, on each, or on the ensemble."
            )

    @property
    def epsilon(self) -> float:
        """The radius of the members (float, assignable)."""
        return self.members[0].epsilon

    @epsilon.setter
    def epsilon(self, value: float) -> None:
        for member in self.members:
            member.epsilon = value

    @property
    def is_frozen(self) -> bool:
        """Whether all members are."""
        return all(member.is_frozen for member in self.members)

    def check_ready(self) -> None:
        super().check_ready()
        self._check_epsilons(RuntimeError)
        for member in self.members:
            if not member.is_frozen:
                raise RuntimeError(
                    f"Member '{member.name}' is not frozen, so it certifies nothing. Call its "
                    "`freeze()` first."
                )
            check = getattr(member, "_check_fresh", None) or member.check_ready
            check()

    def _tables(self, inputs):
        """Labels and certificates of the members, `(members, batch)`."""
        outputs = [member(inputs, training=False) for member in self.members]
        labels = [ops.cast(ops.argmax(o[:, :-1], axis=-1), "int32") for o in outputs]
        certified = [ops.max(o[:, :-1], axis=-1) > o[:, -1] for o in outputs]
        return ops.stack(labels), ops.stack(certified)

    def answers(self, inputs: Tensor) -> Tensor:
        """The labels of a batch, an int32 tensor, as part of a compiled program."""
        raise NotImplementedError

    def member_radii(self, x: ArrayLike, batch_size: int = 256) -> tuple[Array, Array]:
        """`(labels, radii)` of the members, `(members, n)` NumPy arrays.

        Args:
            x: `(n, ...)` array in the units of the training data.
            batch_size: int. Defaults to 256.
        """
        self.check_ready()
        found = [member.certify(x, batch_size=batch_size) for member in self.members]
        return np.stack([c.label for c in found]), np.stack([c.radius for c in found])

    def certify(self, x: ArrayLike, batch_size: int = 256) -> Certificate:
        """Certifies a batch; returns `Certificate(label, radius, certified)` as `GloroModel` does.

        Args:
            x: `(n, ...)` array in the units of the training data.
            batch_size: int. Defaults to 256.
        """
        label, radius = self.combine(*self.member_radii(x, batch_size))
        return Certificate(label, radius, radius > self.epsilon)

    def combine(self, labels: Array, radii: Array) -> tuple[Array, Array]:
        """The ensemble's labels and radii from those of its members."""
        raise NotImplementedError


def checked_models(models):
    """A list of classifiers, or `ValueError`."""
    models = list(models) if isinstance(models, Iterable) else models
    usable = isinstance(models, list) and all(
        isinstance(m, keras.Model) and m.built for m in models
    )
    if not usable:
        raise ValueError(f"`models` must be a list of built Keras models. Received: {models}")
    for model in models:
        shape = model.compute_output_shape((None, *inputs_of(model)))
        if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] < 2:
            raise ValueError(
                "`models` must answer a row of at least two scores for each input. Received: "
                f"'{model.name}' with output shape {shape}. Give a binary model two logits, 0 and "
                "its own."
            )
    return models


def decided(scores, certified):
    """Appends a bottom column below the best score where a row is certified, above it elsewhere."""
    best = ops.max(scores, axis=-1, keepdims=True)
    bottom = ops.where(certified[:, None], best - 1.0, best + 1.0)
    return ops.concatenate([scores, bottom], axis=-1)


def _check_names(models, known):
    """Refuses different members of one name: a file could not tell them apart."""
    for model in models:
        if known.setdefault(model.name, model) is not model:
            raise ValueError(
                f"`models` must have different names. Received: two named '{model.name}'. Pass "
                "`name=` where they are built."
            )
        _check_names(_parts(model), known)


def _parts(model):
    return model.parts if isinstance(model, Untrained) else []


def _leaves(models):
    """The models within that are made of no others, each once."""
    found = {}
    for model in models:
        parts = _parts(model)
        found.update(_leaves(parts) if parts else {id(model): model})
    return found


def _check_weights(models):
    """Refuses different members that share weights: a file holds these once, and loads no second."""
    owners = {}
    for model in _leaves(models).values():
        for variable in model.variables:
            other = owners.setdefault(id(variable), model)
            if other is not model:
                raise ValueError(
                    "`models` must not share weights, as they could not be loaded again. Received: "
                    f"'{other.name}' and '{model.name}', which share '{variable.path}'. Give one of "
                    "them a copy, as `keras.models.clone_model` and `set_weights` make."
                )


def _shared(model, known):
    """One object for each name: a member that occurs twice is saved once."""
    parts = _parts(model)
    if parts and model.name not in known:
        shared = [_shared(part, known) for part in parts]
        if any(a is not b for a, b in zip(shared, parts, strict=True)):
            model = model.with_parts(shared)
    return known.setdefault(model.name, model)


def inputs_of(model):
    """The shape of one input."""
    return tuple(model.input_shape[1:]) if hasattr(model, "input_shape") else _nested(model)


def _nested(model):
    inner = getattr(model, "logits_model", None) or model.members[0]
    return inputs_of(inner)


def _plain(config):
    return {k: v for k, v in config.items() if k not in ("compile_config", "build_config")}
