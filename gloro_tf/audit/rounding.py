"""How many certificates hang on the float32 slack."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np

from gloro_tf.audit.certificate import label_radius
from gloro_tf.margins import relaxed_radii
from gloro_tf.types import ArrayLike


@dataclasses.dataclass(frozen=True)
class RoundingAudit:
    """What float32 arithmetic costs a model's certificates.

    - `examples` (int), `epsilon` (float).
    - `certified` (float): share certified, with the slack for rounding.
    - `certified_exactly` (float): share that would be, were the network executed exactly.
    - `depending` (int): how many inputs are in the second share alone.
    - `radius_lost` (float): the median share of the radius that the slack takes.
    - `smallest_margin` (float): the smallest `radius - epsilon` of a certified input, relative to
      epsilon; `nan` where nothing is certified.
    """

    examples: int
    epsilon: float
    certified: float
    certified_exactly: float
    depending: int
    radius_lost: float
    smallest_margin: float

    def __str__(self):
        return (
            f"rounding over {self.examples:,} inputs, radius {self.epsilon:.4g}: certified "
            f"{self.certified:.2%}, in exact arithmetic {self.certified_exactly:.2%}; "
            f"{self.depending} inputs hang on the slack, which takes {self.radius_lost:.2%} of the "
            "median radius"
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain numbers, for JSON; `None` for those that are not known."""
        found = dataclasses.asdict(self)
        return {k: None if np.isnan(v) else v for k, v in found.items()}


def rounding(model: keras.Model, x: ArrayLike) -> RoundingAudit:
    """Compares certificates with those of the same margins in exact arithmetic.

    Args:
        model: a frozen `GloroModel`.
        x: `(n, ...)` float array.

    Returns:
        `RoundingAudit`.

    Raises:
        ValueError: for a model that is no `GloroModel`, or no inputs; audit the members of an
            ensemble.
        RuntimeError: if the model is not frozen.
    """
    if not hasattr(model, "frozen_tables"):
        raise ValueError(
            f"`model` must be a `GloroModel`. Received: {type(model).__name__}. Audit the members "
            "of an ensemble one by one."
        )
    x = np.asarray(x, "float32")
    if not len(x):
        raise ValueError("`x` must hold at least one input. Received: none.")
    radius = label_radius(model.certify(x))
    logits = model.logits_model.predict(x, verbose=0).astype("float64")
    constants = model.margin_lipschitz("bound").astype("float64")
    with np.errstate(divide="ignore", invalid="ignore"):
        radii, _ = relaxed_radii(logits, lambda j: (constants[j], 0.0 * logits), module=np)
    exact = np.where(np.isfinite(logits).all(axis=1), np.nan_to_num(radii[:, 0]), 0.0)
    sure, could = radius > model.epsilon, exact > model.epsilon
    some = (exact > 0) & np.isfinite(exact)
    return RoundingAudit(
        len(x),
        float(model.epsilon),
        float(sure.mean()),
        float(could.mean()),
        int(np.sum(could & ~sure)),
        float(np.median(1 - radius[some] / exact[some])) if some.any() else 0.0,
        float((radius[sure] / model.epsilon - 1).min()) if sure.any() else float("nan"),
    )
