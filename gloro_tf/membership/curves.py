"""What a threshold on scores gives: ROC, AUC, advantage, precision and recall."""

from __future__ import annotations

import math

import numpy as np

from gloro_tf.membership._checks import as_scores, check_probability, check_scores
from gloro_tf.membership.calibrator import counts_above
from gloro_tf.types import Array, ArrayLike


def roc(scores: ArrayLike, is_member: ArrayLike) -> tuple[Array, Array, Array]:
    """`(false positive rate, true positive rate, threshold)`, from nobody to everybody.

    Args:
        scores: `(n,)` numbers, larger for members.
        is_member: `(n,)` bools.

    Returns:
        Three float64 arrays; the first threshold is infinite.
    """
    scores, is_member = check_scores(scores, is_member)
    at, called, hits = counts_above(scores, is_member)
    fpr = (called - hits) / (~is_member).sum()
    tpr = hits / is_member.sum()
    return np.append(0.0, fpr), np.append(0.0, tpr), np.append(np.inf, at)


def auc(scores: ArrayLike, is_member: ArrayLike) -> tuple[float, float]:
    """`(area under the ROC curve, standard error)`; ties count one half.

    The error is DeLong's: the placements of members among non-members and the reverse.

    Args:
        scores: `(n,)` numbers, larger for members.
        is_member: `(n,)` bools.
    """
    scores, is_member = check_scores(scores, is_member)
    inside, outside = np.sort(scores[is_member]), np.sort(scores[~is_member])
    above = _placements(inside, outside)
    below = 1 - _placements(outside, inside)
    spread = [np.var(p, ddof=1) / len(p) if len(p) > 1 else 0.25 for p in (above, below)]
    return float(above.mean()), math.sqrt(sum(spread))


def _placements(values, others):
    """The share of the sorted others that each value exceeds."""
    sides = [np.searchsorted(others, values, side=side) for side in ("left", "right")]
    return (sides[0] + sides[1]) / (2 * len(others))


def advantage(scores: ArrayLike, is_member: ArrayLike, threshold: float | None = None) -> float:
    """True minus false positive rate at a threshold, or the largest over all thresholds.

    The largest is an oracle's: it looks at the memberships, and is above 0 by chance alone.

    Args:
        scores: `(n,)` numbers, larger for members.
        is_member: `(n,)` bools.
        threshold: float. Defaults to the best one.

    Returns:
        float.
    """
    if threshold is None:
        fpr, tpr, _ = roc(scores, is_member)
        return float((tpr - fpr).max())
    scores, is_member = check_scores(scores, is_member)
    threshold = as_scores(threshold, "threshold")[()]
    called = (scores >= threshold) & (threshold < math.inf)
    return float(called[is_member].mean() - called[~is_member].mean())


def tpr_at_fpr(scores: ArrayLike, is_member: ArrayLike, fpr: float) -> float:
    """The true positive rate at the largest false positive rate of at most `fpr`.

    Args:
        scores: `(n,)` numbers, larger for members.
        is_member: `(n,)` bools.
        fpr: float.

    Raises:
        ValueError: with fewer than `10 / fpr` non-members, of whom too few would decide.
    """
    check_probability(fpr=fpr)
    scores, is_member = check_scores(scores, is_member)
    outside, least = int((~is_member).sum()), math.ceil(10 / fpr - 1e-9)
    if outside < least:
        raise ValueError(
            f"`fpr` must be at least 10 / non-members. Received: fpr={fpr} with {outside} "
            f"non-members; that needs {least}."
        )
    rates, tpr, _ = roc(scores, is_member)
    return float(tpr[rates <= fpr + 1e-12].max())


def precision_recall(
    scores: ArrayLike, is_member: ArrayLike, prior: float = 0.5
) -> tuple[Array, Array, Array]:
    """`(threshold, precision, recall)` for each threshold, from the strictest.

    The precision is `prior TPR / (prior TPR + (1 - prior) FPR)`.

    Args:
        scores: `(n,)` numbers, larger for members.
        is_member: `(n,)` bools.
        prior: float in (0, 1). The share of members among whom the attack is used on. Defaults to
            0.5.
    """
    check_probability(prior=prior)
    fpr, tpr, at = (a[1:] for a in roc(scores, is_member))
    return at, prior * tpr / (prior * tpr + (1 - prior) * fpr), tpr


def top_precision(scores: ArrayLike, is_member: ArrayLike, share: float = 0.05) -> float:
    """The share of members among the `share` of the highest scores; ties by their average.

    Args:
        scores: `(n,)` numbers, larger for members.
        is_member: `(n,)` bools.
        share: float in (0, 1). Defaults to 0.05.
    """
    check_probability(share=share)
    scores, is_member = check_scores(scores, is_member)
    count = max(1, round(share * len(scores)))
    edge = np.sort(scores)[-count]
    above, level = scores > edge, scores == edge
    return float((is_member[above].sum() + (count - above.sum()) * is_member[level].mean()) / count)
