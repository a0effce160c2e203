"""Votes of certified classifiers, whose certificate follows from those of the members."""

from __future__ import annotations

import numpy as np

from gloro_tf.ensembles._tables import CHUNK, check_labels, check_like, check_weights
from gloro_tf.types import Array, ArrayLike

ROUNDOFF = 2.0**-50


def vote(
    labels: ArrayLike, certified: ArrayLike, num_classes: int, weights: ArrayLike | None = None
) -> tuple[Array, Array]:
    """Lets certified classifiers vote; certified where no change of uncertified votes can matter.

    With `V_c` the weight of all votes for class `c`, `S_c` that of the certified ones and `U` that of
    the uncertified members, the label is `j = argmax V` (the first of equal ones), certified where

        S_j > U + S_c   for every c != j.

    At any input within the radius the certified members keep their labels, so `V_j >= S_j` and
    `V_c <= S_c + U`: sound if the members are, for the same norm and radius and with fixed weights.

    Args:
        labels: `(members, n)` integers.
        certified: `(members, n)` bools.
        num_classes: int.
        weights: optional `(members,)` numbers of at least 0. Defaults to 1 each.

    Returns:
        `(labels, certified)`, `(n,)` int64 and bool.

    Raises:
        ValueError: naming the argument.

    Reference:
        [Mangal et al., On the Perils of Cascading Robust Classifiers](
        https://arxiv.org/abs/2206.00278), section 5.
    """
    labels = check_labels(labels, num_classes)
    certified = check_like("certified", certified, labels, "bool")
    weights = check_weights(weights, len(labels))
    n = labels.shape[1]
    chosen, holds = np.zeros(n, "int64"), np.zeros(n, "bool")
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        chosen[part], margin = _margins(labels[:, part], certified[:, part], num_classes, weights)
        holds[part] = margin > len(labels) * ROUNDOFF * weights.sum()
    return chosen, holds


def _margins(labels, certified, num_classes, weights):
    """The winners, and `S_j - U - max S_c`."""
    rows = np.arange(labels.shape[1])
    votes = np.zeros((len(rows), num_classes))
    sure, unsure = np.zeros_like(votes), np.zeros(len(rows))
    for label, holds, weight in zip(labels, certified, weights, strict=True):
        votes[rows, label] += weight
        sure[rows, label] += weight * holds
        unsure += weight * ~holds
    winner = votes.argmax(axis=1)
    own = sure[rows, winner]
    sure[rows, winner] = -np.inf
    return winner, own - unsure - sure.max(axis=1)


def vote_radius(
    labels: ArrayLike, radii: ArrayLike, num_classes: int, weights: ArrayLike | None = None
) -> tuple[Array, Array]:
    """The radius within which a vote keeps its label, from the radii of its members.

    The largest of the members' radii `r` at which `vote` certifies with the members certified whose
    own radius is at least `r`; its certificates only get fewer as `r` grows.

    Args:
        labels: `(members, n)` integers.
        radii: `(members, n)` floats of at least 0, all in one norm.
        num_classes: int.
        weights: as in `vote`.

    Returns:
        `(labels, radii)`, `(n,)` int64 and float64; 0 where nothing is certified.
    """
    labels = check_labels(labels, num_classes)
    radii = check_like("radii", radii, labels, "radius")
    best = np.zeros(labels.shape[1])
    chosen, _ = vote(labels, np.ones_like(labels, "bool"), num_classes, weights)
    for own in radii:
        _, holds = vote(labels, radii >= own, num_classes, weights)
        best = np.where(holds & (own > best), own, best)
    return chosen, best
