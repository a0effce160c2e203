"""How well an attack tells members from non-members, with its uncertainty."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gloro_tf.membership import curves
from gloro_tf.membership._binomial import clopper_pearson, incomplete_beta
from gloro_tf.membership._checks import (
    as_scores,
    check_accuracies,
    check_probability,
    check_rates,
    check_scores,
)
from gloro_tf.types import Array, ArrayLike

if TYPE_CHECKING:
    from gloro_tf.membership.calibrator import Calibrator

Z95 = 1.959964


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate` returns; rates are in [0, 1], intervals are of 95 %.

    Attributes:
        auc, auc_interval: area under the ROC curve.
        advantage: the largest true minus false positive rate over all thresholds; chosen with
            the memberships at hand, so never below 0.
        tpr_at_fpr: dict from false positive rates to true positive rates, None where there are
            too few non-members (fewer than 10 / FPR).
        top_precision: share of members among the 5 % of the highest scores.
        calibrated: None, or a `CalibratedResult`.
        members, nonmembers: int.
        prior: the share of members that precisions are for.
        train_accuracy, test_accuracy: of the target, or None.
        scores, is_member: what was evaluated.
    """

    auc: float
    auc_interval: tuple
    advantage: float
    tpr_at_fpr: dict
    top_precision: float
    calibrated: object
    members: int
    nonmembers: int
    prior: float
    train_accuracy: float | None
    test_accuracy: float | None
    scores: np.ndarray = dataclasses.field(repr=False)
    is_member: np.ndarray = dataclasses.field(repr=False)

    @property
    def gap(self) -> float | None:
        """Training minus test accuracy, or None."""
        if self.train_accuracy is None or self.test_accuracy is None:
            return None
        return self.train_accuracy - self.test_accuracy

    def roc(self) -> tuple[Array, Array, Array]:
        """As `curves.roc`.

        Returns:
            `(false positive rate, true positive rate, threshold)`.
        """
        return curves.roc(self.scores, self.is_member)

    def calibration_curve(self) -> tuple[Array, Array, Array]:
        """`(threshold, precision, recall)` as the threshold falls, for this prior."""
        return curves.precision_recall(self.scores, self.is_member, self.prior)


@dataclasses.dataclass(frozen=True)
class CalibratedResult:
    """An attack at a threshold that was fixed beforehand.

    Attributes:
        threshold: float; infinite where the calibrator abstains, and then the rest is NaN.
        requested: float. The precision asked for, or None.
        precision, precision_interval: achieved, at the evaluation's prior.
        recall: share of the members that are called so.
        advantage, advantage_interval: true minus false positive rate.
        called: int. How many are called members.
    """

    threshold: float
    requested: float | None
    precision: float
    precision_interval: tuple
    recall: float
    advantage: float
    advantage_interval: tuple
    called: int


def evaluate(
    scores: ArrayLike,
    is_member: ArrayLike,
    *,
    fpr: Sequence[float] = (0.01, 0.001),
    prior: float = 0.5,
    calibrator: Calibrator | None = None,
    threshold: float | None = None,
    train_accuracy: float | None = None,
    test_accuracy: float | None = None,
) -> Evaluation:
    """Measures an attack.

    Args:
        scores: `(n,)` numbers; larger means *member*.
        is_member: `(n,)` bools, the truth.
        fpr: false positive rates to report the true positive rate at.
        prior: float. The share of members among whom the attack would be used on.
        calibrator: a fitted `Calibrator`, whose threshold is judged.
        threshold: float. A threshold fixed beforehand, instead of a calibrator; a score of at
            least it means *member*.
        train_accuracy, test_accuracy: the target's, shown next to the result.

    Returns:
        `Evaluation`.

    Raises:
        ValueError: naming the argument.
    """
    check_probability(prior=prior)
    check_accuracies(train_accuracy=train_accuracy, test_accuracy=test_accuracy)
    fpr = check_rates(fpr)
    scores, is_member = check_scores(scores, is_member)
    area, error = curves.auc(scores, is_member)
    if calibrator is not None and threshold is not None:
        raise ValueError("`threshold` must be left out with a `calibrator`. Received: both")
    if calibrator is not None and not hasattr(calibrator, "threshold"):
        raise ValueError(
            f"`calibrator` must be a fitted `Calibrator`. Received: {calibrator!r}. Call its `fit`."
        )
    requested = getattr(calibrator, "precision", None)
    threshold = getattr(calibrator, "threshold", threshold)
    fixed = None
    if threshold is not None:
        fixed = _at(scores, is_member, threshold, prior, requested)
    return Evaluation(
        auc=area,
        auc_interval=(max(0.0, area - Z95 * error), min(1.0, area + Z95 * error)),
        advantage=curves.advantage(scores, is_member),
        tpr_at_fpr={rate: _tpr(scores, is_member, rate) for rate in fpr},
        top_precision=curves.top_precision(scores, is_member),
        calibrated=fixed,
        members=int(is_member.sum()),
        nonmembers=int((~is_member).sum()),
        prior=prior,
        train_accuracy=train_accuracy,
        test_accuracy=test_accuracy,
        scores=scores,
        is_member=is_member,
    )


def interval_over_targets(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """`(mean, half width)` of a figure over several independent targets, by Student's t.

    Args:
        values: `(targets,)` numbers.
        confidence: float in (0, 1). Defaults to 0.95.

    Returns:
        Two floats; the half width is infinite for a single target.

    Raises:
        ValueError: for no values, or a `confidence` out of range.
    """
    check_probability(confidence=confidence)
    values = np.asarray(values, "float64")
    if values.ndim != 1 or not values.size:
        raise ValueError(
            f"`values` must be one number for each target, (targets,). Received: shape {values.shape}"
        )
    if len(values) < 2:
        return float(values.mean()), math.inf
    error = values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(_student(confidence, len(values) - 1) * error)


def _tpr(scores, is_member, rate):
    try:
        return curves.tpr_at_fpr(scores, is_member, rate)
    except ValueError:  # Too few non-members.
        return None


def _at(scores, is_member, threshold, prior, requested):
    threshold = as_scores(threshold, "threshold")[()]
    called = (scores >= threshold) & (threshold < math.inf)
    hits, wrong = int(called[is_member].sum()), int(called[~is_member].sum())
    inside, outside = int(is_member.sum()), int((~is_member).sum())
    tpr, fpr = hits / inside, wrong / outside
    precision, interval = np.nan, (np.nan, np.nan)
    if hits + wrong:
        shift = prior / (1 - prior) * outside / inside
        shares = [b[()] for b in clopper_pearson(hits, hits + wrong, 0.975)]
        shares = np.array([hits / (hits + wrong), *shares])
        precision, *interval = shares * shift / (shares * shift + 1 - shares)
    error = Z95 * math.sqrt(tpr * (1 - tpr) / inside + fpr * (1 - fpr) / outside)
    gain = tpr - fpr
    return CalibratedResult(
        threshold=float(threshold),
        requested=requested,
        precision=float(precision),
        precision_interval=tuple(float(b) for b in interval),
        recall=tpr,
        advantage=gain,
        advantage_interval=(gain - error, gain + error),
        called=hits + wrong,
    )


def _student(confidence, freedom):
    """The two-sided quantile of Student's t."""
    low, high = 0.0, 1e3
    for _ in range(60):
        middle = 0.5 * (low + high)
        halves = np.array([freedom / 2]), np.array([0.5])
        outside = incomplete_beta(*halves, np.array([freedom / (freedom + middle**2)]))[0]
        low, high = (middle, high) if 1 - outside < confidence else (low, middle)
    return 0.5 * (low + high)
