"""Weights of votes: exact search over small integers, and the published gradient way."""

from __future__ import annotations

import itertools
from typing import Literal

import numpy as np

from gloro_tf.data.checks import at_least
from gloro_tf.ensembles._tables import as_array, check_labels, check_like
from gloro_tf.ensembles.vote import vote
from gloro_tf.types import Array, ArrayLike


def fit_weights(
    labels: ArrayLike,
    certified: ArrayLike,
    y: ArrayLike,
    num_classes: int,
    method: Literal["search", "softmax_adam"] = "search",
    max_int: int = 4,
) -> tuple[Array, float]:
    """Chooses the weights of a vote on held-out data, by certified and right answers.

    Args:
        labels: `(members, n)` integers.
        certified: `(members, n)` bools.
        y: `(n,)` true labels.
        num_classes: int.
        method: `"search"` (all vectors of integers from 0 to `max_int`, up to a common factor; at
            most 7 members) or `"softmax_adam"` (the published objective; it usually picks one
            member). Either way the best single member is returned if it is better.
        max_int: int.

    Returns:
        `(weights, vra)`: `(members,)` float64 that sum to 1, and the VRA of the vote with them on
        these data.

    Raises:
        ValueError: naming the argument.

    Reference:
        [Mangal et al., On the Perils of Cascading Robust Classifiers](
        https://arxiv.org/abs/2206.00278), section 5 (`"softmax_adam"`).
    """
    labels = check_labels(labels, num_classes)
    certified = check_like("certified", certified, labels, "bool")
    members = len(labels)
    y = check_labels(as_array("y", y)[None], num_classes)[0]
    if y.shape != labels.shape[1:] or not len(y):
        raise ValueError(f"`y` must have shape {labels.shape[1:]}, n > 0. Received: {y.shape}")
    if method == "search":
        at_least("max_int", max_int, 1)
        if members > 7:
            raise ValueError(
                "method='search' takes at most 7 members. Received: "
                f"{members}. Use method='softmax_adam'."
            )
        candidates = [np.eye(members)[i] for i in range(members)]
        for vector in itertools.product(range(max_int + 1), repeat=members):
            if np.gcd.reduce(vector) == 1 and np.count_nonzero(vector) > 1:
                candidates.append(np.array(vector, "float64"))
    elif method == "softmax_adam":
        found = _softmax_adam(labels, certified, y, num_classes)
        candidates = [np.eye(members)[i] for i in range(members)] + [np.ones(members), found]
    else:
        raise ValueError(
            f"`method` must be 'search' or 'softmax_adam'. Received: method={method!r}"
        )
    patterns, counts = _patterns(labels, certified, y)
    scores = [_vra(patterns, counts, weights, num_classes) for weights in candidates]
    best = int(np.argmax(scores))
    return candidates[best] / candidates[best].sum(), float(scores[best])


def _patterns(labels, certified, y):
    """The distinct columns of the tables, and how often each occurs."""
    columns = np.concatenate([labels, certified.astype(labels.dtype), y[None].astype(labels.dtype)])
    unique, counts = np.unique(columns.T, axis=0, return_counts=True)
    return unique.T, counts


def _vra(patterns, counts, weights, num_classes):
    members = (len(patterns) - 1) // 2
    chosen, holds = vote(patterns[:members], patterns[members:-1], num_classes, weights)
    return np.sum(counts * (holds & (chosen == patterns[-1]))) / max(counts.sum(), 1)


def _softmax_adam(labels, certified, y, num_classes, steps=1000, rate=0.01):
    """Maximises the mean of `sigmoid(margin)`, flat where the margin is negative."""
    sure = np.stack([(labels == c) & certified for c in range(num_classes)], -1).astype("float64")
    unsure = 1.0 - certified
    rows, theta = np.arange(labels.shape[1]), np.ones(len(labels))
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    for step in range(1, steps + 1):
        weights = np.exp(theta - theta.max())
        weights /= weights.sum()
        totals = np.einsum("k,knc->nc", weights, sure)
        rivals = totals.copy()
        rivals[rows, y] = -np.inf
        rival = rivals.argmax(axis=1)
        margin = totals[rows, y] - weights @ unsure - rivals[rows, rival]
        scale = np.where(margin > 0, 1.0, 1e-5)
        value = 1 / (1 + np.exp(-margin * scale))
        slope = value * (1 - value) * scale / len(rows)
        by_weight = (sure[:, rows, y] - unsure - sure[:, rows, rival]) @ slope
        gradient = -weights * (by_weight - weights @ by_weight)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        corrected = first / (1 - 0.9**step), second / (1 - 0.999**step)
        theta = theta - rate * corrected[0] / (np.sqrt(corrected[1]) + 1e-7)
    weights = np.exp(theta - theta.max())
    return weights / weights.sum()
