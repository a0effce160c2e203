"""The black-box attack with shadow models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import keras
import numpy as np

from gloro_tf.membership._checks import check_labels, check_numbers
from gloro_tf.membership._logistic import decide, fit_logistic
from gloro_tf.membership._logits import log_softmax, two_columns
from gloro_tf.membership.references import as_references
from gloro_tf.membership.slices import Cut
from gloro_tf.types import Array, ArrayLike

if TYPE_CHECKING:
    from gloro_tf.membership.references import References

FLOOR = -30.0


class ShadowBlackBox:
    """One classifier for each class, of the target's output vector, trained on shadow models.

    The output vector of a shadow on an example, as log-probabilities, is labelled by whether the
    shadow saw it; a logistic regression for each class learns the difference.

    Args:
        target: a Keras classifier.
        l2: float. Ridge penalty of the regressions.

    Reference:
        [Shokri et al., Membership Inference Attacks Against Machine Learning Models](
        https://arxiv.org/abs/1610.05820), with logistic regressions in the place of networks.
    """

    def __init__(self, target: keras.Model, l2: float = 1.0) -> None:
        check_numbers(0, l2=l2)
        self._cut, self.l2 = Cut(target), l2

    def fit(self, shadows: References, x: ArrayLike, y: ArrayLike) -> Self:
        """Learns from `References` with masks over the attacker's examples `x, y`; returns itself.

        Args:
            shadows: `References` with masks.
            x, y: the attacker's examples.

        Raises:
            ValueError: for `shadows` without masks over these examples.
        """
        x = np.asarray(x)
        shadows = as_references(shadows)
        if shadows.masks is None or shadows.masks.shape != (len(shadows), len(x)):
            raise ValueError(
                "`shadows` must have masks over the examples `x`. Received: "
                f"{'none' if shadows.masks is None else shadows.masks.shape} for {len(x)} examples"
            )
        return self.fit_logits(shadows.predict(x), y, shadows.masks)

    def fit_logits(self, logits: Array, y: ArrayLike, inside: Array) -> Self:
        """As `fit`, from logits `(k, n, classes)` and `(k, n)` bools, who was in the training.

        Args:
            logits: `(k, n, classes)` array.
            y: `(n,)` integer labels.
            inside: `(k, n)` bools.

        Returns:
            Itself.
        """
        y, features = check_labels(y, logits.shape[-1], logits.shape[1]), _vector(logits)
        # All classes together decide where a class has no examples, and draw the others to them.
        common = fit_logistic(features.reshape(-1, features.shape[-1]), inside.ravel(), l2=self.l2)
        self._weights = np.tile(common, (logits.shape[-1], 1))
        for label in np.unique(y):
            own, known = features[:, y == label], inside[:, y == label].ravel()
            if known.any() and not known.all():
                flat = own.reshape(-1, own.shape[-1])
                self._weights[label] = fit_logistic(flat, known, common, l2=self.l2)
        return self

    def score(self, x: ArrayLike, y: ArrayLike) -> Array:
        """`(n,)` float64 log-odds; larger means *member*.

        Args:
            x, y: examples and their labels.
        """
        return self.of_logits(two_columns(self._cut.logits(x)), y)

    def of_logits(self, logits: Array, y: ArrayLike) -> Array:
        """As `score`, from the logits `(n, classes)` of any model.

        Args:
            logits: `(n, classes)` array.
            y: `(n,)` integer labels.

        Returns:
            `(n,)` float64 log-odds.

        Raises:
            ValueError: before `fit`, or for labels that do not fit.
        """
        if not hasattr(self, "_weights"):
            raise ValueError("`score` must come after `fit`. Received: an attack not fitted")
        y = check_labels(y, logits.shape[-1], len(logits))
        features, scores = _vector(logits), np.empty(len(y))
        for label in np.unique(y):
            scores[y == label] = decide(features[y == label], self._weights[label])
        return scores


def _vector(logits):
    return np.maximum(log_softmax(logits), FLOOR)
