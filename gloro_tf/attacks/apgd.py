"""Auto-PGD: projected gradient ascent that finds its own step lengths."""

from __future__ import annotations

import functools
from typing import Any, Literal

import numpy as np

from gloro_tf.attacks._searches import best_of, keep_higher
from gloro_tf.attacks.base import Attack, Task
from gloro_tf.attacks.objectives import chosen_objective
from gloro_tf.data.checks import at_least
from gloro_tf.types import Array

MOMENTUM = 0.75
ENOUGH_RISES = 0.75


class APGD(Attack):
    """Auto-PGD: momentum, and a step that halves at checkpoints where the ascent stalls.

    Args:
        steps: int. Of each restart and target. Defaults to 100.
        restarts: int. The first starts at the input. Defaults to 1.
        objective: `"margin"`, `"crossentropy"`, or `"dlr"` (three classes or more; four with
            `targets`). Defaults to `"margin"`.
        targets: int. 0 moves to any class; otherwise each of that many classes that are nearest to
            winning is tried in turn (`"dlr"` and `"margin"`). Defaults to 0.
        norm, bounds, seed, batch_size: as in `Attack`.
        **kwargs: of `Attack`: `norm`, `bounds`, `seed`, `batch_size`.

    Reference:
        [Croce and Hein, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse
        Parameter-free Attacks](https://arxiv.org/abs/2003.01690), algorithm 1, eqs. 6 and 7.
    """

    def __init__(
        self,
        *,
        steps: int = 100,
        restarts: int = 1,
        objective: Literal["margin", "crossentropy", "dlr"] = "margin",
        targets: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.steps, self.restarts = at_least("steps", steps, 2), at_least("restarts", restarts, 1)
        self.objective, self.targets = objective, at_least("targets", targets, 0)
        chosen_objective(objective, targets)

    def search(self, task: Task) -> Array:
        objective = chosen_objective(self.objective, self.targets)
        run = functools.partial(self._ascend, task, objective)
        return best_of(task, self.restarts, self.targets, run)

    def _ascend(self, task, objective, begin, rival):
        """One run; the point of the largest margin and that margin."""
        run = _Run(task, objective, rival, task.ball.project(begin))
        checkpoints = _checkpoints(self.steps)
        for number in range(self.steps):
            run.advance()
            if number + 1 in checkpoints:
                run.review(checkpoints[number + 1])
            if np.all(run.margin > 0):
                break
        return run.reached, run.margin


class _Run:
    """The state of one ascent, rows independent of each other."""

    def __init__(self, task, objective, rival, points):
        self.task, self.rival = task, rival
        self.gradient = task.target.gradient(objective)
        self.points = self.before = points
        self.values, self.slope = self._measure(points)
        self.best, self.best_value, self.best_slope = points.copy(), self.values, self.slope
        self.reached, self.margin = points.copy(), task.target.margins(points, task.y)
        self.size = np.full(len(points), 2.0)
        self.rises = np.zeros(len(points), "int64")
        self.best_at_review, self.halved = self.best_value.copy(), np.zeros(len(points), "bool")
        self.first = True

    def _measure(self, points):
        values, slope = self.gradient(points, self.task.y, self.rival)
        return np.array(values), np.array(slope)

    def advance(self):
        """One step with momentum; keeps the best value, and the largest margin beside it."""
        ball, shape = self.task.ball, (-1, *[1] * (self.points.ndim - 1))
        ahead = ball.step(self.points, self.slope, self.size.reshape(shape))
        if not self.first:
            mixed = MOMENTUM * (ahead - self.points) + (1 - MOMENTUM) * (self.points - self.before)
            ahead = ball.project(self.points + mixed.astype("float64"))
        self.first = False
        self.before, self.points = self.points, ahead
        values, self.slope = self._measure(ahead)
        self.rises += values > self.values
        self.values = values
        better = values > self.best_value
        self.best[better], self.best_value = ahead[better], np.maximum(values, self.best_value)
        self.best_slope[better] = self.slope[better]
        keep_higher(self.reached, self.margin, ahead, self.task.target.margins(ahead, self.task.y))

    def review(self, since):
        """At a checkpoint: rows that stalled halve their step and go back to their best point."""
        few = self.rises < ENOUGH_RISES * since
        idle = ~self.halved & (self.best_value <= self.best_at_review)
        self.halved = few | idle
        self.size[self.halved] /= 2
        self.points, self.before = self.points.copy(), self.before.copy()
        for now in (self.points, self.before):
            now[self.halved] = self.best[self.halved]
        self.slope[self.halved] = self.best_slope[self.halved]
        self.values = np.where(self.halved, self.best_value, self.values)
        self.best_at_review, self.rises[:] = self.best_value.copy(), 0


def _checkpoints(steps):
    """`{step: steps since the checkpoint before}`."""
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    marks = sorted({int(np.ceil(share * steps)) for share in shares if share <= 1})
    return {mark: mark - before for before, mark in zip(marks, marks[1:])}
