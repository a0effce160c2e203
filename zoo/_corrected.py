"""Entries that are self-corrected networks: loaded, checked, measured and published."""

import datetime

import keras
import numpy as np

from gloro_tf.models import preset
from gloro_tf.self_correcting import (
    STATUSES,
    SelfCorrectingLayer,
    find_violations,
    make_self_correcting,
    safety_report,
)
from gloro_tf.self_correcting.report import outputs_of
from gloro_tf.training.evaluation import versions
from zoo import _registry, corrections
from zoo._cards import Card
from zoo._store import fetch

KIND = "self_correcting"
POINTS = 100_000
BATCH = 8192
TOLERANCE = 1e-4
SAFE = STATUSES.index("already safe")


def parts(card, weights="pretrained", **kwargs):
    """The network of an entry and the properties that its outputs are made to obey."""
    network, properties = (
        preset.rebuild(card.architecture[k], certified=False) for k in ("config", "properties")
    )
    if weights is not None:
        arrays = {}
        for path in fetch(card.full_name, **kwargs):
            arrays |= preset.read_arrays(path)
        network.set_weights([arrays[str(i)] for i in range(len(arrays))])
    return network, properties


def load_corrected(card, weights="pretrained", **kwargs):
    """The corrected model of an entry, a `keras.Model` with the outputs of the network."""
    network, properties = parts(card, weights, **kwargs)
    name = card.name.replace(".", "_")
    return make_self_correcting(network, properties, card.architecture["on_conflict"], name=name)


def draw(low, high, n, seed):
    """`n` uniform points of a box, float32."""
    low, high = np.asarray(low, "float32"), np.asarray(high, "float32")
    share = np.random.default_rng(seed).random((n, len(low)), "float32")
    return np.clip(share * high + (1 - share) * low, low, high)


def regions(card, properties, n, seed):
    """`(name, points)`: of the whole domain, and of the boxes of each property within it."""
    low, high = (np.array(card.input[side], "float32") for side in ("lowest", "highest"))
    yield "the whole domain", draw(low, high, n, seed)
    for number, prop in enumerate(properties):
        boxes = [(np.maximum(a, low), np.minimum(b, high)) for a, b in prop.pre.boxes()]
        counts = [len(p) for p in np.array_split(np.arange(n), len(boxes))]
        own = [draw(*box, k, seed + number + 1) for box, k in zip(boxes, counts, strict=True)]
        yield f"where {prop.name} is active", np.concatenate(own)


def evaluate_corrected(card, *, limit=None, seed=0, **kwargs):
    """What the properties find before and after correction, on random points.

    Args:
        card: `Card`.
        limit: int. Points of each region. Defaults to 100,000.
        seed: int.
        **kwargs: as in `zoo.fetch`.

    Returns:
        dict for JSON: `regions`, with counts for each: rows with an active property, in violation
        before and after, rows whose decision changed, and rows that were safe and changed at all.
    """
    count = POINTS if limit is None else limit
    network, properties = parts(card, **kwargs)
    safe, m = load_corrected(card, **kwargs), properties.num_outputs
    best = np.argmin if properties.score == "min" else np.argmax
    layer, rows = SelfCorrectingLayer(properties, on_conflict="keep"), []
    for name, x in regions(card, properties, count, seed):
        raw, fixed = (outputs_of(model, x, m, BATCH) for model in (network, safe))
        before, after = (
            {
                k: keras.ops.convert_to_numpy(v)
                for k, v in layer([x, y], return_info=True)[1].items()
            }
            for y in (raw, fixed)
        )
        unsafe = before["violated"].any(axis=1)
        rows.append(
            {
                "region": name,
                "active": int(before["active"].any(axis=1).sum()),
                "violated": int(unsafe.sum()),
                "violated_after": int((after["status"] > SAFE).sum()),
                "changed": int((best(raw, axis=1) != best(fixed, axis=1)).sum()),
                "changed_safe": int((np.any(raw != fixed, axis=1) & ~unsafe).sum()),
            }
        )
    return {
        "dataset": card.dataset,
        "split": "random points",
        "labels": list(card.labels),
        "examples": count,
        "seed": seed,
        "regions": rows,
        "environment": versions(),
    }


def golden_points(card, properties, network):
    """Eight points of the domain, and up to eight of the worst violations found at random."""
    low, high = card.input["lowest"], card.input["highest"]
    found = find_violations(
        network, properties, POINTS, bounds=(low, high), score=properties.score, batch_size=BATCH
    )
    return np.concatenate([draw(low, high, 8, 2026), found.points[:8]])


def verify_corrected(card, **kwargs):
    """Checks the files, the corrected outputs on stored inputs, and that these are safe.

    Raises:
        ValueError: naming what differs.
    """
    network, properties = parts(card, **kwargs)
    x = np.array(card.golden["inputs"], "float32")
    z = load_corrected(card, **kwargs).predict(x, verbose=0)
    apart = float(np.abs(z - np.array(card.golden["outputs"])).max())
    report = safety_report(lambda _: z, properties, x)
    left = int(report.statuses[2:].sum())
    before = safety_report(network, properties, x).statuses.tolist()
    problems = []
    if not apart <= TOLERANCE:
        problems.append(f"golden outputs differ by {apart:.2e}")
    if before != card.golden["statuses"]:
        problems.append(f"rows by status are {before}, the card says {card.golden['statuses']}")
    if left:
        problems.append(f"{left} corrected rows are unsafe")
    if network.count_params() != card.architecture["parameters"]:
        problems.append(f"the network has {network.count_params()} parameters")
    if problems:
        raise ValueError(f"'{card.full_name}' is not what its card says: {'; '.join(problems)}")
    return {"name": card.full_name, "outputs": apart, "unsafe": left, "statuses": before}


def publish_corrected(recipe):
    """Writes the files of a new entry, without results; `python -m zoo evaluate --write` adds them.

    Args:
        recipe: str. The file name of a recipe in `zoo/corrections`, without `.py`.

    Returns:
        The new `Card`.
    """
    from zoo._publishing import save, store

    made = corrections.find(recipe)
    network, revision = made.network(), _registry.newest_revision(made.name) + 1
    arrays = {str(i): array for i, array in enumerate(network.get_weights())}
    card = Card(
        name=made.name,
        revision=revision,
        summary=made.summary,
        paper=made.paper,
        licence=made.licence,
        authors=made.authors,
        date=str(datetime.date.today()),
        architecture={
            "config": preset.describe(network),
            "properties": keras.saving.serialize_keras_object(made.properties),
            "on_conflict": "nan",
            "parameters": network.count_params(),
        },
        input={
            "shape": list(network.input_shape[1:]),
            "range": "the domain between `lowest` and `highest`",
            "preprocessing": made.preprocessing,
            "lowest": made.lowest,
            "highest": made.highest,
        },
        labels=made.labels,
        recipe={
            "dataset": made.name.partition(".")[2],
            "file": f"zoo/corrections/{recipe}.py",
            "extra_data": "none",
        },
        epsilon=0.0,
        weights=store(arrays, f"{made.name}@{revision}"),
        golden={},
        lipschitz={},
        results=[],
        environment=versions(),
        limits=made.limits,
        kind=KIND,
    )
    x = golden_points(card, made.properties, network)
    safe = make_self_correcting(network, made.properties)
    card.golden.update(
        inputs=x.tolist(),
        outputs=safe.predict(x, verbose=0).tolist(),
        statuses=safety_report(network, made.properties, x).statuses.tolist(),
    )
    return save(card)
