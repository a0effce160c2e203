"""Certificates under attack."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np

from gloro_tf.attacks import PGD, Attack, BoundaryDistance
from gloro_tf.attacks.target import Target
from gloro_tf.models.certificate import full_precision
from gloro_tf.types import ArrayLike, Bounds

QUANTILES = (0.05, 0.5, 0.95, 1.0)


class UnsoundCertificate(RuntimeError):
    """An attack succeeded inside a certified radius. `report` is the `CertificateAudit`."""

    def __init__(self, report: CertificateAudit) -> None:
        super().__init__(
            f"{len(report.violations)} of {report.examples} certificates are false: inputs inside of "
            "the certified radius are labelled otherwise. Do not use this model's certificates, and "
            f"report it as SECURITY.md says.\n{report}"
        )
        self.report = report


@dataclasses.dataclass(frozen=True)
class CertificateAudit:
    """What attacks left of a model's promises.

    - `examples` (int), `epsilon` (float), `attack` (str).
    - `clean`, `vra`, `empirical` (floats): shares of inputs labelled rightly; rightly and certified at
      epsilon; rightly, and not broken by the attack at epsilon. `vra <= empirical` for a sound model.
    - `violations`: tuple of dicts with `index`, `label`, `attacked_label`, `radius`, `distance`: points
      inside of the certified radius with another label. Empty for a sound model.
    - `points`: float32 array of those points, in the same order.
    - `tightness`: dict of quantiles of certified radius over the smallest distance that an attack
      found, over inputs with both; a lower bound on the true quotient, and above 1 only if unsound.
    """

    examples: int
    epsilon: float
    clean: float
    vra: float
    empirical: float
    violations: tuple
    points: np.ndarray
    tightness: dict
    attack: str

    def __str__(self):
        lines = [
            f"certificates of {self.examples:,} inputs, radius {self.epsilon:.4g}",
            f"  clean accuracy       {self.clean:8.2%}",
            f"  empirical accuracy   {self.empirical:8.2%}  under {self.attack}",
            f"  verified accuracy    {self.vra:8.2%}",
            "  certified radius / nearest point found: "
            + ", ".join(f"{name} {value:.3f}" for name, value in self.tightness.items()),
            f"  attacks inside certified radii that succeeded: {len(self.violations)}",
        ]
        for found in self.violations[:10]:
            lines.append(
                f"    VIOLATION input {found['index']}: label {found['label']} is "
                f"{found['attacked_label']} at distance {found['distance']:.6g}, certified to "
                f"{found['radius']:.6g}"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain lists and numbers, for JSON; without the points."""
        found = dataclasses.asdict(self) | {"violations": list(self.violations)}
        return {k: v for k, v in found.items() if k != "points"}


