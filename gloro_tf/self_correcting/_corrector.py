"""The correction of a batch, without gradients: activity, decision, search, second decision."""

import math

import keras
import numpy as np
from keras import ops

from gloro_tf.self_correcting._activity import Activity, first_best
from gloro_tf.self_correcting._combinations import Combinations
from gloro_tf.self_correcting._numbers import wide
from gloro_tf.self_correcting._sorting import LIMITS, Sorting, hand_out
from gloro_tf.self_correcting._table import Table
from gloro_tf.self_correcting._truth import Truth

INACTIVE, SAFE, KEPT, CHANGED, CONFLICT, UNDECIDED = range(6)


class Decider:
    """A `SafeOrdering` with at least one property, as functions that say what is active and holds.

    Args:
        ordering: `SafeOrdering`.
    """

    def __init__(self, ordering):
        self.ordering, self.classes = ordering, ordering.num_outputs
        self.found = [a for alternatives in ordering.alternatives for a in alternatives]
        counts = [len(alternatives) for alternatives in ordering.alternatives]
        self.activity = Activity(ordering)
        self.truth = Truth(self.found, np.repeat(np.arange(len(counts)), counts))
        self.takes_best = bool(self.activity.others)

    def scores(self, y):
        """Outputs as scores, larger is better, float32 or float64, without a gradient."""
        scores = wide(ops.stop_gradient(y))
        return -scores if self.ordering.score == "min" else scores

    def look(self, x, scores):
        """Which properties are active, and which rows cannot be decided."""
        x = flat_inputs(self.ordering, x)
        active = self.activity(x, first_best(scores) if self.takes_best else None)
        undecided = ops.any(ops.isnan(scores), axis=-1)
        if x is not None:
            undecided = ops.logical_or(undecided, ops.logical_not(ops.all(ops.isfinite(x), -1)))
        return active, undecided


class Corrector(Decider):
    """A `SafeOrdering` with at least one property, as a correction of tensors.

    Args:
        ordering: `SafeOrdering`.
        max_combinations: int.
    """

    def __init__(self, ordering, max_combinations=4096):
        super().__init__(ordering)
        self.combinations = Combinations(ordering, max_combinations)
        self.sorting = Sorting(self.found, self.combinations)
        if Table.fits(self.sorting, len(ordering), len(self.combinations)):
            search = _compiled_on_jax(self.sorting)
            self.sorting = Table(search, self.classes, len(ordering))
        # JAX would compile the branches and loops anew at every eager call.
        self._run, self._keeps = _compiled_on_jax(self._correct), _compiled_on_jax(self._keeps_top)

    def __call__(self, x, y):
        """Corrects a batch.

        Args:
            x: `(batch, ...)` tensor, any float or integer type.
            y: `(batch, classes)` tensor.

        Returns:
            dict: `values`, the corrected outputs in the type of `y` (anything in rows of which
            `status` says that they are not corrected); `source`, `(batch, classes)` int32, the class
            that each value came from; `status`, `(batch,)` int32; `corrected`, `failed`, `(batch,)`
            bool, what it says in short; `active`, `violated`, `(batch, properties)` bool;
            `combination`, `(batch,)` int32.
        """
        return self._run(x, y)

    def _correct(self, x, y):
        dtype = keras.backend.standardize_dtype(y.dtype)
        if dtype not in LIMITS:
            raise ValueError(f"`y` must be of a float type. Received: {dtype}. Cast it.")
        scores = self.scores(y)
        if y.shape[0] == 0:
            return self._nothing(scores, dtype)
        active, undecided = self.look(x, scores)
        violated = ops.logical_and(active, ops.logical_not(self.truth(scores)[0]))
        needed = ops.logical_and(ops.any(violated, axis=-1), ops.logical_not(undecided))
        values, source, top, held, combination = ops.cond(
            ops.any(needed),
            lambda: self._corrected(scores, active, dtype),
            lambda: self._unchanged(scores, dtype),
        )
        m = self.classes
        outcome = ops.where(top == 0, KEPT, CHANGED)
        outcome = ops.where(held, outcome, UNDECIDED)
        outcome = ops.where(top == m, CONFLICT, outcome)
        calm = ops.cast(ops.any(active, axis=-1), "int32")  # SAFE or INACTIVE
        status = ops.where(needed, outcome, calm)
        corrected = ops.logical_and(needed, ops.logical_and(held, top < m))
        failed = ops.logical_and(needed, ops.logical_not(corrected))
        return {
            "values": values,
            "source": source,
            "corrected": corrected,
            "failed": ops.logical_or(undecided, failed),
            "status": ops.cast(ops.where(undecided, UNDECIDED, status), "int32"),
            "active": active,
            "violated": violated,
            "combination": combination,
        }

    def keeps_top(self, scores, possible):
        """Whether the best class can stay on top, whichever of the `possible` properties are active.

        What all of them together allow, any of them allow.
        """
        return self._keeps(scores, possible)

    def _keeps_top(self, scores, possible):
        return self.sorting(scores, possible)["top"] == 0

    def _corrected(self, scores, active, dtype):
        found = self.sorting(scores, active)
        values = self._raw(hand_out(scores, found, dtype), dtype)
        holds, _ = self.truth(self.scores(values))
        held = ops.all(ops.logical_or(holds, ops.logical_not(active)), axis=-1)
        return values, found["source"], found["top"], held, found["combination"]

    def _unchanged(self, scores, dtype):
        """What `_corrected` returns, in shape and type."""
        zeros = ops.zeros_like(scores[:, 0], "int32")
        source = ops.zeros_like(scores, "int32")
        return self._raw(scores, dtype), source, zeros, zeros == 0, zeros

    def _nothing(self, scores, dtype):
        """The results for a batch of no rows, of which there is no maximum."""
        values, source, zeros, _, _ = self._unchanged(scores, dtype)
        none = ops.zeros((0, len(self.ordering)), "bool")
        found = {"values": values, "source": source, "status": zeros, "combination": zeros}
        found.update(corrected=zeros > 0, failed=zeros > 0)
        return {**found, "active": none, "violated": none}

    def _raw(self, scores, dtype):
        scores = -scores if self.ordering.score == "min" else scores
        return ops.cast(scores, dtype)


def _compiled_on_jax(function):
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def flat_inputs(ordering, x):
    """Inputs as the preconditions take them, `(batch, n)` float32 or float64, or `None`."""
    if not ordering.reads_x:
        return None
    x = wide(ops.stop_gradient(ops.convert_to_tensor(x)))
    return x if len(x.shape) == 2 else ops.reshape(x, (-1, math.prod(x.shape[1:])))
