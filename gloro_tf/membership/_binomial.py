"""Binomial tails and Clopper-Pearson bounds, vectorised, in NumPy."""

import math

import numpy as np

TINY = 1e-300


def at_least(count, n, p):
    """The probability of at least `count` successes in `n` trials of probability `p`; broadcasts."""
    count, n, p = np.broadcast_arrays(*(np.asarray(a, "float64") for a in (count, n, p)))
    if not count.size:
        return np.zeros(count.shape)
    inside = (count > 0) & (count <= n)
    a, b = np.where(inside, count, 1), np.where(inside, n - count + 1, 1)
    return np.where(inside, incomplete_beta(a, b, p), (count <= 0).astype("float64"))


def clopper_pearson(count, n, confidence=0.95):
    """One-sided bounds on a probability from `count` successes in `n` trials; broadcasts.

    Returns:
        `(lower, upper)` float64; each holds by itself with probability at least `confidence`.
    """
    count, n = np.broadcast_arrays(*(np.asarray(a, "float64") for a in (count, n)))
    alpha = 1.0 - confidence
    lower = _solve(lambda p: at_least(count, n, p) < alpha, count.shape)
    upper = _solve(lambda p: at_least(count + 1, n, p) < 1 - alpha, count.shape)
    return np.where(count > 0, lower, 0.0), np.where(count < n, upper, 1.0)


def _solve(below, shape):
    """The point in [0, 1] up to which `below` holds, by bisection."""
    low, high = np.zeros(shape), np.ones(shape)
    for _ in range(50):
        middle = 0.5 * (low + high)
        inside = below(middle)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return 0.5 * (low + high)


def incomplete_beta(a, b, p):
    """The regularised incomplete beta function, by its continued fraction (Lentz); arrays."""
    p = np.clip(p, 0.0, 1.0)
    swap = p > (a + 1) / (a + b + 2)
    a, b, p = np.where(swap, b, a), np.where(swap, a, b), np.where(swap, 1 - p, p)
    with np.errstate(divide="ignore"):
        front = a * np.log(p) + b * np.log1p(-p) - _log_beta(a, b)
    value = np.exp(front) / a * _fraction(a, b, p)
    return np.where(swap, 1 - value, value)


def _fraction(a, b, p):
    c, d = np.ones_like(p), 1 - (a + b) * p / (a + 1)
    d = 1 / np.where(np.abs(d) < TINY, TINY, d)
    value = d
    # Converges in about the square root of the larger of a and b steps.
    for m in range(1, 40 + int(4 * math.sqrt(max(np.max(a), np.max(b), 1)))):
        even = m * (b - m) * p / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * p / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1 + term * d, 1 + term / c
            d, c = (np.where(np.abs(v) < TINY, TINY, v) for v in (d, c))
            d = 1 / d
            value = value * d * c
        if np.all(np.abs(d * c - 1) < 1e-13):
            break
    return value


def _log_beta(a, b):
    log_gamma = np.vectorize(math.lgamma, otypes=[float])
    return log_gamma(a) + log_gamma(b) - log_gamma(a + b)
