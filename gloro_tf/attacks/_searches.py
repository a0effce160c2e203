"""Searches that attacks are made of: ascent, restarts, goals."""

import numpy as np


def climb(task, objective, begin, rival, steps, step, momentum=0.0):
    """Projected gradient ascent from `begin`; the point of the largest margin on its way.

    Steps have `step` radii at first and fall to zero along a cosine.
    """
    gradient = task.target.gradient(objective)
    points = task.ball.project(begin)
    best, highest = points.copy(), task.target.margins(points, task.y)
    speed = 0.0
    for number in range(steps):
        _, slope = gradient(points, task.y, rival)
        speed = momentum * speed + task.ball.direction(slope)
        fall = (1 + np.cos(np.pi * number / steps)) / 2
        points = task.ball.step(points, speed, step * fall)
        keep_higher(best, highest, points, task.target.margins(points, task.y))
        if np.all(highest > 0):
            break
    return best, highest


def best_of(task, restarts, targets, run):
    """The point of the largest margin over restarts and goals.

    Args:
        task: `Task`.
        restarts: int. The first begins at the inputs, others at random.
        targets: int. How many of the nearest classes to aim at in turn; 0 aims at any.
        run: callable `(begin, rival) -> (points, margins)`.
    """
    best, highest = task.ball.centre.astype("float32"), np.full(len(task.y), -np.inf)
    for restart in range(restarts):
        for rival in rivals(task, targets) if targets else [task.y]:
            begin = task.ball.sample(task.rng) if restart else task.ball.centre
            keep_higher(best, highest, *run(begin, rival))
            if np.all(highest > 0):
                return best
    return best


def keep_higher(best, highest, points, margins):
    """Puts points of larger margins in place of the best ones; returns where."""
    better = margins > highest
    best[better], highest[better] = points[better], margins[better]
    return better


def rivals(task, count):
    """The classes nearest to winning at the centres, `count` arrays of `(n,)` int32."""
    logits = task.target.logits(task.ball.centre.astype("float32")).copy()
    logits[np.arange(len(logits)), task.y] = -np.inf
    order = np.argsort(-logits, axis=1)[:, : min(count, task.target.classes - 1)]
    return list(order.T.astype("int32"))
