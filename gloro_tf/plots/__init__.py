"""Pictures of what a certified model promises; each returns a matplotlib `Figure`."""

from gloro_tf.plots.curve import certified_accuracy
from gloro_tf.plots.grid import examples
from gloro_tf.plots.histogram import margins
from gloro_tf.plots.membership import advantage_against_epsilon, attack_precision, attack_roc
from gloro_tf.plots.paths import influence_paths, node_influence

__all__ = [
    "advantage_against_epsilon",
    "attack_precision",
    "attack_roc",
    "certified_accuracy",
    "examples",
    "influence_paths",
    "margins",
    "node_influence",
]
