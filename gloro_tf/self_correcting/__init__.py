"""Self-correcting networks: provably safe orderings of the outputs."""

from gloro_tf.self_correcting import acas_xu
from gloro_tf.self_correcting.analysis import Finding, analyse
from gloro_tf.self_correcting.certified import SelfCorrectingCertified
from gloro_tf.self_correcting.layer import STATUSES, SelfCorrectingLayer
from gloro_tf.self_correcting.losses import OrderingHinge, ordering_hinge
from gloro_tf.self_correcting.metrics import StatusRate
from gloro_tf.self_correcting.normalizer import Normalizer
from gloro_tf.self_correcting.outputs import Outputs, chain
from gloro_tf.self_correcting.preconditions import AllOf, Always, AnyOf, Not
from gloro_tf.self_correcting.predicates import Predicate, PredictedIn
from gloro_tf.self_correcting.properties import Property, SafeOrdering
from gloro_tf.self_correcting.regions import Box, LinearLE
from gloro_tf.self_correcting.report import SafetyReport, safety_report
from gloro_tf.self_correcting.search import Violations, find_violations
from gloro_tf.self_correcting.vnnlib import from_vnnlib
from gloro_tf.self_correcting.vnnlib_export import to_vnnlib
from gloro_tf.self_correcting.wrapper import make_self_correcting

__all__ = [
    "AllOf",
    "Always",
    "AnyOf",
    "Box",
    "Finding",
    "LinearLE",
    "Normalizer",
    "Not",
    "OrderingHinge",
    "Outputs",
    "Predicate",
    "PredictedIn",
    "Property",
    "STATUSES",
    "SafeOrdering",
    "SafetyReport",
    "SelfCorrectingCertified",
    "SelfCorrectingLayer",
    "StatusRate",
    "Violations",
    "acas_xu",
    "analyse",
    "chain",
    "find_violations",
    "from_vnnlib",
    "make_self_correcting",
    "ordering_hinge",
    "safety_report",
    "to_vnnlib",
]
