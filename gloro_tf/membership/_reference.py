"""What the attacks share that compare the target with reference models."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from gloro_tf.membership._checks import check_labels
from gloro_tf.membership._logits import two_columns
from gloro_tf.membership.references import as_references
from gloro_tf.membership.slices import Cut


class Reference:
    """An attack that compares the target's logits with those of reference models.

    Args:
        target: a Keras classifier.
        references: `References` without a slice, or what they are made of.
    """

    def __init__(self, target: keras.Model, references: Any) -> None:
        self.target, self.references = target, as_references(references)
        if self.references.slice is not None:
            raise ValueError(
                "`references` must be trained from scratch for this attack. Received: references "
                f"that share the target's layers up to {self.references.slice}"
            )
        self._cut = Cut(target)

    def _both(self, x, y):
        """Logits of the target `(n, c)` and of the references `(k, n, c)`, and labels."""
        return compared(self._cut.logits(x), self.references.predict(x), y)


def compared(logits, others, y):
    """Logits of a target and of references with two columns at least, and labels; checked."""
    logits = two_columns(logits)
    if logits.shape != others.shape[1:]:
        raise ValueError(
            "`references` must have the outputs of the target. Received: shapes "
            f"{others.shape[1:]} and {logits.shape}. Train them with the target's recipe."
        )
    return logits, others, check_labels(y, logits.shape[-1], len(logits))


def outside_mean(values, inside):
    """The mean over the models `(k, n)` that did not see the example, by `inside` or None."""
    if inside is None:
        return values.mean(axis=0)
    inside = check_inside(inside, values)
    if inside.all(axis=0).any():
        raise ValueError(
            "`inside` must leave every example out of some model. Received: "
            f"{int(inside.all(axis=0).sum())} examples that all models saw. Train more of them."
        )
    return np.where(inside, 0.0, values).sum(axis=0) / (~inside).sum(axis=0)


def unseen(logits, others, y, inside):
    """The examples that some model did not see, of logits `(n, c)` and `(k, n, c)`; same order."""
    if inside is None:
        return logits, others, y, None
    inside = check_inside(inside, others[..., 0])
    kept = ~inside.all(axis=0)
    if not kept.any():
        raise ValueError(
            "`population` must hold examples that some model did not see. Received: "
            f"{len(y)} examples, all seen by all"
        )
    return logits[kept], others[:, kept], y[kept], inside[:, kept]


def check_population(population):
    """`(x, y)` of at least one example."""
    if not isinstance(population, tuple | list) or len(population) != 2 or not len(population[1]):
        raise ValueError(
            "`population` must be a pair `(x, y)` of examples and labels, at least one. Received: "
            f"{type(population).__name__}"
        )
    return population


def check_inside(inside, values):
    """`inside` as bools of the shape `(k, n)` of the values."""
    inside = np.asarray(inside)
    if inside.shape != values.shape or inside.dtype != bool:
        raise ValueError(
            f"`inside` must be bools of shape {values.shape}, True where a model saw an example. "
            f"Received: shape {inside.shape}, dtype {inside.dtype}"
        )
    return inside
