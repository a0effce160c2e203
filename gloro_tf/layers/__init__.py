"""Keras layers for certified networks."""

from gloro_tf.layers.beta_abs import BetaAbs, HalfAbs
from gloro_tf.layers.centering import Centering
from gloro_tf.layers.cholesky_dense import CholeskyDense
from gloro_tf.layers.group_sort import GroupSort
from gloro_tf.layers.householder import Householder
from gloro_tf.layers.linear_residual_conv2d import LinearResidualConv2D
from gloro_tf.layers.minmax import MinMax
from gloro_tf.layers.n_activation import NActivation
from gloro_tf.layers.norm_units import L2Pooling2D, PairNorm
from gloro_tf.layers.scalar_activations import LogCosh, SoftHuber, Softplus, UnitSlope
from gloro_tf.layers.smooth_minmax import SmoothMinMax
from gloro_tf.layers.space_to_depth import SpaceToDepth
from gloro_tf.layers.unit_norm_head import UnitNormHead

__all__ = [
    "BetaAbs",
    "Centering",
    "CholeskyDense",
    "GroupSort",
    "HalfAbs",
    "Householder",
    "L2Pooling2D",
    "LinearResidualConv2D",
    "LogCosh",
    "MinMax",
    "NActivation",
    "PairNorm",
    "SmoothMinMax",
    "SoftHuber",
    "Softplus",
    "SpaceToDepth",
    "UnitNormHead",
    "UnitSlope",
]
