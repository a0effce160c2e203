"""Projected gradient descent."""

from __future__ import annotations

from typing import Any, Literal

from gloro_tf.attacks._checks import between
from gloro_tf.attacks._searches import best_of, climb
from gloro_tf.attacks.base import Attack, Task
from gloro_tf.attacks.objectives import chosen_objective
from gloro_tf.data.checks import at_least
from gloro_tf.types import Array


class PGD(Attack):
    """Projected gradient ascent from the input and from random points of the ball.

    Steps are normalised (L2) or signs (L-infinity) and shrink along a cosine. The point with the
    largest margin of all steps and restarts is kept.

    Args:
        steps: int. Defaults to 50.
        restarts: int. The first starts at the input. Defaults to 3.
        step: float. Length of the first step, in radii. Defaults to 0.25, or `4 / steps` where that
            is more.
        momentum: float in [0, 1). Defaults to 0.
        objective: `"margin"`, `"crossentropy"` or `"dlr"`. Defaults to `"margin"`.
        targets: int. 0 moves to any class; otherwise each of that many classes that are nearest to
            winning is tried in turn (`"margin"` and `"dlr"`). Defaults to 0.
        norm, bounds, seed, batch_size: as in `Attack`.
        **kwargs: of `Attack`: `norm`, `bounds`, `seed`, `batch_size`.

    Example:

    ```python
    points, broken, _ = gloro_tf.attacks.PGD(norm="linf")(model, x, y, epsilons=[2 / 255, 8 / 255])
    ```

    Reference:
        [Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks](
        https://arxiv.org/abs/1706.06083), section 2.1.
    """

    def __init__(
        self,
        *,
        steps: int = 50,
        restarts: int = 3,
        step: float | None = None,
        momentum: float = 0.0,
        objective: Literal["margin", "crossentropy", "dlr"] = "margin",
        targets: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.steps, self.restarts = at_least("steps", steps, 1), at_least("restarts", restarts, 1)
        self.step = max(0.25, 4 / steps) if step is None else between("step", step, 1e-9, 1e9)
        self.momentum, self.objective = between("momentum", momentum, 0.0, 1.0), objective
        self.targets = targets
        chosen_objective(objective, at_least("targets", targets, 0))

    def search(self, task: Task) -> Array:
        objective = chosen_objective(self.objective, self.targets)

        def run(begin, rival):
            return climb(task, objective, begin, rival, self.steps, self.step, self.momentum)

        return best_of(task, self.restarts, self.targets, run)
