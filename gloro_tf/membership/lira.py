"""The likelihood ratio attack, offline and online."""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np

from gloro_tf.membership._logits import log_odds
from gloro_tf.membership._reference import Reference, check_inside
from gloro_tf.types import Array, ArrayLike

FEW = 64
TINY = 1e-30


class LiRA(Reference):
    """Compares the target's confidence in an example with that of models with and without it.

    The confidence is `log(p / (1 - p))` of the true class, near normal over models. Offline, the
    score is its distance from the mean of the models without the example, in deviations; online, it
    is `log N(in) - log N(out)`, with normal densities of the models with and without it. A
    deviation takes two models at least; where there is only one, it counts as 1.

    Args:
        target: a Keras classifier.
        references: `References` of the same recipe.
        online: bool. Needs references that saw the very examples, each about half of the time.
        pooled: bool. One deviation for all examples; by default with fewer than 64 references.
        center: `"median"` or `"mean"` over the references.

    Raises:
        ValueError: for another `center`.

    Reference:
        [Carlini et al., Membership Inference Attacks From First Principles](
        https://arxiv.org/abs/2112.03570).
    """

    def __init__(
        self,
        target: keras.Model,
        references: Any,
        online: bool = False,
        pooled: bool | None = None,
        center: Literal["median", "mean"] = "median",
    ) -> None:
        super().__init__(target, references)
        if center not in ("median", "mean"):
            raise ValueError(f"`center` must be 'median' or 'mean'. Received: center={center!r}")
        self.online, self.center = online, center
        self.pooled = len(self.references) < FEW if pooled is None else pooled

    def score(self, x: ArrayLike, y: ArrayLike, inside: ArrayLike | None = None) -> Array:
        """`(n,)` float64 scores; larger means *member*.

        Args:
            x, y: examples.
            inside: `(k, n)` bools: which reference saw which of these examples. Online it is
                needed; offline it defaults to none.

        Raises:
            ValueError: for examples or labels that do not fit, or online without `inside`.
        """
        logits, others, y = self._both(x, y)
        options = self.online, self.pooled, self.center
        return lira_scores(log_odds(logits, y), log_odds(others, y), inside, *options)


def lira_scores(target, references, inside=None, online=False, pooled=True, center="median"):
    """The scores of `LiRA` from confidences: `target` `(n,)`, `references` and `inside` `(k, n)`."""
    if inside is None:
        if online:
            raise ValueError("`inside` must say who saw what for an online attack. Received: None")
        inside = np.zeros(references.shape, bool)
    inside = check_inside(inside, references)
    middle, spread = _normal(references, ~inside, pooled, center)
    if not online:
        return (target - middle) / spread
    own, own_spread = _normal(references, inside, pooled, center)
    return _log_density(target, own, own_spread) - _log_density(target, middle, spread)


def _normal(values, chosen, pooled, center):
    """Centres `(n,)` and deviations of the chosen values; means of all where none is chosen."""
    if not chosen.any():
        raise ValueError("`inside` must leave references to compare with. Received: none left")
    kept = np.where(chosen, values, np.nan)
    some = chosen.any(axis=0)
    average = np.nanmedian if center == "median" else np.nanmean
    middle = np.full(values.shape[1], np.nan)
    middle[some] = average(kept[:, some], axis=0)
    middle[~some] = middle[some].mean()
    several = chosen.sum(axis=0) > 1
    if not several.any():
        return middle, np.ones(values.shape[1])
    if pooled:
        return middle, np.nanstd(kept - middle) + TINY
    spread = np.full(values.shape[1], np.nan)
    spread[several] = np.nanstd(kept[:, several], axis=0)
    spread[~several] = spread[several].mean()
    return middle, spread + TINY


def _log_density(values, middle, spread):
    return -0.5 * ((values - middle) / spread) ** 2 - np.log(spread) - 0.5 * np.log(2 * np.pi)
