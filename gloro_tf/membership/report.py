"""What an audit found: the table and the pictures."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING

import numpy as np

from gloro_tf import plots
from gloro_tf.membership.evaluate import interval_over_targets
from gloro_tf.types import PathLike

if TYPE_CHECKING:
    pass


@dataclasses.dataclass(frozen=True, eq=False)
class AuditReport:
    """The result of `audit`; prints as a table.

    Attributes:
        evaluations: dict from an attack's name to its `Evaluation` on the audited model.
        others: list of such dicts: other targets of the same recipe, on other members.
        calibrators: dict from names to the `Calibrator`s fitted on shadows.
        precision: float. The precision that was asked of calibrated attacks.
        notes: tuple of str: what limits the audit.
    """

    evaluations: dict
    others: list
    calibrators: dict
    precision: float
    notes: tuple

    @property
    def strongest(self) -> str:
        """The name of the attack with the largest AUC on the audited model."""
        return max(self.evaluations, key=lambda name: self.evaluations[name].auc)

    def table(self) -> list[list[str]]:
        """Rows of text, the first one the header.

        Returns:
            list of lists of str.
        """
        rates = list(next(iter(self.evaluations.values())).tpr_at_fpr)
        head = ["attack", "AUC", "95 % interval", "advantage"]
        head += [*(f"TPR at {rate:.1%} FPR" for rate in rates), "top 5 %"]
        head += [f"called, for {self.precision:.0%}", "precision achieved", "recall"]
        return [head, *(self._row(name, e, rates) for name, e in self.evaluations.items())]

    def over_targets(self) -> dict[str, dict[str, tuple[float, float]]]:
        """`{name: {figure: (mean, half width of the 95 % interval)}}` over all targets."""
        runs = [self.evaluations, *self.others]
        figures = ("auc", "advantage", "top_precision")
        return {
            name: {f: interval_over_targets([getattr(r[name], f) for r in runs]) for f in figures}
            for name in self.evaluations
        }

    def achieved(self) -> dict[str, tuple[float, int]]:
        """`{name: (precision, called)}` at the calibrated thresholds, of all targets together.

        The share of members among all who were called so, at the prior; NaN where nobody was. This
        is what a calibrator can be held to: of a single target few are called, and their
        share varies by chance.
        """
        pooled = {}
        for name in self.evaluations:
            fixed = [(run[name], run[name].calibrated) for run in (self.evaluations, *self.others)]
            fixed = [(e, c) for e, c in fixed if c is not None]
            if fixed:
                called = sum(c.called for _, c in fixed)
                true = sum(e.prior * c.recall for e, c in fixed)
                false = sum((1 - e.prior) * (c.recall - c.advantage) for e, c in fixed)
                pooled[name] = (true / (true + false) if called else np.nan, called)
        return pooled

    def __str__(self):
        some = next(iter(self.evaluations.values()))
        lines = [
            f"Membership audit: {some.members} members, {some.nonmembers} non-members; accuracy "
            f"{some.train_accuracy:.4f} in training, {some.test_accuracy:.4f} in test, gap "
            f"{some.gap:.4f}; precisions for a share of members of {some.prior:g}"
        ]
        lines += _aligned(self.table())
        if self.others:
            runs = [next(iter(run.values())) for run in (self.evaluations, *self.others)]
            gap, half = interval_over_targets([run.gap for run in runs])
            lines.append(
                f"Over {len(runs)} targets of this recipe, mean +- 95 %; accuracy "
                f"{np.mean([run.train_accuracy for run in runs]):.4f} in training, "
                f"{np.mean([run.test_accuracy for run in runs]):.4f} in test, gap {gap:.4f} +- "
                f"{half:.4f}:"
            )
            rows = [
                ["attack", "AUC", "advantage", "top 5 %", f"achieved, for {self.precision:.0%}"]
            ]
            achieved = self.achieved()
            for name, found in self.over_targets().items():
                precision, called = achieved.get(name, (np.nan, 0))
                kept = f"{precision:.3f} of {called}" if called else ""
                rows.append([name, *(f"{m:.3f} +- {h:.3f}" for m, h in found.values()), kept])
            lines += _aligned(rows)
        lines += [f"Note: {note}" for note in self.notes]
        return "\n".join(lines)

    __repr__ = __str__

    def save(self, path: PathLike, pictures: bool = True) -> pathlib.Path:
        """Writes `audit.txt`, `roc.png` and `precision.png` into a folder; returns it.

        Args:
            path: folder. It is made if it is not there.
            pictures: bool. Whether to draw.

        Raises:
            ImportError: without matplotlib, if there are to be pictures.
        """
        path = pathlib.Path(path)
        path.mkdir(parents=True, exist_ok=True)
        (path / "audit.txt").write_text(str(self) + "\n")
        if not pictures:
            return path
        shown = {n: e for n, e in self.evaluations.items() if n != "naive"}
        plots.attack_roc({n: e.roc()[:2] for n, e in shown.items()}, path=path / "roc.png")
        curves = {n: e.calibration_curve()[:0:-1] for n, e in shown.items()}
        plots.attack_precision(curves, request=self.precision, path=path / "precision.png")
        return path

    def _row(self, name, found, rates):
        low, high = found.auc_interval
        row = [name, f"{found.auc:.3f}", f"{low:.3f} to {high:.3f}", f"{found.advantage:.3f}"]
        values = (found.tpr_at_fpr[rate] for rate in rates)
        row += ["too few" if v is None else f"{v:.3f}" for v in values]
        row.append(f"{found.top_precision:.3f}")
        fixed = found.calibrated
        if fixed is None:
            return [*row, "", "", ""]
        if not np.isfinite(fixed.threshold):
            return [*row, "abstains", "", ""]
        low, high = fixed.precision_interval
        achieved = f"{fixed.precision:.2f} ({low:.2f} to {high:.2f})" if fixed.called else ""
        return [*row, str(fixed.called), achieved, f"{fixed.recall:.3f}"]


def _aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    padded = (
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths)))
        for r in rows
    )
    return [line.rstrip() for line in padded]
