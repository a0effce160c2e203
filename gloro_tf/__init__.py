"""Keras 3 classifiers that carry proofs.

A user trains with plain `model.fit`; each prediction then comes with a radius inside which no
perturbation can change it. Start with `GloroModel` and `models.ConvNet`.
"""

from gloro_tf import (
    callbacks,
    data,
    layers,
    lipschitz,
    losses,
    margins,
    metrics,
    models,
    ops,
    plots,
    training,
)
from gloro_tf._version import __version__
from gloro_tf.models import Certificate, GloroModel

__all__ = [
    "Certificate",
    "GloroModel",
    "__version__",
    "callbacks",
    "data",
    "layers",
    "lipschitz",
    "losses",
    "margins",
    "metrics",
    "models",
    "ops",
    "plots",
    "training",
]
