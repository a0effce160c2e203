"""Logistic regression by Newton's method, drawn to where it starts."""

import numpy as np


def fit_logistic(features, labels, start=None, l2=1.0, steps=30):
    """Weights of a logistic regression, the intercept last.

    Minimises the summed cross-entropy, plus `l2 / 2` times the squared distance to `start` in units
    of each feature's deviation.

    Args:
        features: `(n, d)` numbers.
        labels: `(n,)` bools.
        start: optional `(d + 1,)` numbers, 0 by default.
        l2: float of at least 0.
        steps: int. The most iterations.

    Returns:
        `(d + 1,)` float64 weights.
    """
    design = np.column_stack([features, np.ones(len(features))]).astype("float64")
    labels = np.asarray(labels, "float64")
    start = np.zeros(design.shape[1]) if start is None else np.asarray(start, "float64")
    pull = l2 * np.append(design[:, :-1].var(axis=0), 1e-6) + 1e-9
    weights = start.copy()
    for _ in range(steps):
        expected = sigmoid(design @ weights)
        slope = design.T @ (expected - labels) + pull * (weights - start)
        curve = (design * (expected * (1 - expected))[:, None]).T @ design + np.diag(pull)
        move = np.linalg.lstsq(curve, slope, rcond=None)[0]
        size = _damping(design, labels, weights, move, start, pull)
        weights = weights - size * move
        if np.abs(size * move).max() < 1e-10:
            break
    return weights


def decide(features, weights):
    """The log-odds `(n,)` that a fitted regression gives."""
    return np.asarray(features) @ weights[:-1] + weights[-1]


def sigmoid(values):
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(values)))


def _damping(design, labels, weights, move, start, pull):
    """The largest of 1, 1/2, 1/4, ... that lowers the objective."""

    def objective(w):
        odds = design @ w
        loss = np.logaddexp(0, odds) - labels * odds
        return loss.sum() + 0.5 * (pull * (w - start) ** 2).sum()

    now, size = objective(weights), 1.0
    while size > 1e-6 and objective(weights - size * move) > now:
        size /= 2
    return size