def certificate(
    model: keras.Model,
    x: ArrayLike,
    y: ArrayLike,
    attack: Attack | None = None,
    strict: bool = True,
    bounds: Bounds | None = (0.0, 1.0),
    verbose: int = 0,
) -> CertificateAudit:
    """Attacks a certified model, at epsilon and inside each input's own certified radius.

    Args:
        model: a frozen `GloroModel` (of a relaxed one, the promises of the single label are
            audited; `testing.promise_breaks` attacks its sets) or a certified ensemble.
        x: `(n, ...)` float array.
        y: `(n,)` integers, the true labels.
        attack: a `gloro_tf.attacks.Attack` in L2. Defaults to 40 steps of PGD on the margins of
            the four nearest classes, and the distance to the boundary along them.
        strict: bool. Whether a violation raises. Defaults to `True`.
        bounds: `(low, high)` of the inputs, or `None`; for the default attack.
        verbose: int. 1 shows a progress bar for each attack.

    Returns:
        `CertificateAudit`.

    Raises:
        UnsoundCertificate: if an attack succeeds inside a certified radius and `strict` is set.
        ValueError: for an attack in another norm, or bad inputs, as attacks raise it.
    """
    attack = default_attack(bounds) if attack is None else attack
    if not isinstance(attack, Attack) or attack.norm != "l2":
        raise ValueError(
            f"`attack` must be one in the norm of the certificates, 'l2'. Received: {attack}"
        )
    x, y = np.asarray(x, "float32"), np.asarray(y).reshape(-1)
    if not hasattr(model, "certify"):
        raise ValueError(
            f"`model` must certify. Received: {type(model).__name__}. Wrap it in a `GloroModel` and "
            "`freeze()` it."
        )
    found = model.certify(x)
    label, radius = found.label, label_radius(found)
    target = Target(model, attack.batch_size)  # one for all, so that it is compiled once
    at_epsilon = attack(target, x, y, model.epsilon, verbose)
    nearest = BoundaryDistance(
        bounds=attack.bounds, targets=4, steps=15, batch_size=attack.batch_size
    ).nearest(target, x, np.maximum(label, 0), verbose)
    inside = _attack_inside(target, x, label, radius, attack, verbose)
    broken = [  # by index: point, distance; the boundary's distance counts as an attack too
        (i, points[i], distance[i])
        for points, distance, hit in (
            (inside.points, inside.distance, inside.broken),
            (nearest.points, nearest.distance, nearest.broken & (nearest.distance <= radius)),
            (at_epsilon.points, at_epsilon.distance, at_epsilon.broken & (label == y)),
        )
        for i in np.flatnonzero(hit & (distance <= radius) & (radius > 0))
    ]
    violations, points, labels = _confirmed(target, label, broken, x[:0])
    distance = np.minimum(nearest.distance, np.where(inside.broken, inside.distance, np.inf))
    report = CertificateAudit(
        len(x),
        float(model.epsilon),
        float(np.mean(label == y)),
        float(np.mean((label == y) & (radius > model.epsilon))),
        float(np.mean(~at_epsilon.broken & ~((label == y) & (nearest.distance <= model.epsilon)))),
        tuple(
            {
                "index": int(i),
                "label": int(label[i]),
                "attacked_label": int(other),
                "radius": float(radius[i]),
                "distance": float(far),
            }
            for (i, (_, far)), other in zip(violations.items(), labels, strict=True)
        ),
        points,
        _quantiles(radius, distance),
        repr(attack),
    )
    if violations and strict:
        raise UnsoundCertificate(report)
    return report


def default_attack(bounds=(0.0, 1.0)):
    """The attack of `certificate`, beside the search for the nearest boundary."""
    return PGD(steps=40, restarts=1, targets=4, bounds=bounds)


def label_radius(found):
    """The radius within which the label itself stays, of a `Certificate` or a relaxed one."""
    radii = getattr(found, "radii", None)
    return found.radius if radii is None else np.maximum(radii[:, 0], 0.0)


def _confirmed(target, label, broken, nothing):
    """The breaks whose label changes as certificates are executed: by index, points, labels."""
    found = {i: (point, distance) for i, point, distance in reversed(broken)}
    if not found:
        return {}, nothing, label[:0]
    points = np.stack([point for point, _ in found.values()])
    with full_precision():
        labels = target.labels(points)
    changed = labels != label[list(found)]
    kept = [item for item, sure in zip(found.items(), changed, strict=True) if sure]
    return dict(kept), points[changed], labels[changed]


def _attack_inside(target, x, label, radius, attack, verbose):
    """The attack at each input's own radius, from its predicted label."""
    largest = 2 * np.sqrt(x[0].size) * (1 + np.abs(x).max())  # stands for no limit
    own = np.where(label >= 0, np.minimum(radius, largest), 0.0)
    return attack(target, x, np.maximum(label, 0), own, verbose)


def _quantiles(radius, distance):
    both = (radius > 0) & np.isfinite(distance) & (distance > 0)
    if not both.any():
        return {}
    values = np.quantile(radius[both] / distance[both], QUANTILES)
    names = ("5 %", "median", "95 %", "largest")
    return {name: float(value) for name, value in zip(names, values, strict=True)}
