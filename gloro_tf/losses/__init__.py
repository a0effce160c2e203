"""Losses of certified training, and their string shorthands."""

from gloro_tf.losses.base import CertifiedLoss, MarginLoss, label_matrix
from gloro_tf.losses.crossentropy import Crossentropy
from gloro_tf.losses.emma import EMMA
from gloro_tf.losses.logit_annealing import LogitAnnealing
from gloro_tf.losses.shorthand import get
from gloro_tf.losses.static_margin import StaticMargin
from gloro_tf.losses.trades import Trades

__all__ = [
    "CertifiedLoss",
    "Crossentropy",
    "EMMA",
    "LogitAnnealing",
    "MarginLoss",
    "StaticMargin",
    "Trades",
    "get",
    "label_matrix",
]
