"""How much can a model stretch a distance? Estimates to train with, bounds to certify with."""

from gloro_tf.lipschitz import (  # noqa: F401  (importing them registers their rules)
    rules_activations,
    rules_linear,
    rules_merging,
    rules_reshaping,
    rules_smooth,
)
from gloro_tf.lipschitz.api import bound, estimate
from gloro_tf.lipschitz.factors import Constant, Gain
from gloro_tf.lipschitz.operators import ConvOperator, DenseOperator
from gloro_tf.lipschitz.registry import UnsupportedLayerError, register, register_activation
from gloro_tf.lipschitz.report import Report

__all__ = [
    "Constant",
    "ConvOperator",
    "DenseOperator",
    "Gain",
    "Report",
    "UnsupportedLayerError",
    "bound",
    "estimate",
    "register",
    "register_activation",
]
