"""Keras 3 classifiers that carry proofs.

A user trains with plain `model.fit`; each prediction then comes with a radius inside which no
perturbation can change it. Start with `GloroModel` and `models.ConvNet`.
"""

from gloro_tf import (
    attacks,
    audit,
    callbacks,
    data,
    deployment,
    ensembles,
    geometric_projections,
    influence,
    layers,
    lipschitz,
    losses,
    margins,
    membership,
    metrics,
    models,
    ops,
    plots,
    self_correcting,
    smoothness,
    testing,
    training,
    types,
)
from gloro_tf._version import __version__
from gloro_tf.deployment import export
from gloro_tf.models import AffinityModel, Certificate, GloroModel, RTKModel

__all__ = [
    "AffinityModel",
    "Certificate",
    "GloroModel",
    "RTKModel",
    "__version__",
    "attacks",
    "audit",
    "callbacks",
    "data",
    "deployment",
    "ensembles",
    "export",
    "geometric_projections",
    "influence",
    "layers",
    "lipschitz",
    "losses",
    "margins",
    "membership",
    "metrics",
    "models",
    "ops",
    "plots",
    "self_correcting",
    "smoothness",
    "testing",
    "training",
    "types",
]
