"""Training runs: from a recipe to a frozen model, its report and its pictures."""

from gloro_tf.training.recipe import Recipe
from gloro_tf.training.run import run
from gloro_tf.training.strategy import placement

__all__ = ["Recipe", "placement", "run"]
