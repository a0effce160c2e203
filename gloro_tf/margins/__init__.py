"""From logits and margin constants to the bottom column and to certified radii."""

from gloro_tf.margins.bottom import FrozenMargins, certified_radius, top_class, with_bottom
from gloro_tf.margins.relaxed import (
    STRICT,
    Relaxation,
    loosest,
    relaxed_bottom,
    relaxed_radii,
)

__all__ = [
    "FrozenMargins",
    "Relaxation",
    "STRICT",
    "certified_radius",
    "loosest",
    "relaxed_bottom",
    "relaxed_radii",
    "top_class",
    "with_bottom",
]
