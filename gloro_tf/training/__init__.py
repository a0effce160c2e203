"""Training runs: from a recipe to a frozen model, its report and its pictures; and many at once."""

from gloro_tf.training.many import epoch_order, fit_many
from gloro_tf.training.many_models import ManyModels
from gloro_tf.training.private import PrivateSGD
from gloro_tf.training.recipe import Recipe
from gloro_tf.training.run import run
from gloro_tf.training.strategy import placement

__all__ = ["ManyModels", "PrivateSGD", "Recipe", "epoch_order", "fit_many", "placement", "run"]
