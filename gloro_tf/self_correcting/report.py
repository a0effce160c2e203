"""What properties find in a model's outputs, before and after correction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from gloro_tf.self_correcting._corrector import CHANGED, CONFLICT, KEPT, UNDECIDED, Corrector
from gloro_tf.self_correcting.properties import Property, SafeOrdering, as_safe_ordering
from gloro_tf.types import Array, ArrayLike

CHUNK = 2**15


class SafetyReport(NamedTuple):
    """Counts of rows; prints as a table.

    - `rows` (int), `names` (list of str, the properties).
    - `active`, `violated` (int arrays, one for each property): of the outputs as given.
    - `left` (int array): violated still, after correction; in rows without an answer they all are.
    - `statuses` (int array of 6): rows by status, see `STATUSES`.
    """

    rows: int
    names: list[str]
    active: Array
    violated: Array
    left: Array
    statuses: Array

    @property
    def corrected(self) -> int:
        """Rows that a correction changes."""
        return int(self.statuses[KEPT] + self.statuses[CHANGED])

    @property
    def top_changed(self) -> int:
        """Rows whose best class a correction changes."""
        return int(self.statuses[CHANGED])

    @property
    def unanswered(self) -> int:
        """Rows in conflict or undecidable."""
        return int(self.statuses[CONFLICT] + self.statuses[UNDECIDED])

    def __str__(self):
        width = max([8, *map(len, self.names)])
        lines = [f"{'property':{width}} {'active':>9} {'violated':>9} {'left':>9}"]
        for row in zip(self.names, self.active, self.violated, self.left, strict=True):
            lines.append(f"{row[0]:{width}} {row[1]:9,} {row[2]:9,} {row[3]:9,}")
        lines.append(
            f"{self.rows:,} rows: {self.corrected:,} corrected, {self.top_changed:,} of them with "
            f"another best class; {self.unanswered:,} in conflict or undecidable"
        )
        return "\n".join(lines)


def safety_report(
    model: Callable[..., Any],
    properties: SafeOrdering | Sequence[Property],
    x: ArrayLike,
    batch_size: int = 1024,
    max_combinations: int = 4096,
) -> SafetyReport:
    """Evaluates a model on inputs and counts what its properties find.

    Points drawn from all inputs rarely meet a property: also pass some from inside, as
    `find_violations` draws them.

    Args:
        model: `keras.Model` with one input and `outputs` columns (or `outputs + 1`, as certified
            models; bottom is left out), or a callable from arrays to arrays. A corrected one gives what
            is left, which is none.
        properties: `SafeOrdering`, or a list of `Property`.
        x: `(n, ...)` array.
        batch_size: int.
        max_combinations: int. As in `SelfCorrectingLayer`.

    Returns:
        `SafetyReport`.

    Raises:
        ValueError: for `x` or outputs of another shape than the properties'.
    """
    ordering = as_safe_ordering(properties)
    x, counts = np.asarray(x), np.zeros((3, len(ordering)), "int64")
    ordering.check_input(x.shape[1:] if ordering.reads_x else None)
    y = outputs_of(model, x, ordering.num_outputs, batch_size)
    statuses = np.zeros(6, "int64")
    if not len(ordering):
        statuses[0] = len(x)
        return SafetyReport(len(x), [], counts[0], counts[1], counts[2], statuses)
    corrector = Corrector(ordering, max_combinations)
    for start in range(0, len(x), CHUNK):
        part = slice(start, start + CHUNK)
        found = corrector(ops.convert_to_tensor(x[part]), ops.convert_to_tensor(y[part]))
        after, _ = corrector.truth(corrector.scores(found["values"]))
        found = {k: ops.convert_to_numpy(v) for k, v in found.items()}
        failed = found["status"][:, None] >= CONFLICT
        corrected = np.isin(found["status"], (KEPT, CHANGED))[:, None]
        missed = np.where(corrected, ~ops.convert_to_numpy(after), found["violated"] | failed)
        counts += [
            found["active"].sum(0),
            found["violated"].sum(0),
            (found["active"] & missed).sum(0),
        ]
        statuses += np.bincount(found["status"], minlength=6)
    return SafetyReport(len(x), list(ordering.names), counts[0], counts[1], counts[2], statuses)


def outputs_of(model, x, outputs, batch_size):
    """The outputs of a model for an array, `(n, outputs)`, without a bottom column."""
    if not len(x):
        return np.zeros((0, outputs), "float32")
    if not callable(model):
        raise ValueError(
            "`model` must be a `keras.Model` or a callable from arrays to arrays. Received: "
            f"{type(model).__name__}"
        )
    if hasattr(model, "predict"):
        y = model.predict(x, batch_size=batch_size, verbose=0)
        y = y["outputs"] if isinstance(y, dict) else y
    else:
        y = np.asarray(model(x))
    if y.ndim != 2 or y.shape[1] not in (outputs, outputs + 1):
        raise ValueError(
            f"`model` must give {outputs} outputs for each input. Received: shape {y.shape}"
        )
    return y[:, :outputs]
