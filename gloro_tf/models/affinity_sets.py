"""Collections of label sets for affinity robustness: reading, shipping and proposing them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import numpy as np

from gloro_tf.types import ArrayLike

_CIFAR100 = {
    "aquatic_mammals": "beaver dolphin otter seal whale",
    "fish": "aquarium_fish flatfish ray shark trout",
    "flowers": "orchid poppy rose sunflower tulip",
    "food_containers": "bottle bowl can cup plate",
    "fruit_and_vegetables": "apple mushroom orange pear sweet_pepper",
    "household_electrical_devices": "clock keyboard lamp telephone television",
    "household_furniture": "bed chair couch table wardrobe",
    "insects": "bee beetle butterfly caterpillar cockroach",
    "large_carnivores": "bear leopard lion tiger wolf",
    "large_man-made_outdoor_things": "bridge castle house road skyscraper",
    "large_natural_outdoor_scenes": "cloud forest mountain plain sea",
    "large_omnivores_and_herbivores": "camel cattle chimpanzee elephant kangaroo",
    "medium_mammals": "fox porcupine possum raccoon skunk",
    "non-insect_invertebrates": "crab lobster snail spider worm",
    "people": "baby boy girl man woman",
    "reptiles": "crocodile dinosaur lizard snake turtle",
    "small_mammals": "hamster mouse rabbit shrew squirrel",
    "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
    "vehicles_1": "bicycle bus motorcycle pickup_truck train",
    "vehicles_2": "lawn_mower rocket streetcar tank tractor",
}
_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split()
_EUROSAT = (
    "AnnualCrop Forest HerbaceousVegetation Highway Industrial Pasture PermanentCrop Residential "
    "River SeaLake"
).split()

# name: (class names in the order of the data set, sets)
SHIPPED = {
    "cifar100_superclasses": (
        sorted(" ".join(_CIFAR100.values()).split()),
        {name: members.split() for name, members in _CIFAR100.items()},
    ),
    "cifar10_animals_vehicles": (
        _CIFAR10,
        {
            "animals": ["bird", "cat", "deer", "dog", "frog", "horse"],
            "vehicles": ["airplane", "automobile", "ship", "truck"],
        },
    ),
    "cifar10_fine": (
        _CIFAR10,
        {
            "road": ["automobile", "truck"],
            "sky_and_sea": ["airplane", "ship"],
            "sky": ["airplane", "bird"],
            "pets": ["cat", "dog"],
            "hoofed": ["deer", "horse"],
            "small_animals": ["bird", "frog"],
        },
    ),
    "eurosat_land_use": (
        _EUROSAT,
        {
            "farmland": ["AnnualCrop", "PermanentCrop", "Pasture"],
            "vegetation": ["Forest", "HerbaceousVegetation", "Pasture"],
            "built": ["Highway", "Industrial", "Residential"],
            "water": ["River", "SeaLake"],
            "lines": ["Highway", "River"],
        },
    ),
}


def affinity_matrix(sets, classes, class_names=None, uncovered="singleton"):
    """Returns a collection of label sets as a `(sets, classes)` bool array and their names.

    Args:
        sets: the name of a shipped collection (`SHIPPED`); a list of lists of class indices or class
            names; a `(sets, classes)` bool array; or a `{name: members}` mapping.
        classes: int.
        class_names: list of str, for members given by name.
        uncovered: what happens to a class in no set: `"singleton"` adds a set of its own, `"refuse"`
            raises. A class without a set could never be certified.

    Raises:
        ValueError: for unknown classes, an empty set or collection, a set of all classes (it never
            changes, so promising it would promise nothing), or uncovered classes if they are refused.
    """
    if uncovered not in ("singleton", "refuse"):
        raise ValueError(
            f"`uncovered` must be 'singleton' or 'refuse'. Received: uncovered={uncovered!r}"
        )
    if isinstance(sets, str):
        if sets not in SHIPPED:
            raise ValueError(
                f"`affinity_sets` must be one of {sorted(SHIPPED)}, or sets. Received: {sets!r}"
            )
        class_names, sets = SHIPPED[sets]
        if len(class_names) != classes:
            raise ValueError(
                f"`affinity_sets` is for {len(class_names)} classes. Received: a model of {classes}"
            )
    names, rows = _rows(sets, classes, class_names)
    matrix = np.array(rows, "bool").reshape(len(rows), classes)
    for name, row in zip(names, matrix, strict=True):
        if not row.any() or row.all():
            what = "all classes, which is no promise" if row.all() else "no class"
            raise ValueError(
                f"Every set of `affinity_sets` must name some classes. Received: "
                f"'{name}' with {what}"
            )
    missing = np.flatnonzero(~matrix.any(axis=0)) if len(matrix) else np.arange(classes)
    if len(missing) and (uncovered == "refuse" or not len(matrix)):
        shown = [class_names[i] for i in missing] if class_names else missing.tolist()
        raise ValueError(
            f"Every class must be in a set of `affinity_sets`. Received: none for {shown[:8]}. Add "
            "them, or pass uncovered='singleton'."
        )
    names += [class_names[i] if class_names else str(i) for i in missing]
    return np.concatenate([matrix, np.eye(classes, dtype="bool")[missing]]), names


def _rows(sets, classes, class_names):
    if isinstance(sets, np.ndarray) and sets.ndim == 2:
        if sets.shape[1] != classes or not np.isin(sets, (0, 1)).all():
            raise ValueError(
                f"`affinity_sets` must be a matrix of 0 and 1 with {classes} columns. Received: "
                f"shape {sets.shape}, values {np.unique(sets)[:4].tolist()}"
            )
        return [f"set {i}" for i in range(len(sets))], list(sets.astype("bool"))
    named = dict(sets) if isinstance(sets, dict) else {f"set {i}": s for i, s in enumerate(sets)}
    rows = []
    for members in named.values():
        row = np.zeros(classes, "bool")
        row[[_index(member, classes, class_names) for member in members]] = True
        rows.append(row)
    return list(named), rows


def _index(member, classes, class_names):
    if isinstance(member, str):
        if class_names is None or member not in class_names:
            close = difflib.get_close_matches(member, class_names or [], n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            known = "pass `class_names`" if class_names is None else "one of `class_names`"
            raise ValueError(
                f"Members of `affinity_sets` must be class indices or names ({known}). Received: "
                f"{member!r}.{hint}"
            )
        return list(class_names).index(member)
    if isinstance(member, bool) or int(member) != member or not 0 <= member < classes:
        raise ValueError(
            f"Members of `affinity_sets` must be indices from 0 to {classes - 1}. Received: {member!r}"
        )
    return int(member)


def propose_from_confusion(
    confusion: ArrayLike, size: int = 3, least: float = 0.05
) -> list[list[int]]:
    """Proposes sets of classes that a model confuses.

    Classes are joined greedily, most confused pair first, by the mean of the rates at which one is
    taken for another, as long as no set grows past `size` and the rate is at least `least`.

    Args:
        confusion: `(classes, classes)` array of counts, row true, column predicted.
        size: int. Largest set.
        least: float. Least mean rate of confusion between the classes of two sets.

    Returns:
        list of sorted lists of class indices, singletons included; disjoint.

    Raises:
        ValueError: for a `confusion` that is not square, or a `size` out of range.
    """
    confusion = np.asarray(confusion, "float64")
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1] or np.any(confusion < 0):
        raise ValueError(
            "`confusion` must be a square array of counts. Received: an array of shape "
            f"{confusion.shape}"
        )
    if size < 1 or size >= len(confusion):
        raise ValueError(f"`size` must be from 1 to {len(confusion) - 1}. Received: size={size}")
    rates = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    rates = (rates + rates.T) / 2
    groups = [[i] for i in range(len(rates))]
    while True:
        best, pair = least, None
        for a in range(len(groups)):
            for b in range(a + 1, len(groups)):
                rate = rates[np.ix_(groups[a], groups[b])].mean()
                if len(groups[a]) + len(groups[b]) <= size and rate >= best:
                    best, pair = rate, (a, b)
        if pair is None:
            return sorted(sorted(group) for group in groups)
        groups[pair[0]] += groups.pop(pair[1])


def propose_from_hierarchy(
    parents: Mapping[str, str | None], class_names: Sequence[str], size: int = 5
) -> dict[str, list[str]]:
    """Proposes the sets of classes below each node of a hierarchy, as WordNet has one.

    Args:
        parents: `{node: parent}`; leaves are classes, the root has no entry or maps to `None`.
        class_names: list of str. The leaves.
        size: int. Largest set.

    Returns:
        `{node: members}` of the nodes with 2 to `size` classes below them; of nodes with the same
        members, the one nearest to them.

    Raises:
        ValueError: for a hierarchy with a cycle.
    """
    below: dict[str, list[str]] = {}
    for name in class_names:
        node, seen = parents.get(name), set()
        while node is not None:
            if node in seen:
                raise ValueError(f"`parents` must have no cycles. Received: one through {node!r}")
            seen.add(node)
            below.setdefault(node, []).append(name)
            node = parents.get(node)
    found, known = {}, set()
    for node, members in sorted(below.items(), key=lambda item: len(item[1])):
        if 2 <= len(members) <= size and tuple(members) not in known:
            known.add(tuple(members))
            found[node] = members
    return found
