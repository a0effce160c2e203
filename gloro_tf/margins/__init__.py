"""From logits and margin constants to the bottom column and to certified radii."""

from gloro_tf.margins.bottom import (
    FrozenMargins,
    certified_radius,
    pack,
    packed_radius,
    rival_scores,
    top_class,
    with_bottom,
)

__all__ = [
    "FrozenMargins",
    "certified_radius",
    "pack",
    "packed_radius",
    "rival_scores",
    "top_class",
    "with_bottom",
]
