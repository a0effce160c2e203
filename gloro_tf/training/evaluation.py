"""What a finished run reports."""

import math
import platform

import keras
import numpy as np
from keras import ops

from gloro_tf._version import __version__
from gloro_tf.data import to_float
from gloro_tf.margins import relaxed_radii

ITERATIONS = 200
RADII = (36 / 255, 72 / 255, 108 / 255, 0.3, 1.0, 1.58)
CURVE_POINTS = 41
CURVE_ENDS_AT = 0.01


def evaluate(model, x, y, batch_size=256):
    """Certifies a test set with a frozen model.

    Returns:
        `(results, certificate)`: a dict for JSON with clean accuracy and, for each radius, VRA by
        the bound (what is promised) and by the estimate (what it costs), also as a `curve` of 41
        radii from 0 to the one where about 1 % are left; and the `Certificate`.
    """
    x = to_float(x)
    certificate = model.certify(x, batch_size=batch_size)
    right = certificate.label == y
    estimated, order = _estimated(model, x, batch_size)
    bound = getattr(certificate, "radii", certificate.radius[:, None])
    results = {
        "examples": len(y),
        "epsilon": model.epsilon,
        "clean_accuracy": float(np.mean(right)),
        "rejection_rate": float(1 - np.mean(certificate.certified)),
        "mean_certified_radius": float(np.mean(np.where(right, certificate.radius, 0.0))),
        "vra": [
            _row(radius, y, right, order, bound, estimated) for radius in _radii(model.epsilon)
        ],
        "curve": _curve(y, right, order, bound, estimated),
    }
    return results, certificate


def _estimated(model, x, batch_size):
    """`(radii, order)` by the estimate and without rounding; of an ensemble, from its members'."""
    if hasattr(model, "members"):
        found = [_estimated(member, x, batch_size) for member in model.members]
        labels, radii = np.stack([f[1][:, 0] for f in found]), np.stack([f[0][:, 0] for f in found])
        label, radius = model.combine(labels, radii)
        return radius[:, None], label[:, None]
    logits = model.logits_model.predict(x, batch_size=batch_size, verbose=0).astype("float32")
    model.refresh_iterates(ITERATIONS)
    constants = model.margin_lipschitz("estimate").astype("float32")
    found = relaxed_radii(
        ops.convert_to_tensor(logits),
        lambda j: (ops.take(constants, j, axis=0), 0.0),
        model.relaxation,
    )
    return tuple(map(ops.convert_to_numpy, found))


def _row(radius, y, right, order, bound, estimated):
    """VRA at a radius, by bound and estimate; for relaxed models also with the label anywhere in
    the largest promised set."""
    row = {"epsilon": radius}
    for name, radii in (("bound", bound), ("estimate", estimated)):
        row[f"vra_{name}"] = float(np.mean(right & (radii.max(axis=1) > radius)))
    if bound.shape[1] > 1:
        for name, radii in (("bound", bound), ("estimate", estimated)):
            ranks = np.arange(1, radii.shape[1] + 1)
            size = np.where(radii > radius, ranks, 0).max(axis=1)
            held = (order == y[:, None]) & (ranks <= size[:, None])
            row[f"relaxed_vra_{name}"] = float(np.mean(held.any(axis=1)))
            if name == "bound":
                row["promised_set_size"] = float(size[size > 0].mean()) if size.any() else 0.0
    return row


def _curve(y, right, order, bound, estimated):
    """The rows of even radii, as columns; they end where few images are both right and certified."""
    reach = np.where(right & np.isfinite(bound.max(axis=1)), bound.max(axis=1), 0.0)
    end = float(f"{np.quantile(reach, 1 - CURVE_ENDS_AT):.1e}") or 1.0
    radii = np.linspace(0, end, CURVE_POINTS).round(6).tolist()
    rows = [_row(radius, y, right, order, bound, estimated) for radius in radii]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _radii(epsilon):
    """The field's radii and the model's own, which is a float32."""
    if not any(math.isclose(epsilon, radius, rel_tol=1e-6) for radius in RADII):
        return sorted([*RADII, epsilon])
    return sorted(RADII)


def trainable_parameters(model):
    """The number of trainable weights."""
    return sum(math.prod(variable.shape) for variable in model.trainable_variables)


def versions():
    """Versions of what a number depends on."""
    backend = keras.backend.backend()
    module = __import__(backend)
    return {
        "gloro_tf": __version__,
        "keras": keras.__version__,
        "backend": f"{backend} {module.__version__}",
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {platform.system()}",
    }
