"""Abstaining where the members of an ensemble do not agree enough."""

from __future__ import annotations

import functools
import math

import numpy as np

from gloro_tf.data.checks import at_least
from gloro_tf.ensembles._tables import CHUNK, check_labels
from gloro_tf.types import Array, ArrayLike

ABSTAIN = -1


@functools.cache
def binomial_p_values(n: int) -> Array:
    """Two-sided p-values of a fair coin, for all counts of up to `n` tosses.

    Args:
        n: int.

    Returns:
        `(n + 1, n + 1)` float64 array; entry `[a, b]` is the probability that `a + b` fair tosses
        divide at least as unevenly as `a` to `b`. Entries with `a + b > n` are 1.
    """
    table = np.ones((n + 1, n + 1))
    for total in range(1, n + 1):
        tail = 0
        for larger in range(total, total // 2, -1):
            tail += math.comb(total, larger)
            p = min(1.0, 2 * tail / 2**total)
            if larger != total - larger:
                table[larger, total - larger] = table[total - larger, larger] = p
    table.setflags(write=False)
    return table


def smallest_ensemble(alpha: float) -> int:
    """The least number of members whose unanimous vote is significant: `2^(1-n) <= alpha`.

    Args:
        alpha: float in (0, 1).
    """
    _check_alpha(alpha)
    return max(1, math.ceil(1 - math.log2(alpha) - 1e-12))


def selective_vote(labels: ArrayLike, num_classes: int, alpha: float = 0.05) -> Array:
    """The most frequent label where it is significantly so, else abstains.

    With `n_A >= n_B` the two largest counts, the vote answers where the two-sided binomial test of
    `n_A` against `n_B` has a p-value of at most `alpha`. An answer then differs from the mode of the
    training procedure with probability at most `alpha`.

    Args:
        labels: `(members, n)` integers: the labels that independently trained models give.
        num_classes: int.
        alpha: float in (0, 1).

    Returns:
        `(n,)` int64 labels, -1 for *abstain*.

    Raises:
        ValueError: naming the argument; also where so few members can never answer at `alpha`.

    Reference:
        [Black et al., Selective Ensembles for Consistent Predictions](
        https://arxiv.org/abs/2111.08230), algorithm 2 and theorem 4.1.
    """
    labels = check_labels(labels, num_classes)
    check_can_answer(len(labels), alpha)
    table = binomial_p_values(len(labels))
    answers = np.zeros(labels.shape[1], "int64")
    for start in range(0, len(answers), CHUNK):
        part = labels[:, start : start + CHUNK]
        rows = np.arange(part.shape[1])
        counts = np.zeros((len(rows), num_classes), "int64")
        for label in part:
            counts[rows, label] += 1
        winner = counts.argmax(axis=1)
        most = counts[rows, winner]
        counts[rows, winner] = -1
        second = counts.max(axis=1)
        answers[start : start + CHUNK] = np.where(table[most, second] <= alpha, winner, ABSTAIN)
    return answers


def disagreement_bound(n: int, alpha: float = 0.05) -> tuple[float, float]:
    """How often two selective ensembles of `n` members can answer differently, at worst; two classes.

    The probability that both answer and differ is `2 P[answer A] P[answer B]`, largest where either
    class has probability one half; exact, by binomial sums.

    Args:
        n: int. Members of each ensemble.
        alpha: float in (0, 1). Defaults to 0.05.

    Returns:
        `(wrong, differ)`: the largest probabilities that one answers against the mode, and that two
        answer differently.
    """
    check_can_answer(n, alpha)
    table = binomial_p_values(n)
    tail = sum(math.comb(n, a) for a in range(n // 2 + 1, n + 1) if table[a, n - a] <= alpha) / 2**n
    return tail, 2 * tail * tail


def check_can_answer(n, alpha):
    """Refuses an ensemble too small to ever answer."""
    at_least("n", n, 0)
    _check_alpha(alpha)
    least = smallest_ensemble(alpha)
    if n < least:
        raise ValueError(
            f"{n} members can never answer at alpha={alpha}: even if all agree, the p-value is "
            f"{2.0 ** (1 - n):.4g}. Use at least {least} members, or a larger alpha."
        )


def _check_alpha(alpha):
    if not isinstance(alpha, (int, float, np.number)) or not 0 < alpha < 1:
        raise ValueError(f"`alpha` must lie in (0, 1). Received: alpha={alpha!r}")
