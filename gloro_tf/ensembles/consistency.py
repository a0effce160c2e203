"""How consistent the answers of several ensembles are, beside what the theorems allow."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gloro_tf.ensembles._tables import CHUNK
from gloro_tf.ensembles.selective import ABSTAIN, disagreement_bound
from gloro_tf.types import ArrayLike


@dataclasses.dataclass(frozen=True)
class ConsistencyReport:
    """Shares, each in [0, 1]; prints as a table.

    Attributes:
        ensembles: int. Number of ensembles (or single models) that were compared.
        points: int. Number of examples.
        abstention: share of answers that are *abstain*, mean over the ensembles.
        inconsistent: share of points on which any two answers differ; abstaining is compatible
            with everything.
        disagreement: probability that two ensembles both answer and differ: mean over pairs and
            points.
        disagreement_or_abstention: the same where abstaining against an answer counts as differing.
        accuracy: mean accuracy where abstaining is an error; None without labels.
        accuracy_of_answers: mean accuracy over the answers alone; None without labels or answers.
        n: int or None. Members of each ensemble.
        alpha: float or None.
        bound_of_disagreement: the largest possible `disagreement` at any one point, exact for two
            classes; None without `n` and `alpha`.
        bound_of_error: `alpha`: how often an answer may differ from the mode (theorem 4.1).
        bound_with_abstention: `2 (alpha + abstention)`, for `disagreement_or_abstention`
            (corollary 4.3).
    """

    ensembles: int
    points: int
    abstention: float
    inconsistent: float
    disagreement: float
    disagreement_or_abstention: float
    accuracy: float | None = None
    accuracy_of_answers: float | None = None
    n: int | None = None
    alpha: float | None = None
    bound_of_disagreement: float | None = None
    bound_of_error: float | None = None
    bound_with_abstention: float | None = None

    def __str__(self):
        rows = [
            ("abstains", self.abstention, None),
            ("points on which two answers differ", self.inconsistent, None),
            ("two ensembles answer differently", self.disagreement, self.bound_of_disagreement),
            ("the same, or one abstains", self.disagreement_or_abstention)
            + (self.bound_with_abstention,),
            ("an answer differs from the mode", None, self.bound_of_error),
            ("accuracy, abstaining is an error", self.accuracy, None),
            ("accuracy of the answers", self.accuracy_of_answers, None),
        ]
        rows = [row for row in rows if row[1] is not None or row[2] is not None]
        size = "" if self.n is None else f" of {self.n} members"
        level = "" if self.alpha is None else f", alpha = {self.alpha:g}"
        lines = [f"{self.ensembles} ensembles{size} on {self.points:,} points{level}"]
        lines.append(f"{'':36}{'measured':>10}{'at most':>10}")
        lines += [f"{name:36}{_percent(value)}{_percent(bound)}" for name, value, bound in rows]
        if self.bound_of_disagreement is not None:
            lines.append("Bounds hold for each point; the first is that of two classes.")
        return "\n".join(lines)


def consistency_report(
    predictions: ArrayLike,
    y: ArrayLike | None = None,
    *,
    alpha: float | None = None,
    n: int | None = None,
) -> ConsistencyReport:
    """Compares what several ensembles (or single models) answer on the same points.

    Args:
        predictions: `(ensembles, points)` integer labels, -1 for *abstain*: an array, or a list of
            what `predict_selective` returns. The members of the ensembles must be disjoint.
        y: optional `(points,)` true labels.
        alpha: float in (0, 1), optional. With `n`, the report has the bounds of the theorems.
        n: int, optional. Members of each ensemble.

    Returns:
        `ConsistencyReport`.

    Raises:
        ValueError: naming the argument.

    Example:

    ```python
    print(consistency_report([e.predict_selective(x) for e in ensembles], y, alpha=0.05, n=20))
    ```

    Reference:
        [Black et al., Selective Ensembles for Consistent Predictions](
        https://arxiv.org/abs/2111.08230), section 4.
    """
    predictions = _check_predictions(predictions)
    ensembles, points = predictions.shape
    answered = predictions != ABSTAIN
    beta = float(1 - answered.mean())
    differing, pairs = _differing_pairs(predictions), ensembles * (ensembles - 1) / 2
    count = answered.sum(axis=0)
    mixed = count * (ensembles - count)
    found: dict[str, Any] = {
        "abstention": beta,
        "inconsistent": float(np.mean(differing > 0)),
        "disagreement": float(differing.mean() / pairs),
        "disagreement_or_abstention": float((differing + mixed).mean() / pairs),
        "n": n,
        "alpha": alpha,
    }
    if y is not None:
        y = np.asarray(y)
        if y.shape != (points,) or y.dtype.kind not in "iu" or (points and y.min() < 0):
            raise ValueError(
                f"`y` must be {points} integer labels of at least 0. Received: shape {y.shape}, "
                f"dtype {y.dtype}"
            )
        right = predictions == y
        found["accuracy"] = float(right.mean())
        if answered.any():
            found["accuracy_of_answers"] = float(right.sum() / answered.sum())
    if (n is None) != (alpha is None):
        raise ValueError(f"`n` and `alpha` must be given together. Received: {n=}, {alpha=}")
    if n is not None and alpha is not None:
        found["bound_of_disagreement"] = disagreement_bound(n, alpha)[1]
        found["bound_of_error"] = float(alpha)
        found["bound_with_abstention"] = min(1.0, 2 * (alpha + beta))
    return ConsistencyReport(ensembles, points, **found)


def _differing_pairs(predictions):
    """How many pairs of ensembles both answer and differ, for each point."""
    differing = np.zeros(predictions.shape[1])
    names, codes = np.unique(predictions, return_inverse=True)
    codes = codes.reshape(predictions.shape)
    for start in range(0, len(differing), CHUNK):
        part = codes[:, start : start + CHUNK]
        counts = np.zeros((part.shape[1], len(names)))
        for labels in part:
            counts[np.arange(len(labels)), labels] += 1
        counts[:, names == ABSTAIN] = 0
        total = counts.sum(axis=1)
        differing[start : start + CHUNK] = (total**2 - (counts**2).sum(axis=1)) / 2
    return differing


def _check_predictions(predictions):
    """Predictions as an `(ensembles, points)` integer array."""
    lengths = {np.shape(p) for p in predictions}
    if len(lengths) == 1:
        found = np.asarray(predictions)
        if found.ndim == 2 and found.shape[1] and found.dtype.kind in "iu":
            if len(found) >= 2 and found.min() >= ABSTAIN:
                return found.astype("int64")
    raise ValueError(
        "`predictions` must be integer labels of shape (ensembles, points), of at least 2 "
        f"ensembles, with -1 for abstain. Received: {len(predictions)} of shapes {sorted(lengths)}"
    )


def _percent(value):
    return f"{'':>10}" if value is None else f"{100 * value:>8.2f} %"
