"""Certified models with self-corrected outputs, and what is still certified of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from gloro_tf.models import Certificate
from gloro_tf.models.certificate import full_precision
from gloro_tf.models.untrained import Untrained
from gloro_tf.self_correcting import _corrector
from gloro_tf.self_correcting._activity import first_best
from gloro_tf.self_correcting._corrector import Corrector, flat_inputs
from gloro_tf.self_correcting.analysis import warn_of_findings
from gloro_tf.self_correcting.normal_form import conjunction
from gloro_tf.self_correcting.properties import Property, SafeOrdering, as_safe_ordering
from gloro_tf.types import Array, ArrayLike, Config, Shape, Tensor

FAR = 1e30


@keras.saving.register_keras_serializable(package="gloro_tf")
class SelfCorrectingCertified(Untrained):
    """A certified model whose scores are corrected: `classes + 1` of them, the last one bottom.

    A correction can change the label inside the ball that the model certifies, so the certificate
    is recomputed. Let the model keep label `j` within `r`, and let `d_k` be a lower bound of the
    distance from `x` to where property `k` is active. While the properties with `d_k <= t` are
    *jointly* satisfiable with `j` on top, no corrected output within `t` is in conflict or has
    another label, whichever of them are active where. The radius is the least of `r` and the first
    `d_k` at which that fails. Where the label at `x` itself is corrected, or a row is in conflict or
    undecidable, nothing is certified. What is promised is the label; the order of the other scores
    may change within the radius.

    The distance to boxes and to one half-space is exact up to rounding, outward, and to what is
    composed of them a bound from below; `PredictedIn` is decided by `j`; a `Predicate` counts as
    active anywhere.

    Args:
        model: frozen `GloroModel` or certified ensemble, which promises labels.
        properties: `SafeOrdering` with `score="max"`, or a list of `Property`.
        max_combinations: int. As in `SelfCorrectingLayer`.
        name: str.

    Example:

    ```python
    safe = make_self_correcting(gloro_model.freeze(), properties)
    label, radius, certified = safe.certify(x)
    ```

    Raises:
        ValueError: for a model that promises sets of labels, or scores of which the least is best.
    """

    untrained = "A corrected certified model does not train. Train its `model`."

    def __init__(
        self,
        model: keras.Model,
        properties: SafeOrdering | Sequence[Property],
        max_combinations: int = 4096,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("dtype", None)
        relaxation = getattr(model, "relaxation", None)
        if relaxation is not None and relaxation.k > 1:
            raise ValueError(
                "`model` must promise labels, as `GloroModel` does: a corrected order can leave a "
                f"promised set. Received: {type(model).__name__}"
            )
        super().__init__(dtype="float32", **kwargs)
        self.model, self.max_combinations = model, int(max_combinations)
        shape = _input_shape(model)
        self.classes = int(model.compute_output_shape((None, *shape))[-1]) - 1
        self.ordering = as_safe_ordering(properties, self.classes)
        if self.ordering.score != "max":
            raise ValueError(
                "A certified model predicts its largest score. Received: properties with score='min'"
            )
        self.ordering.check_input(shape if self.ordering.reads_x else None)
        self.corrector = Corrector(self.ordering, max_combinations) if len(self.ordering) else None
        warn_of_findings(self.ordering)
        self._kept: dict[Any, Any] = {}
        self.built = True

    @property
    def parts(self) -> list[keras.Model]:
        """The model that is corrected."""
        return [self.model]

    def with_parts(self, parts: Sequence[keras.Model]) -> Self:
        """The same corrections of another model."""
        (model,) = parts
        return type(self)(model, self.ordering, self.max_combinations, name=self.name)

    @property
    def epsilon(self) -> float:
        """The radius at which the bottom column decides (float, assignable)."""
        return self.model.epsilon

    @epsilon.setter
    def epsilon(self, value: float) -> None:
        self.model.epsilon = value

    @property
    def is_frozen(self) -> bool:
        """Whether the model is."""
        return self.model.is_frozen

    @property
    def input_shape(self) -> Shape:
        """The shape of a batch of inputs, `(None, ...)`."""
        return (None, *_input_shape(self.model))

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        scores = self.model(inputs, training=False)
        if self.corrector is None:
            return scores
        y, bottom = scores[:, :-1], scores[:, -1:]
        found = self.corrector(inputs, y)
        status = found["status"][:, None]
        corrected = ops.logical_or(status == _corrector.KEPT, status == _corrector.CHANGED)
        z = ops.where(corrected, found["values"], y)
        failed = status > _corrector.CHANGED
        z = ops.where(ops.logical_and(failed, ops.logical_not(ops.abs(z) < FAR)), 0.0, z)
        near = self._near(inputs, y)
        sure = self.corrector.keeps_top(self.corrector.scores(y), near)[:, None]
        sure = ops.logical_and(sure, status < _corrector.CHANGED)
        lost = ops.maximum(bottom, ops.max(z, axis=-1, keepdims=True))
        lost = ops.where(failed, FAR, lost)
        return ops.concatenate([z, ops.where(sure, bottom, lost)], axis=-1)

    def _near(self, inputs, y):
        """Which properties may be active within epsilon, `(batch, properties)` bool."""
        x, best = flat_inputs(self.ordering, inputs), first_best(y)
        reach = _epsilon_of(self.model) * (1 + 1e-6)
        ways = [p.pre.distance(x, best, True, ops) for p in self.ordering]
        return ops.stack([ops.logical_not(way > reach) for way in ways], axis=1)

    def certify(self, x: ArrayLike, batch_size: int = 256) -> Certificate:
        """Certifies a batch; returns `Certificate(label, radius, certified)`, as `GloroModel` does.

        Args:
            x: `(n, ...)` array in the units of the training data.
            batch_size: int. Defaults to 256.

        Raises:
            RuntimeError: if the model is not frozen, or its weights changed since.
        """
        self.check_ready()
        x = np.asarray(x, "float32")
        given = self.model.certify(x, batch_size=batch_size)
        label, radius = np.array(given.label), np.array(given.radius)
        if self.corrector is None or not len(x):
            return Certificate(label, radius, radius > self.epsilon)
        best = label[:, None] == np.arange(self.classes)
        flat = x.reshape(len(x), -1).astype("float64")
        with np.errstate(invalid="ignore", over="ignore"):
            ways = [p.pre.distance(flat, best, True, np) for p in self.ordering]
        ways = np.nan_to_num(np.stack(ways, axis=1), nan=0.0, posinf=np.inf)
        limits = [self._limit(row, c) for row, c in zip(ways, label, strict=True)]
        radius = np.minimum(radius, limits)
        unsure = radius <= 0
        if unsure.any():  # the correction may have changed their labels
            scores = self.predict(x[unsure], batch_size=batch_size, verbose=0)
            label[unsure] = scores[:, :-1].argmax(axis=1)
        return Certificate(label, radius, radius > self.epsilon)

    def _limit(self, ways, label):
        """The distance at which the properties active so far might move the label."""
        members = []
        for k in np.argsort(ways, kind="stable"):
            members.append(int(k))
            if np.isfinite(ways[k]) and not self._keeps(frozenset(members), int(label)):
                return ways[k]
        return np.inf

    def _keeps(self, members, label):
        """Whether properties are satisfiable together with a class on top."""
        if (members, label) not in self._kept:
            try:
                found = conjunction([self.ordering.alternatives[k] for k in sorted(members)])
            except ValueError:  # too many alternatives to decide here
                found = []
            self._kept[members, label] = any(a.tops()[label] for a in found)
        return self._kept[members, label]

    def check_ready(self) -> None:
        """Raises where the model cannot certify now."""
        if not self.model.is_frozen:
            raise RuntimeError(
                "Only a frozen model certifies: an estimate is no proof. Call its `freeze()` first."
            )
        check = getattr(self.model, "_check_fresh", None) or self.model.check_ready
        check()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.classes + 1)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        with full_precision():
            return super().evaluate(*args, **kwargs)

    def predict(self, *args: Any, **kwargs: Any) -> Array:
        with full_precision():
            return super().predict(*args, **kwargs)

    def get_config(self) -> Config:
        config = keras.saving.serialize_keras_object(self.model)
        config = {k: v for k, v in config.items() if k not in ("compile_config", "build_config")}
        return {
            "name": self.name,
            "model": config,
            "properties": keras.saving.serialize_keras_object(self.ordering),
            "max_combinations": self.max_combinations,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: Config | None = None) -> Self:
        config = dict(config)
        parts = [
            keras.saving.deserialize_keras_object(config.pop(name), custom_objects)
            for name in ("model", "properties")
        ]
        return cls(*parts, **config)


def _input_shape(model):
    """The shape of one input of a certified model or an ensemble of them."""
    if hasattr(model, "logits_model"):
        return tuple(model.logits_model.input_shape[1:])
    return _input_shape(model.members[0] if hasattr(model, "members") else model.model)


def _epsilon_of(model):
    """The variable that holds epsilon, so that compiled functions follow it."""
    variable = getattr(model, "_epsilon", None)
    if variable is not None:
        return variable
    return _epsilon_of(model.model if hasattr(model, "model") else model.members[0])
