"""Random properties with a judge of their own: all permutations, and postconditions as lambdas."""

import functools
import itertools

import numpy as np

from gloro_tf.self_correcting import Always, Box, Outputs, PredictedIn, Property, chain


@functools.cache
def permutations(m):
    return np.array(list(itertools.permutations(range(m))), "float64")


def random_post(rng, y, depth):
    """A random postcondition, and a function that decides rows of different numbers by it."""
    m = len(y)
    kind = rng.integers(0, 10 if depth else 7)
    if kind <= 1:
        i, j = (int(k) for k in rng.choice(m, 2, replace=False))
        return y[i] < y[j], lambda v: v[:, i] < v[:, j]
    if kind == 2:
        members = rng.choice(m, rng.integers(1, m), replace=False).tolist()
        return y.argmax_in(*members), lambda v: np.isin(v.argmax(1), members)
    if kind == 3:
        members = rng.choice(m, rng.integers(1, m), replace=False).tolist()
        return y.argmin_in(members), lambda v: np.isin(v.argmin(1), members)
    if kind == 4:
        i = int(rng.integers(m))
        return y[i].is_max(), lambda v: v.argmax(1) == i
    if kind == 5:
        size = int(rng.integers(2, m + 1))
        row = rng.choice(m, size, replace=False).tolist()
        rising = chain(*[y[i] for i in row])
        return rising, lambda v: np.all(np.diff(v[:, row], axis=1) > 0, axis=1)
    if kind == 6:
        cut = int(rng.integers(1, m))
        row = rng.permutation(m).tolist()
        high, low = row[:cut], row[cut : cut + int(rng.integers(1, m - cut + 1))]
        return y.above(high, low), lambda v: v[:, high].min(1) > v[:, low].max(1)
    left, one = random_post(rng, y, depth - 1)
    if kind == 7:
        return ~left, lambda v: ~one(v)
    right, other = random_post(rng, y, depth - 1)
    if kind == 8:
        return left & right, lambda v: one(v) & other(v)
    return left | right, lambda v: one(v) | other(v)


def random_pre(rng, m):
    """A random precondition, and a function of inputs `(n, 2)` and best classes that decides it."""
    kind = rng.integers(0, 6)
    if kind == 0:
        return Always(), lambda x, best: np.ones(len(x), "bool")
    if kind == 1:
        named = rng.choice(m, rng.integers(1, m), replace=False).tolist()
        return PredictedIn(named), lambda x, best: np.isin(best, named)
    low = rng.integers(0, 4, 2) / 4
    high = low + rng.integers(1, 3, 2) / 4
    return Box(low, high), lambda x, best: np.all((x >= low) & (x <= high), axis=1)


def random_set(rng, m):
    """Random properties, `[(Property, decide pre, decide post), ...]`, none contradictory."""
    y, found = Outputs(m), []
    while len(found) < rng.integers(1, 5):
        post, after = random_post(rng, y, 2)
        pre, before = random_pre(rng, m)
        if after(permutations(m)).any():
            found.append((Property(pre, post, f"p{len(found)}"), before, after))
    return found


def judge(found, score, x, y, z, status):
    """Compares a corrected batch with all permutations; returns the number of rows that are wrong."""
    m = y.shape[1]
    sign = -1 if score == "min" else 1
    best = (sign * y).argmax(1)
    every, wrong = permutations(m), 0
    allowed = [after(every) for _, _, after in found]
    active = np.stack([before(x, best) for _, before, _ in found], 1)
    for row in range(len(y)):
        safe = np.ones(len(every), "bool")
        for k in np.flatnonzero(active[row]):
            safe &= allowed[k]
        own = np.argsort(np.argsort(y[row]))
        is_safe = bool(safe[np.all(every == own, axis=1)][0])
        new = np.argsort(np.argsort(z[row]))
        ranks = np.argsort(np.argsort(-sign * y[row]))
        tops = (sign * every[safe]).argmax(1)
        if not safe.any():
            good = status[row] == 4 and np.isnan(z[row]).all()
        elif is_safe:
            good = status[row] == int(active[row].any()) and z[row].tobytes() == y[row].tobytes()
        else:
            top = int((sign * z[row]).argmax())
            good = (
                bool(safe[np.all(every == new, axis=1)][0])
                and sorted(z[row]) == sorted(y[row])
                and ranks[top] == ranks[tops].min()
                and status[row] == (2 if top == best[row] else 3)
            )
        wrong += not good
    return wrong


def count_mismatches(layer_of, sets, rows, seed=0, classes=(2, 3, 4, 5, 6)):
    """`(rows that are wrong, rows, rows by status)` over random sets and random rows."""
    rng = np.random.default_rng(seed)
    wrong, total, statuses = 0, 0, np.zeros(6, "int64")
    for _ in range(sets):
        m = int(rng.choice(classes))
        found, score = random_set(rng, m), str(rng.choice(["max", "min"]))
        x = (rng.integers(0, 8, (rows, 2)) / 8).astype("float32")
        y = rng.permuted(np.tile(np.arange(m), (rows, 1)), axis=1)
        y = (y + rng.random((rows, m)) * 0.9 - 2).astype("float32")
        z, status = layer_of([p for p, _, _ in found], score)(x, y)
        wrong += judge(found, score, x, y, z, status)
        total, statuses = total + rows, statuses + np.bincount(status, minlength=6)
    return wrong, total, statuses
