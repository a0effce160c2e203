"""The two attacks that need no reference model."""

from __future__ import annotations

import keras

from gloro_tf.membership._checks import check_labels
from gloro_tf.membership._logits import log_softmax, of_class, two_columns
from gloro_tf.membership.slices import Cut
from gloro_tf.types import Array, ArrayLike


def naive_scores(logits, y):
    """1 where the class is predicted right, else 0, `(n,)`."""
    return (logits.argmax(axis=-1) == y).astype("float64")


def loss_scores(logits, y):
    """The log-probability of the class, which is minus the loss, `(n,)`."""
    return of_class(log_softmax(logits), y)


class _TargetOnly:
    """An attack on the logits of the target.

    Args:
        target: a Keras classifier.
    """

    def __init__(self, target: keras.Model) -> None:
        self._cut = Cut(target)

    def score(self, x: ArrayLike, y: ArrayLike) -> Array:
        """`(n,)` float64 scores; larger means *member*.

        Args:
            x, y: examples and their labels.
        """
        logits = two_columns(self._cut.logits(x))
        return self._scores(logits, check_labels(y, logits.shape[-1], len(logits)))

    def _scores(self, logits, y):
        raise NotImplementedError


class Naive(_TargetOnly):
    """Calls a member whom the target classifies right.

    Its recall is the training accuracy, its false positive rate the test accuracy, and so its
    advantage the generalisation gap.

    Reference:
        [Yeom et al., Privacy Risk in Machine Learning](https://arxiv.org/abs/1709.01604).
    """

    def _scores(self, logits, y):
        return naive_scores(logits, y)


class LossThreshold(_TargetOnly):
    """Scores by the log-probability of the true class: a small loss means *member*.

    Reference:
        [Yeom et al., Privacy Risk in Machine Learning](https://arxiv.org/abs/1709.01604).
    """

    def _scores(self, logits, y):
        return loss_scores(logits, y)
