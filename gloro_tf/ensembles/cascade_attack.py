"""The attack on cascades of certified classifiers."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from gloro_tf.data.checks import at_least
from gloro_tf.ensembles._tables import as_array
from gloro_tf.ensembles.base import inputs_of
from gloro_tf.ops import Ball, gradient_function
from gloro_tf.types import Array, ArrayLike, Bounds, Norm


class CascadeBreaks(NamedTuple):
    """What an attack on an ensemble found, NumPy arrays for `n` inputs.

    - `points` (float32, the shape of `x`): an input that the ensemble labels wrongly where one was
      found, else `x` itself; always inside the ball and the box.
    - `attacked` (bool): which inputs the ensemble labels rightly, and so were attacked.
    - `broken` (bool): for which of them a wrongly labelled input was found.
    - `certified` (bool): which inputs the ensemble claims to certify, at its own epsilon. With the same
      norm and at most that radius, `broken & certified` is a proof that its certificate is unsound.
    - `stage` (int64): the member that was made to answer; -1 where nothing was found.
    """

    points: Array
    attacked: Array
    broken: Array
    certified: Array
    stage: Array


ENOUGH = 0.05


class CascadeAttack:
    """Looks for inputs nearby that a cascade, certified or not, labels wrongly.

    For each member `j` in turn, on the inputs not yet broken, projected gradient ascent tries to make
    `j` certified with a wrong label, whichever is nearest, while no member before it is certified; on
    the last member, it tries to take the right label away. Inputs whose member holds the right label
    all over the ball, by its own radius, are left out of its turn. Restarts alternate between two
    objectives: the members' own certificates, from their bottom column, and the published one, in
    cross-entropies. A success is decided by the ensemble's own `certify`.

    It differs from the published attack in that members are also attacked where they label the input
    rightly, ball and box are met together, the last stage uses the true label, there are restarts,
    and norms are guarded against zero gradients.

    Args:
        norm: `"l2"` or `"linf"`. Defaults to `"l2"`.
        steps: int. Defaults to 100.
        step: float. Length of a step, as a share of the radius. It falls to zero along a
            cosine. Defaults to 0.1, or `4 / steps` where that is more.
        restarts: int. The first starts at the input, others at random. Defaults to 2.
        bounds: `(low, high)` of the inputs, or `None`. Defaults to `(0, 1)`.
        seed: int.
        batch_size: int. Defaults to 256.

    Raises:
        ValueError: for arguments out of their ranges.

    Example:

    ```python
    found = gloro_tf.ensembles.CascadeAttack(steps=100)(cascade, x, y)
    print((found.broken & found.certified).sum() / found.certified.sum())
    ```

    Reference:
        [Mangal et al., On the Perils of Cascading Robust Classifiers](
        https://arxiv.org/abs/2206.00278), section 4.
    """

    def __init__(
        self,
        *,
        norm: Norm = "l2",
        steps: int = 100,
        step: float | None = None,
        restarts: int = 2,
        bounds: Bounds | None = (0.0, 1.0),
        seed: int = 0,
        batch_size: int = 256,
    ) -> None:
        at_least("seed", seed, 0)
        for name, value in (("steps", steps), ("restarts", restarts), ("batch_size", batch_size)):
            at_least(name, value, 1)
        step = max(0.1, 4 / steps) if step is None else step
        if not isinstance(step, (int, float, np.number)) or not 0 < step < np.inf:
            raise ValueError(f"`step` must be a positive share of the radius. Received: {step=}")
        Ball(np.zeros((0, 1)), 0.0, norm, bounds)
        self.norm, self.steps, self.restarts, self.step = norm, steps, restarts, step
        self.bounds, self.seed, self.batch_size = bounds, seed, batch_size

    def __repr__(self):
        return f"CascadeAttack({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"

    def __call__(
        self, ensemble: keras.Model, x: ArrayLike, y: ArrayLike, epsilon: float | None = None
    ) -> CascadeBreaks:
        """Attacks a certified ensemble.

        Args:
            ensemble: `CascadeEnsemble`, or any other ensemble of frozen `GloroModel`s.
            x: `(n, ...)` float array.
            y: `(n,)` integers, the true labels.
            epsilon: float. Radius of the ball. Defaults to the ensemble's, which is what it claims
                certificates at.

        Returns:
            `CascadeBreaks`.

        Raises:
            ValueError: for members that are no `GloroModel`s, inputs outside of `bounds`, or labels
                of another length.
        """
        members = _members(ensemble)
        x, y = _checked(ensemble, x, y)
        epsilon = ensemble.epsilon if epsilon is None else epsilon
        Ball(x, epsilon, self.norm, self.bounds)
        gradients = [gradient_function(_Members(members), o) for o in (_certificates, _entropies)]
        labels, radii = ensemble.member_radii(x, self.batch_size)
        label, radius = ensemble.combine(labels, radii)
        attacked = label == y
        found = CascadeBreaks(
            x.copy(),
            attacked,
            np.zeros(len(x), "bool"),
            radius > ensemble.epsilon,
            np.full(len(x), -1),
        )
        rng = np.random.default_rng(self.seed)
        for stage in range(len(members)):
            for restart in range(self.restarts):
                held = (labels[stage] == y) & (radii[stage] > epsilon) & (self.norm == "l2")
                rows = np.flatnonzero(attacked & ~found.broken & ~held)
                climb = self._climber(gradients[restart % 2], stage, epsilon, rng)
                size = min(self.batch_size, len(x))
                for start in range(0, len(rows), size):
                    part = np.resize(rows[start : start + size], size)  # one shape, compiled once
                    points = climb(x[part], y[part], restart)
                    wrong = ensemble.certify(points, self.batch_size).label != y[part]
                    found.points[part[wrong]] = points[wrong]
                    found.broken[part[wrong]] = True
                    found.stage[part[wrong]] = stage
        return found

    def _climber(self, gradient, stage, epsilon, rng):
        """Returns `function(x, y, restart)`, one ascent towards a wrong answer of one member."""

        def climb(x, y, restart):
            ball = Ball(x, epsilon, self.norm, self.bounds)
            points = ball.project(ball.sample(rng) if restart else ball.centre)
            targets = y.astype("int32"), np.int32(stage)
            best, score = points.copy(), np.full(len(x), -np.inf)
            for number in range(self.steps + 1):
                values, slope = gradient(points, *targets)
                better = values > score
                best[better], score[better] = points[better], values[better]
                fall = (1 + np.cos(np.pi * number / self.steps)) / 2
                points = ball.step(points, slope, self.step * fall)
            return best

        return climb


class _Members:
    """All members' scores, `(batch, members, classes + 1)`, as one callable."""

    compute_dtype = "float32"

    def __init__(self, members):
        self.members = members

    def __call__(self, x, training=False):
        return ops.stack([member(x, training=False) for member in self.members], axis=1)


def _before(scores, stage):
    """One for the members before a stage, `(1, members)` float32."""
    return ops.cast(ops.arange(scores.shape[1]) < stage, "float32")[None]


def _certificates(scores, y, stage):
    """How far a member is from certifying a wrong label, less by how much earlier ones certify.

    The last member need not certify: its answer counts in any case.
    """
    member = ops.take(scores, stage, axis=1)
    not_last = stage < scores.shape[1] - 1
    right = ops.one_hot(y, scores.shape[-1], dtype="bool")
    bottom = ops.arange(scores.shape[-1])[None] == scores.shape[-1] - 1
    wrong = ops.max(ops.where(right | bottom, -1e30, member), axis=-1)
    rival = ops.max(ops.where(right | (bottom & not_last), member, -1e30), axis=-1)
    sure = ops.max(scores[..., :-1], axis=-1) - scores[..., -1]
    held = ops.sum(_before(scores, stage) * ops.maximum(sure, -ENOUGH), axis=-1)
    return ops.minimum(wrong - rival, ENOUGH) - held


def _entropies(scores, y, stage):
    """The published objective: cross-entropies of the logits, uniform for earlier members."""
    normal = ops.log_softmax(scores[..., :-1], axis=-1)
    right = ops.one_hot(y, normal.shape[-1], dtype="bool")
    answer = ops.max(ops.where(right, -1e30, ops.take(normal, stage, axis=1)), axis=-1)
    unsure = ops.mean(normal, axis=-1)
    return answer + ops.sum(_before(scores, stage) * unsure, axis=-1)


def _checked(ensemble, x, y):
    """Inputs as float32, and an integer label for each."""
    x, shape = as_array("x", x, "float32"), inputs_of(ensemble)
    if x.shape[1:] != shape or not len(x) or not np.isfinite(x).all():
        raise ValueError(
            f"`x` must be finite, of the shape (n, {', '.join(map(str, shape))}) with n > 0. "
            f"Received: shape {x.shape}"
        )
    y = as_array("y", y).reshape(-1)
    if len(x) != len(y):
        raise ValueError(f"`y` must have a label for each of {len(x)} inputs. Received: {len(y)}")
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= ensemble.num_classes:
        raise ValueError(
            f"`y` must be integers in 0..{ensemble.num_classes - 1}. Received: {y.min()}.."
            f"{y.max()} of dtype {y.dtype}"
        )
    return x, y


def _members(ensemble):
    members = list(getattr(ensemble, "members", []))
    if not members or any(not hasattr(m, "logits_model") for m in members):
        raise ValueError(
            "`ensemble` must be an ensemble of `GloroModel`s, whose gradients the attack follows. "
            f"Received: {type(ensemble).__name__} of {[type(m).__name__ for m in members]}"
        )
    return members
