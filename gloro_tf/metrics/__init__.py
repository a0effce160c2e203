"""Stateful metrics of certified models, and their string shorthands."""

from gloro_tf.metrics.base import PromiseMetric, RadiusMetric, get
from gloro_tf.metrics.certified_radius import CertifiedRadius
from gloro_tf.metrics.clean_accuracy import CleanAccuracy
from gloro_tf.metrics.promise import PromisedSetSize, RelaxedVRA
from gloro_tf.metrics.rejection_rate import RejectionRate
from gloro_tf.metrics.vra import VRA

__all__ = [
    "CertifiedRadius",
    "CleanAccuracy",
    "PromiseMetric",
    "PromisedSetSize",
    "RadiusMetric",
    "RejectionRate",
    "RelaxedVRA",
    "VRA",
    "get",
]
