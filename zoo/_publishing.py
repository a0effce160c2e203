"""From a finished run to an entry: weights, golden values and a card."""

import dataclasses
import datetime
import json
import pathlib

import keras
import numpy as np

from gloro_tf.models import preset
from gloro_tf.training.evaluation import trainable_parameters, versions
from zoo import _registry, recipes
from zoo._cards import Card
from zoo._checking import evaluate, golden
from zoo._loading import load, vote_of

PACKAGE_BYTES = 5 * 2**20
FILE_BYTES = 20 * 2**20
MODEL_BYTES = 64 * 2**20
LIMITS = (
    "Promises are for L2 distances between inputs in the units of the input, pixels in [0, 1], and "
    "float32 execution; SOUNDNESS.md has the details. Nothing is promised for other norms, for "
    "16-bit or quantized execution, or for changes of an image that are large in L2."
)


def publish(run, name, *, recipe, summary, paper, hardware, authors, mantissa_bits=23):
    """Writes the files of a new entry, without results; `python -m zoo evaluate --write` adds them.

    Args:
        run: str. Folder of a run of `train.py` (`model.keras`, `report.json`).
        name: str. `<architecture>.<dataset>[_<recipe>]`; gets the next revision.
        recipe: str. The recipe's file name in `zoo/recipes`, without `.py`.
        summary, hardware, authors: str.
        paper: dict with `title` and `url`.
        mantissa_bits: int. Bits of each weight that are kept, 23 for all and 7 for bfloat16; the
            bound is computed, and everything measured, on the rounded weights.

    Returns:
        The new `Card`.
    """
    _check_name(name)
    recipes.find(recipe)
    run = pathlib.Path(run)
    report = json.loads((run / "report.json").read_text())
    model = keras.saving.load_model(run / "model.keras", compile=False)
    for variable in model.logits_model.variables:
        if keras.backend.standardize_dtype(variable.dtype) == "float32":
            values = keras.ops.convert_to_numpy(variable)
            variable.assign(shorten(values, mantissa_bits))
    model.freeze(verbose=1)
    revision = _registry.newest_revision(name) + 1
    weights = store(preset.arrays_of(model, free=False), f"{name}@{revision}")
    card = Card(
        name=name,
        revision=revision,
        summary=summary,
        paper=paper,
        licence="MIT",
        authors=authors,
        date=str(datetime.date.today()),
        architecture={
            "config": preset.describe(model),
            "parameters": trainable_parameters(model),
        },
        input={
            "shape": list(model.logits_model.input_shape[1:]),
            "range": "[0, 1]",
            "preprocessing": "none outside of the model",
        },
        labels=[str(i) for i in range(model.classes)],
        recipe={
            **report["recipe"],
            "file": f"zoo/recipes/{recipe}.py",
            "extra_data": "none",
            "hardware": hardware,
            "seconds": report["seconds"]["training"],
            "mantissa_bits": mantissa_bits,
        },
        epsilon=model.epsilon,
        weights=weights,
        golden=golden(model),
        lipschitz={
            "bound": float(model.frozen_tables()["growth"].max()),
            "estimate": float(model.refresh_iterates(200).margin_lipschitz("estimate").max()),
        },
        results=[],
        environment=versions(),
        limits=LIMITS,
        in_package=sum(w["bytes"] for w in weights) <= PACKAGE_BYTES,
    )
    return save(card)


