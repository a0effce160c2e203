"""What piecewise linearity costs: how much of the true distance a certified radius reaches."""

from gloro_tf.smoothness.activations import ACTIVATIONS, steepest
from gloro_tf.smoothness.picture import picture
from gloro_tf.smoothness.regions import (
    Disk,
    Orthant,
    Polygon,
    TwoArcs,
    Wedge,
    polygon_tightness,
    wedge_tightness,
)
from gloro_tf.smoothness.sweep import boundary_points, capacity_sweep
from gloro_tf.smoothness.tightness import Tightness, tightness

__all__ = [
    "ACTIVATIONS",
    "Disk",
    "Orthant",
    "Polygon",
    "Tightness",
    "TwoArcs",
    "Wedge",
    "boundary_points",
    "capacity_sweep",
    "picture",
    "polygon_tightness",
    "steepest",
    "tightness",
    "wedge_tightness",
]
