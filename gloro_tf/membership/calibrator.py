"""A threshold that keeps a requested precision, or an admission that none does."""

from __future__ import annotations

from typing import Self

import numpy as np

from gloro_tf.membership._binomial import at_least, clopper_pearson
from gloro_tf.membership._checks import as_scores, check_counts, check_probability, check_scores
from gloro_tf.types import Array, ArrayLike


class Calibrator:
    """Chooses the threshold of an attack on shadow models, without looking at the target.

    The precision of "member" at a threshold is estimated from calibration scores of known
    membership. The threshold is the smallest whose one-sided Clopper-Pearson lower bound reaches
    the request; where none does, the calibrator abstains: it calls nobody a member.

    What is promised: if calibration scores are independent draws from the game that is then
    played, the precision that the threshold has over many plays is at least the request, with about
    the confidence. About, as the bound is one of each threshold by itself, and the smallest that
    passes is chosen among all; with 3,000 points or more, at least 9 of 10 thresholds keep it.
    Of a single target few are called, and their share varies by chance around that precision.

    It is not promised for a target that differs from the shadows in size or training, nor if the
    shadows' references saw a part of what they are compared on (see `two_camps`). Scores of one
    shadow are not independent; check on several targets.

    Args:
        precision: float in (0, 1). The requested share of members among those called so.
        confidence: float in (0, 1). Of the bound.
        prior: float in (0, 1). The share of members among whom the attack is used on; the
            calibration points may have another share.
        min_count: int. The fewest calibration points above a threshold.

    Raises:
        ValueError: for an argument out of its range.

    Attributes:
        threshold: float; infinite where it abstains.
        abstains: bool.
        needed: number of calibration points, of the present share of members, with which it would
            not abstain if the precision seen is right; infinite if it is seen nowhere.

    Example:

    ```python
    calibrator = gloro_tf.membership.Calibrator(precision=0.9).fit(shadow_scores, shadow_members)
    members = calibrator.predict(attack.score(x, y))
    ```

    Reference:
        Clopper and Pearson, 1934; the threshold from shadow models is that of [Leino and
        Fredrikson, Stolen Memories](https://arxiv.org/abs/1906.11798).
    """

    def __init__(
        self,
        precision: float = 0.9,
        confidence: float = 0.95,
        prior: float = 0.5,
        min_count: int = 20,
    ) -> None:
        check_probability(precision=precision, confidence=confidence, prior=prior)
        check_counts(1, min_count=min_count)
        self.precision, self.confidence = precision, confidence
        self.prior, self.min_count = prior, min_count

    def __repr__(self):
        return (
            f"Calibrator(precision={self.precision}, confidence={self.confidence}, "
            f"prior={self.prior}, min_count={self.min_count})"
        )

    def fit(self, scores: ArrayLike, is_member: ArrayLike) -> Self:
        """Chooses the threshold from `(n,)` calibration scores and bools; returns itself.

        Args:
            scores: `(n,)` numbers, larger for members.
            is_member: `(n,)` bools.
        """
        scores, is_member = check_scores(scores, is_member)
        self.count = len(scores)
        odds = is_member.mean() / (1 - is_member.mean()) * (1 - self.prior) / self.prior
        request = _shift(self.precision, odds)
        at, called, hits = counts_above(scores, is_member)
        # No threshold is infinite: that is how abstaining looks.
        enough = (called >= min(self.min_count, self.count)) & (at < np.inf)
        # A tail below one half needs about the requested share; the others are not computed.
        near = enough & ((hits + 1 >= called * request) | (self.confidence < 0.5))
        passes = np.zeros(len(at), bool)
        passes[near] = at_least(hits[near], called[near], request) <= 1 - self.confidence
        chosen = np.flatnonzero(passes)[-1:]
        self.abstains = not chosen.size
        self.threshold = np.inf if self.abstains else float(at[chosen[0]])
        self._decision = hits[chosen], called[chosen], odds
        self.needed = float(self.count)
        if self.abstains:
            self.needed = self._needed(called[enough], hits[enough], request)
        return self

    @property
    def bound(self) -> float:
        """The lower bound on the precision at the threshold; NaN where it abstains.

        Raises:
            ValueError: before `fit`.
        """
        if not hasattr(self, "threshold"):
            raise ValueError("`bound` must come after `fit`. Received: a calibrator not fitted")
        hits, called, odds = self._decision
        if self.abstains:
            return np.nan
        lower = clopper_pearson(hits, called, self.confidence)[0][0]
        return float(_shift(lower, 1 / odds))

    def predict(self, scores: ArrayLike) -> Array:
        """`(n,)` bools: who is called a member.

        Args:
            scores: `(n,)` numbers.

        Raises:
            ValueError: before `fit`, or for NaN.
        """
        if not hasattr(self, "threshold"):
            raise ValueError("`predict` must come after `fit`. Received: a calibrator not fitted")
        scores = as_scores(scores)
        return (scores >= self.threshold) & (not self.abstains)

    def _needed(self, called, hits, request):
        """The least calibration points with which the most promising threshold would pass."""
        above = hits / called > request
        if not above.any():
            return np.inf
        called, share = called[above], (hits / called)[above]
        # By the normal approximation, which threshold passes first if all counts grow alike.
        first = np.argmin(request * (1 - request) / (share - request) ** 2 / called)
        factors = np.geomspace(1e-3, 1e4, 141)
        grown = np.maximum(np.ceil(called[first] * factors), self.min_count)
        tails = at_least(np.floor(grown * share[first]), grown, request)
        passes = np.flatnonzero(tails <= 1 - self.confidence)
        return float(np.ceil(self.count * factors[passes[0]])) if passes.size else np.inf


def counts_above(scores, is_member):
    """For each different score, downwards: `(score, how many reach it, how many members do)`."""
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], np.cumsum(is_member[order])
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    return ordered[last], last + 1, hits[last]


def _shift(probability, factor):
    """The probability whose odds are those of `probability` times `factor`."""
    return probability * factor / (probability * factor + 1 - probability)