def publish_vote(name, members, *, epsilon, summary, paper, hardware, authors, weights=None):
    """Writes the card of a new entry that is a vote of others; takes and returns as `publish`.

    Args:
        name, summary, paper, hardware, authors: as in `publish`.
        members: list of names of entries, for one data set and with one input shape.
        epsilon: float. The radius at which the vote decides.
        weights: optional list of numbers, one for each member. Defaults to 1 each.
    """
    _check_name(name)
    cards = [_registry.card(member) for member in members]
    if len({(c.dataset, tuple(c.input["shape"])) for c in cards}) != 1:
        raise ValueError(
            "`members` must be for one data set and one input shape. Received: "
            f"{[(c.full_name, c.dataset, c.input['shape']) for c in cards]}"
        )
    weights = [1.0] * len(cards) if weights is None else [float(w) for w in weights]
    model = vote_of([load(c.full_name) for c in cards], epsilon, weights)
    card = Card(
        name=name,
        revision=_registry.newest_revision(name) + 1,
        summary=summary,
        paper=paper,
        licence="MIT",
        authors=authors,
        date=str(datetime.date.today()),
        architecture={
            "members": [c.full_name for c in cards],
            "weights": weights,
            "parameters": sum(c.architecture["parameters"] for c in cards),
        },
        input=cards[0].input,
        labels=cards[0].labels,
        recipe={"dataset": cards[0].dataset, "extra_data": "none", "hardware": hardware},
        epsilon=epsilon,
        weights=[],
        golden=golden(model),
        lipschitz={},
        results=[],
        environment=versions(),
        limits=LIMITS,
    )
    return save(card)


def _check_name(name):
    if not _registry.NAME.fullmatch(name):
        raise ValueError(
            f"`name` must be '<architecture>.<dataset>[_<recipe>]' of lower-case letters, digits and "
            f"underscores. Received: name={name!r}"
        )


def shorten(values, mantissa_bits):
    """Rounds float32 values to fewer mantissa bits, to nearest, ties to even."""
    drop = 23 - mantissa_bits
    if not 0 <= drop <= 16:
        raise ValueError(
            f"`mantissa_bits` must lie in [7, 23]. Received: mantissa_bits={mantissa_bits}"
        )
    if not drop:
        return values
    bits = np.ascontiguousarray(values, "float32").view("uint32").astype("uint64")
    half = (1 << (drop - 1)) - 1 + ((bits >> drop) & 1)
    bits = (bits + half) >> drop << drop
    return bits.astype("uint32").view("float32").reshape(values.shape)


def store(arrays, stem):
    """Writes `{key: array}` in parts; returns their names, sizes and hashes.

    What exceeds `PACKAGE_BYTES` goes to `weights/large`, which no wheel holds; what exceeds
    `FILE_BYTES` a file or `MODEL_BYTES` is refused and leaves nothing.
    """
    folder = _registry.FOLDER / "weights"
    parts = preset.split(arrays)
    names = [f"{stem}.{number}.npz" for number in range(len(parts))]
    paths = [folder / name for name in (names if len(parts) > 1 else [f"{stem}.npz"])]
    try:
        for path, part in zip(paths, parts, strict=True):
            preset.write_arrays(path, part)
        sizes = [path.stat().st_size for path in paths]
        if max(sizes) > FILE_BYTES or sum(sizes) > MODEL_BYTES:
            raise ValueError(
                f"The weights must be at most {FILE_BYTES} bytes a file and {MODEL_BYTES} in all. "
                f"Received: files of {sizes} bytes, {sum(sizes)} in all. Keep fewer bits of them: "
                "`mantissa_bits=7` (--mantissa_bits=7)."
            )
        if sum(sizes) > PACKAGE_BYTES:
            (folder / "large").mkdir(exist_ok=True)
            paths = [path.replace(folder / "large" / path.name) for path in paths]
    except BaseException:
        for path in paths:
            for where in (folder, folder / "large"):
                (where / path.name).unlink(missing_ok=True)
        raise
    return [
        {"file": path.name, "bytes": size, "sha256": preset.sha256(path)}
        for path, size in zip(paths, sizes, strict=True)
    ]


def save(card):
    """Writes a card where `zoo.card` finds it; returns it."""
    path = _registry.CARDS / f"{card.full_name}.json"
    path.write_text(card.to_json())
    _registry.forget()
    return card


def record(name, **kwargs):
    """Measures a model and writes the result into its card; takes what `zoo.evaluate` takes."""
    if kwargs.get("limit") is not None:
        raise ValueError("A card holds the whole test split: leave out `limit`, or `--write`.")
    card = _registry.card(name)
    result = evaluate(card.full_name, **kwargs)
    labels = result.pop("labels")
    if result["dataset"] != card.dataset:
        labels = card.labels
    others = [r for r in card.results if r["dataset"] != result["dataset"]]
    return save(dataclasses.replace(card, labels=labels, results=[*others, result]))
