"""Keras layers for certified networks."""

from gloro_tf.layers.beta_abs import BetaAbs, HalfAbs
from gloro_tf.layers.centering import Centering
from gloro_tf.layers.cholesky_dense import CholeskyDense
from gloro_tf.layers.group_sort import GroupSort
from gloro_tf.layers.householder import Householder
from gloro_tf.layers.linear_residual_conv2d import LinearResidualConv2D
from gloro_tf.layers.minmax import MinMax
from gloro_tf.layers.space_to_depth import SpaceToDepth
from gloro_tf.layers.unit_norm_head import UnitNormHead

__all__ = [
    "BetaAbs",
    "Centering",
    "CholeskyDense",
    "GroupSort",
    "HalfAbs",
    "Householder",
    "LinearResidualConv2D",
    "MinMax",
    "SpaceToDepth",
    "UnitNormHead",
]
