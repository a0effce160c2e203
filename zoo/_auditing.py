"""Attacks on a zoo model's promises, for its card."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import gloro_tf
from gloro_tf.training.evaluation import versions
from gloro_tf.types import PathLike
from zoo import _registry
from zoo._checking import check_shape
from zoo._loading import load

if TYPE_CHECKING:
    from gloro_tf.attacks import Attack

LIMIT = 1000


def audit(
    name: str,
    *,
    data_dir: PathLike | None = None,
    download: bool = False,
    limit: int = LIMIT,
    attack: Attack | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Attacks a model on the first test images: `gloro_tf.audit.certificate`.

    Args:
        name: str. As in `zoo.card`.
        data_dir, download: as in `gloro_tf.data.load`.
        limit: int. How many test images. Defaults to 1,000.
        attack: `gloro_tf.attacks.Attack`. Defaults to that of `gloro_tf.audit.certificate`.
        **kwargs: as in `zoo.fetch`; `verbose=1` shows progress bars.

    Returns:
        dict for JSON: the `CertificateAudit`, where it was measured, and by what versions.

    Raises:
        gloro_tf.audit.UnsoundCertificate: if an attack succeeds inside a certified radius.
        ValueError: for a bad name, limit or data set.
    """
    if limit < 1:
        raise ValueError(f"`limit` must be at least 1. Received: limit={limit}")
    card = _registry.card(name)
    if card.kind != "classifier":
        raise ValueError(
            f"`name` must be an entry that certifies. Received: '{card.full_name}' of kind "
            f"'{card.kind}'. `zoo.evaluate` counts its violations."
        )
    verbose = kwargs.get("verbose", 0)
    model = load(card.full_name, **kwargs)
    data = gloro_tf.data.load(card.dataset, data_dir=data_dir, download=download)
    x, y = gloro_tf.data.to_float(data.x_test[:limit]), data.y_test[:limit]
    check_shape(model, x, card.dataset)
    report = gloro_tf.audit.certificate(model, x, y, attack, verbose=verbose)
    return {
        "dataset": card.dataset,
        "split": f"test[:{limit}]",
        **report.to_dict(),
        "environment": versions(),
    }


def record_audit(name, **kwargs):
    """Audits a model and writes what was found into its card; takes what `audit` takes."""
    from zoo._publishing import save

    card = _registry.card(name)
    return save(dataclasses.replace(card, audit=audit(card.full_name, **kwargs)))
