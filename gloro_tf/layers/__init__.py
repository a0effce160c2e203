"""Keras layers for certified networks."""

from gloro_tf.layers.cholesky_dense import CholeskyDense
from gloro_tf.layers.minmax import MinMax
from gloro_tf.layers.unit_norm_head import UnitNormHead

__all__ = ["CholeskyDense", "MinMax", "UnitNormHead"]
