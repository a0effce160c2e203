"""The robust membership inference attack."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from gloro_tf.membership._checks import check_labels, check_numbers
from gloro_tf.membership._logits import log_softmax, of_class
from gloro_tf.membership._reference import (
    Reference,
    check_inside,
    check_population,
    outside_mean,
    unseen,
)
from gloro_tf.types import Array, ArrayLike


class RMIA(Reference):
    """How often the target favours an example over one of the population.

    `LR(x, z) = [p(x | target) / p(x)] / [p(z | target) / p(z)]`; the score is the share of the
    population `z` with `LR >= gamma`. `p(x)` is the mean over models with and without `x`; offline
    `((1 + a) p_out(x) + 1 - a) / 2`, from the models without it alone.

    Args:
        target: a Keras classifier.
        references: `References` of the same recipe.
        population: `(x, y)` of the population, no members; the attacker's data will do.
        population_inside: optional `(k, m)` bools: which reference saw whom of the population.
            Those that saw an example are left out of its average; one that all saw is left out.
        gamma, a: floats.
        online: bool. Whether the references saw the very examples half of the time.

    Raises:
        ValueError: for `gamma` or `a` out of range.

    Reference:
        [Zarifzadeh et al., Low-Cost High-Power Membership Inference Attacks](
        https://arxiv.org/abs/2312.03262), equations 3 to 5 and appendix B.2.
    """

    def __init__(
        self,
        target: keras.Model,
        references: Any,
        population: tuple[ArrayLike, ArrayLike],
        population_inside: ArrayLike | None = None,
        gamma: float = 1.0,
        a: float = 0.3,
        online: bool = False,
    ) -> None:
        super().__init__(target, references)
        check_numbers(0, gamma=gamma, a=a)
        if not gamma > 0 or not a <= 1:
            raise ValueError(
                "`gamma` must be a number above 0 and `a` in [0, 1]. Received: "
                f"gamma={gamma!r}, a={a!r}"
            )
        self.gamma, self.a, self.online = gamma, a, online
        logits, others, y = self._both(*check_population(population))
        logits, others, y, inside = unseen(logits, others, y, population_inside)
        self._population = log_ratios(logits, others, y, inside, a)

    def score(self, x: ArrayLike, y: ArrayLike, inside: ArrayLike | None = None) -> Array:
        """`(n,)` float64 scores in [0, 1]; larger means *member*. `inside` as for `LiRA`.

        Args:
            x, y: examples and their labels.
        """
        logits, others, y = self._both(x, y)
        ratios = log_ratios(logits, others, y, inside, self.a, self.online)
        return rmia_scores(ratios, self._population, self.gamma)


def log_ratios(logits, others, y, inside=None, a=0.3, online=False):
    """`log p(x | target) - log p(x)`, `(n,)`, of logits `(n, c)` and `(k, n, c)`."""
    y = check_labels(y, logits.shape[-1], len(logits))
    own, p = of_class(log_softmax(logits), y), np.exp(of_class(log_softmax(others), y))
    out = outside_mean(p, inside)
    if not online:
        return own - np.log(((1 + a) * out + (1 - a)) / 2)
    if inside is None:
        raise ValueError("`inside` must say who saw what for an online attack. Received: None")
    return own - np.log((out + outside_mean(p, ~check_inside(inside, p))) / 2)


def rmia_scores(ratios, population, gamma=1.0):
    """The share of the population's log ratios that each one exceeds by `log(gamma)`."""
    at = ratios - np.log(gamma)
    return np.searchsorted(np.sort(population), at, side="right") / len(population)
