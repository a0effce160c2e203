"""How much of the distance to a model's own boundary its certified radius reaches."""

from __future__ import annotations

import dataclasses
from typing import Literal

import keras
import numpy as np
from keras import ops

from gloro_tf.ops import gradient_function
from gloro_tf.types import ArrayLike, Bounds

QUANTILES = (0.01, 0.05, 0.5, 0.95, 1.0)
METHODS = ("auto", "exact", "attack")


@dataclasses.dataclass(frozen=True)
class Tightness:
    """Certified radii over distances to the decision boundary.

    - `values` (`(n,)` float64): radius over distance; `nan` where either is missing.
    - `radius`, `distance` (`(n,)` float64).
    - `method` (str): `"exact"`, by geometric projections: `distance` is certified to be no larger
      than the true one, and equal to it where `settled`; or `"attack"`: no smaller, so that `values`
      are below the truth.
    - `settled` (`(n,)` bool): where `distance` is known from both sides.
    - `slope` (`(n,)` float64): `||grad (f_j - f_i)|| / K[j, i]` at the input for the nearest rival
      `i`; 1 along the whole way to the boundary is what tightness needs.
    """

    values: np.ndarray
    radius: np.ndarray
    distance: np.ndarray
    method: str
    settled: np.ndarray
    slope: np.ndarray

    @property
    def quantiles(self) -> dict[float, float]:
        """`{share: value}` of `values`."""
        known = self.values[np.isfinite(self.values)]
        return dict(zip(QUANTILES, np.quantile(known, QUANTILES).tolist())) if len(known) else {}

    def __str__(self):
        found = ", ".join(f"{share:.0%} {value:.3f}" for share, value in self.quantiles.items())
        open_ = (self.method == "exact") & ~self.settled & (self.radius > 0) & (self.distance > 0)
        if open_.any():
            most = np.max(self.radius[open_] / self.distance[open_])
            found += f"; of {open_.sum()} whose distance is not settled, at most {most:.3f}"
        return (
            f"tightness of {np.isfinite(self.values).sum()} of {len(self.values)} inputs "
            f"({self.method} distances): {found}; median slope {np.nanmedian(self.slope):.3f}"
        )


def tightness(
    model: keras.Model,
    x: ArrayLike,
    method: Literal["auto", "exact", "attack"] = "auto",
    limit: float | None = None,
    bounds: Bounds | None = None,
    seconds_per_point: float = 5.0,
) -> Tightness:
    """Compares certified radii with the distances to the model's own boundary.

    Args:
        model: a frozen `GloroModel`.
        x: `(n, ...)` float array.
        method: `"exact"` (geometric projections, for piecewise-linear chains), `"attack"`
            (`attacks.BoundaryDistance`), or `"auto"`, the first that applies.
        limit: float. Largest distance to search for exactly. Defaults to four times the median radius.
        bounds: `(low, high)` that attacked inputs stay between, or `None`. Exact distances know no
            box, so for the two to be compared it is `None` by default.
        seconds_per_point: float. Time for each exact distance. Defaults to 5.

    Returns:
        `Tightness`.

    Raises:
        ValueError: for an unknown method, or a model that does not certify.
        geometric_projections.NotPiecewiseLinearError: for `"exact"` where it does not apply.
    """
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {METHODS}. Received: method={method!r}")
    if not hasattr(model, "frozen_tables"):
        raise ValueError(f"`model` must be a `GloroModel`. Received: {type(model).__name__}")
    if model.relaxation.k > 1:
        raise ValueError(
            "`model` must promise labels, not sets of them. Received: "
            f"{type(model).__name__}. Wrap its `logits_model` in a `GloroModel`."
        )
    from gloro_tf.geometric_projections import NotPiecewiseLinearError

    x = np.asarray(x, "float32")
    if not len(x):
        raise ValueError("`x` must hold at least one input. Received: none.")
    found = model.certify(x)
    distance = None
    if method != "attack":
        try:
            distance, settled = _exact(model, x, found.radius, limit, seconds_per_point)
        except NotPiecewiseLinearError:
            if method == "exact":
                raise
    used = "attack" if distance is None else "exact"
    if distance is None:
        distance, settled = _attacked(model, x, found.label, bounds), np.zeros(len(x), "bool")
    known = (found.radius > 0) & np.isfinite(distance) & (distance > 0)
    if used == "exact":
        known &= settled
    values = np.full(len(x), np.nan)
    values[known] = found.radius[known] / distance[known]
    return Tightness(values, found.radius, distance, used, settled, _slopes(model, x))


def _exact(model, x, radius, limit, seconds_per_point):
    from gloro_tf import geometric_projections as projections

    if limit is None:
        limit = 4 * float(np.median(radius[radius > 0])) if np.any(radius > 0) else 1.0
    verdicts = projections.certify(
        model, x, limit, lower_bound=True, exact=True, seconds_per_point=seconds_per_point
    )
    return verdicts.radius, verdicts.status == projections.NOT_ROBUST


def _attacked(model, x, label, bounds):
    from gloro_tf.attacks import BoundaryDistance

    return BoundaryDistance(bounds=bounds, steps=40).nearest(model, x, label).distance


def _slopes(model, x):
    """The gradient of the margin that is nearest to zero, relative to its constant."""
    constants = model.margin_lipschitz("bound").astype("float64")
    logits = model.logits_model.predict(x, verbose=0).astype("float64")
    label, rows = logits.argmax(axis=1), np.arange(len(x))
    with np.errstate(divide="ignore", invalid="ignore"):
        radii = (logits[rows, label][:, None] - logits) / constants[label]
    radii[rows, label] = np.inf
    rival = radii.argmin(axis=1)
    signs = np.zeros(logits.shape, "float32")
    signs[rows, label], signs[rows, rival] = 1.0, -1.0

    def margin(output, weights):
        return ops.sum(output * weights, axis=-1)

    _, slope = gradient_function(model.logits_model, margin, compiled=False)(x, signs)
    length = np.linalg.norm(slope.reshape(len(x), -1).astype("float64"), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return length / constants[label, rival]
