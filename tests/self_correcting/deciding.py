"""Postconditions and preconditions decided on rows, for tests."""

import numpy as np
from keras import ops


def satisfied(found, rows):
    """Decides alternatives on rows of different scores, by their definition."""
    good = np.zeros(len(rows), "bool")
    for one in found:
        pairs = np.argwhere(one.graph)
        edges = np.all(rows[:, pairs[:, 0]] > rows[:, pairs[:, 1]], axis=1)
        good |= edges & one.top[rows.argmax(1)] & one.bottom[rows.argmin(1)]
    return good


def decide(pre, x, best=None, m=3):
    x = np.asarray(x, "float32")
    best = np.zeros((len(x), m), "bool") if best is None else np.eye(m, dtype="bool")[best]
    found = pre.holds(ops.convert_to_tensor(x), ops.convert_to_tensor(best))
    return ops.convert_to_numpy(found)
