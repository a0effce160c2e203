"""Recomputing what a card says."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

import gloro_tf
from gloro_tf.training.evaluation import evaluate as measure
from gloro_tf.training.evaluation import trainable_parameters, versions
from gloro_tf.types import PathLike
from zoo import _registry
from zoo._corrected import evaluate_corrected, verify_corrected
from zoo._ensembles import ensemble_figures
from zoo._loading import load

TOLERANCE = 1e-4


def golden_inputs(shape):
    """Eight fixed inputs in [0, 1], float32, on which a card keeps logits and radii."""
    return np.random.default_rng(2026).random((8, *shape), "float32")


def golden(model):
    """The logits and certified radii of the golden inputs, for a card."""
    if hasattr(model, "members"):
        found = model.certify(golden_inputs(_input_shape(model)))
        return {"labels": found.label.tolist(), "radii": found.radius.tolist()}
    x = golden_inputs(_input_shape(model))
    logits = model.logits_model.predict(x, verbose=0)
    return {"logits": logits.tolist(), "radii": model.certify(x).radius.tolist()}


def _input_shape(model):
    members = getattr(model, "members", None)
    return _input_shape(members[0]) if members else model.logits_model.input_shape[1:]


def check_shape(model, x, dataset):
    """Refuses images of a shape that the model does not take."""
    if x.shape[1:] != _input_shape(model):
        raise ValueError(
            f"`dataset` must have images of shape {_input_shape(model)}. Received: "
            f"dataset={dataset!r} of shape {x.shape[1:]}"
        )


def _verify_vote(card, **kwargs):
    """An ensemble holds if its members do, and it answers as its card says."""
    answer = {"name": card.full_name, "members": [verify(m, **kwargs) for m in card.members]}
    found = golden(load(card.full_name, **kwargs))
    apart = {k: float(np.abs(np.subtract(found[k], card.golden[k])).max()) for k in found}
    if apart["labels"] or apart["radii"] > TOLERANCE:
        raise ValueError(f"'{card.full_name}' is not what its card says: golden values {apart}")
    return {**answer, **apart}


def verify(name: str, **kwargs: Any) -> dict[str, Any]:
    """Checks a model: its files, its logits on fixed inputs, and its bound, computed again.

    Args:
        name: str. As in `zoo.card`.
        **kwargs: as in `zoo.fetch`.

    Returns:
        dict of what was compared: `bound` and `stored_bound` (largest margin constants), `estimate`,
        and `logits` and `radii` (largest differences). For an entry of kind `self_correcting`:
        `outputs` (the largest difference), `unsafe` (corrected rows that are) and `statuses`.

    Raises:
        ValueError: naming what differs.
    """
    card = _registry.card(name)
    if card.kind == "self_correcting":
        return verify_corrected(card, **kwargs)
    if card.members:
        return _verify_vote(card, **kwargs)
    model = load(card.full_name, **kwargs)
    found = golden(model)
    scale = max(1.0, np.abs(card.golden["logits"]).max())
    apart = {key: float(np.abs(np.subtract(found[key], card.golden[key])).max()) for key in found}
    tables = model.frozen_tables()
    bound = model.margin_lipschitz("bound")
    estimate = model.refresh_iterates(200).margin_lipschitz("estimate")
    stored = tables["growth"].astype("float64")
    answer = {
        "name": card.full_name,
        "bound": float(bound.max()),
        "stored_bound": float(stored.max()),
        "estimate": float(estimate.max()),
        **apart,
    }
    problems = [
        f"the card says {name}={stated!r}, the model has {real!r}"
        for name, stated, real in (
            ("epsilon", card.epsilon, model.epsilon),
            ("parameters", card.architecture["parameters"], trainable_parameters(model)),
            ("lipschitz bound", card.lipschitz["bound"], float(stored.max())),
        )
        if abs(stated - real) > 1e-6 * abs(real)
    ]
    slack = model.freeze().frozen_tables()
    if set(tables) != set(slack):
        problems.append(f"the stored tables are {sorted(tables)}, `freeze` gives {sorted(slack)}")
    if not np.array_equal(tables["centre"], slack["centre"]):
        problems.append(f"the reference input is {tables['centre']}, `freeze` gives another")
    for key in (set(tables) & set(slack)) - {"growth", "centre"}:
        if np.any(tables[key] < slack[key] * (1 - 1e-6)):
            problems.append(f"the stored rounding '{key}' is below what the weights need")
    if apart["logits"] > TOLERANCE * scale:
        problems.append(f"golden logits differ by {apart['logits']:.2e}")
    if apart["radii"] > TOLERANCE:
        problems.append(f"golden radii differ by {apart['radii']:.2e}")
    if np.any(stored < bound * (1 - 1e-9)):
        problems.append(f"the stored bound {stored.max():.8g} is below {bound.max():.8g}")
    if np.any(estimate > bound * (1 + 1e-5)):
        problems.append(f"the estimate {estimate.max():.8g} exceeds the bound {bound.max():.8g}")
    if problems:
        raise ValueError(f"'{card.full_name}' is not what its card says: {'; '.join(problems)}")
    return answer


def evaluate(
    name: str,
    *,
    data_dir: PathLike | None = None,
    download: bool = False,
    dataset: str | None = None,
    limit: int | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Measures a model on the test split of a data set: every number of its card comes from here.

    Args:
        name: str. As in `zoo.card`.
        data_dir, download: as in `gloro_tf.data.load`.
        dataset: str. Defaults to the one it was trained for.
        limit: int. Only the first so many test images; points of each region for an entry of kind
            `self_correcting`, which is measured on random points and takes no data set.
        **kwargs: as in `zoo.fetch`.

    Returns:
        dict for JSON: `clean_accuracy`, and `vra` with a row for each radius, by the bound and by the
        estimate; or `regions`, with counts before and after correction.

    Raises:
        ValueError: for a `limit` below 1, or a `dataset` that the entry is not measured on.
    """
    card = _registry.card(name)
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be at least 1. Received: limit={limit}")
    if card.kind == "self_correcting":
        if dataset not in (None, card.dataset):
            raise ValueError(
                f"`dataset` must be left out: '{card.full_name}' is measured on random points. "
                f"Received: dataset={dataset!r}"
            )
        return evaluate_corrected(card, limit=limit, **kwargs)
    model = load(card.full_name, **kwargs)
    source = dataset or card.dataset
    data = gloro_tf.data.load(source, data_dir=data_dir, download=download)
    x, y = data.x_test[:limit], data.y_test[:limit]
    check_shape(model, x, source)
    results, _ = measure(model, x, y)
    if card.members:
        results |= ensemble_figures(model, card, x, y)
    return {
        "dataset": source,
        "split": "test" if limit is None else f"test[:{limit}]",
        "labels": list(data.class_names),
        **results,
        "environment": {**versions(), "machine": platform.machine()},
    }
