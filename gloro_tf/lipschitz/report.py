"""A table of what each layer contributes to a model's Lipschitz constant."""

from __future__ import annotations

import dataclasses
from typing import Any

from gloro_tf.lipschitz.graph import Merge


@dataclasses.dataclass(frozen=True)
class Row:
    """One layer of a report. `gap` is `bound / estimate - 1`."""

    layer: str
    kind: str
    estimate: float
    bound: float

    @property
    def gap(self):
        return self.bound / self.estimate - 1 if self.estimate else 0.0


@dataclasses.dataclass(frozen=True)
class Report:
    """Per-layer estimates and bounds of a model; `str()` of it is a table."""

    rows: tuple
    estimate: float
    bound: float

    def __str__(self):
        lines = [f"{'layer':<28}{'type':<22}{'estimate':>14}{'bound':>14}{'gap':>10}"]
        whole = Row("whole model", "", self.estimate, self.bound)
        for row in [*self.rows, whole]:
            lines.append(
                f"{row.layer[:27]:<28}{row.kind[:21]:<22}{row.estimate:>14.6g}{row.bound:>14.6g}"
                f"{row.gap:>10.2%}"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain lists and numbers, for JSON."""
        layers = [{**dataclasses.asdict(row), "gap": row.gap} for row in self.rows]
        return {"layers": layers, "estimate": self.estimate, "bound": self.bound}


def make_report(trace, estimates, bounds, keep=None):
    """Builds a report from `id -> value` tables of a trace's factors.

    `keep`, a set of ids, leaves out the layers that have none of those factors.
    """
    rows = []
    for step in trace.steps:
        if isinstance(step.rule, Merge):
            continue
        if keep is not None and not any(id(f) in keep for f in step.rule):
            continue
        row = Row(
            step.operation.name,
            type(step.operation).__name__,
            _product(estimates, step.rule),
            _product(bounds, step.rule),
        )
        rows.append(row)
    whole = [trace.constant(lambda f, t=table: t[id(f)]) for table in (estimates, bounds)]
    return Report(tuple(rows), *whole)


def _product(table, factors):
    result = 1.0
    for factor in factors:
        result *= table[id(factor)]
    return result
