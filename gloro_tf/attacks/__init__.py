"""Attacks: searches for inputs nearby that a model labels otherwise. A failed one proves nothing."""

from gloro_tf.attacks.apgd import APGD
from gloro_tf.attacks.base import Attack, Attacked, Task
from gloro_tf.attacks.boundary_distance import BoundaryDistance
from gloro_tf.attacks.pgd import PGD
from gloro_tf.attacks.square import Square
from gloro_tf.attacks.worst_of import WorstOf, standard

__all__ = [
    "APGD",
    "Attack",
    "Attacked",
    "BoundaryDistance",
    "PGD",
    "Square",
    "Task",
    "WorstOf",
    "standard",
]
