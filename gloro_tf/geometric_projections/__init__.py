"""Fast geometric projections: local robustness of piecewise-linear networks."""

from gloro_tf.geometric_projections._layers import NotPiecewiseLinearError
from gloro_tf.geometric_projections.certify import certify
from gloro_tf.geometric_projections.network import Network
from gloro_tf.geometric_projections.verdicts import (
    NOT_ROBUST,
    ROBUST,
    TIMED_OUT,
    UNKNOWN,
    Verdicts,
)

__all__ = [
    "NOT_ROBUST",
    "ROBUST",
    "TIMED_OUT",
    "UNKNOWN",
    "Network",
    "NotPiecewiseLinearError",
    "Verdicts",
    "certify",
]
