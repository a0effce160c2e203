"""What is wrong with a set of properties, found before any input is seen."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gloro_tf.self_correcting._combinations import exclusive, overlap
from gloro_tf.self_correcting.expressions import And
from gloro_tf.self_correcting.normal_form import alternatives, conjunction
from gloro_tf.types import Array

if TYPE_CHECKING:
    from gloro_tf.self_correcting.properties import SafeOrdering


class Finding(NamedTuple):
    """One finding of `analyse`.

    - `kind` (str): `"conflict"` (active together somewhere, and unsatisfiable there), `"subsumed"`
      (another property asks as much on a larger region) or `"prediction"` (a precondition reads a
      prediction that a correction can change).
    - `properties` (tuple of str): the names concerned.
    - `message` (str).
    - `witness` (array or `None`): an input at which the properties are in conflict, flat, in the
      model's units; `None` where the conflict is everywhere or the kind is another.
    """

    kind: str
    properties: tuple[str, ...]
    message: str
    witness: Array | None


MOST_GROUPS = 2000
MOST_PRODUCTS = 4096


def analyse(ordering: SafeOrdering) -> list[Finding]:
    """Looks for conflicts, needless properties and preconditions on predictions.

    Conflicts are looked for among regions that are unions of boxes, or all inputs: boxes that
    intersect in pairs have a common point, so that groups of them are exact. With other
    preconditions, or past 2,000 groups, a conflict shows at run time, as status 4.

    Args:
        ordering: `SafeOrdering`.

    Returns:
        list of `Finding`.
    """
    return [*_conflicts(ordering), *_subsumed(ordering), *_predictions(ordering)]


def warn_of_findings(ordering):
    """Warns of conflicts and of preconditions on predictions."""
    for finding in [*_conflicts(ordering), *_predictions(ordering)]:
        warnings.warn(finding.message, stacklevel=4)


def possible(lists):
    """Whether some order satisfies one alternative of each list; exact."""
    try:
        return bool(conjunction(lists, MOST_PRODUCTS))
    except ValueError:
        return True  # too many to say; the search at run time is exact


def _conflicts(ordering):
    regions = []
    for k, prop in enumerate(ordering):
        boxes = [None] if not prop.pre.reads_x and not prop.pre.reads_y else prop.pre.boxes()
        regions += [(k, box) for box in boxes or []]
    found, seen = [], set()
    for group in itertools.islice(_groups(regions), MOST_GROUPS):
        names = tuple(sorted({k for k, _ in group}))
        if names in seen or possible([ordering.alternatives[k] for k in names]):
            continue
        names = _fewest(ordering, names)
        if names in seen:
            continue
        seen.add(names)
        witness = _middle([box for k, box in group if k in names and box is not None])
        listed = ", ".join(f"'{ordering.names[k]}'" for k in names)
        where = "everywhere" if witness is None else f"as at the input {witness.tolist()}"
        message = (
            f"Properties {listed} are active together, {where}, and no order of the outputs satisfies "
            "them all: such rows are in conflict."
        )
        found.append(Finding("conflict", tuple(ordering.names[k] for k in names), message, witness))
    return found


def _groups(regions):
    """The maximal groups of boxes that intersect pairwise, and so all; `None` is everywhere."""
    meets = [
        {
            j
            for j, (_, other) in enumerate(regions)
            if j != i and (box is None or other is None or overlap(box, other))
        }
        for i, (_, box) in enumerate(regions)
    ]

    def expand(group, candidates, excluded):
        if not candidates and not excluded:
            yield [regions[i] for i in group]
            return
        pivot = max(candidates | excluded, key=lambda i: len(meets[i] & candidates))
        for i in sorted(candidates - meets[pivot]):
            yield from expand([*group, i], candidates & meets[i], excluded & meets[i])
            candidates = candidates - {i}
            excluded = excluded | {i}

    if regions:
        yield from expand([], set(range(len(regions))), set())


def _fewest(ordering, names):
    """The properties left after dropping those that the conflict does not need."""
    names = list(names)
    for name in list(names):
        others = [k for k in names if k != name]
        if others and not possible([ordering.alternatives[k] for k in others]):
            names = others
    return tuple(names)


def _middle(boxes):
    """The centre of the intersection of boxes; a finite face, or 0, where one is unbounded."""
    if not boxes:
        return None
    low = np.max([box[0] for box in boxes], axis=0).astype("float64")
    high = np.min([box[1] for box in boxes], axis=0).astype("float64")
    ends = np.where(np.isfinite(low), low, np.where(np.isfinite(high), high, 0.0))
    other = np.where(np.isfinite(high), high, ends)
    return (ends + other) / 2


def _subsumed(ordering):
    found = []
    for one, other in itertools.permutations(range(len(ordering)), 2):
        if _asks_less(ordering, one, other):
            if one < other and _asks_less(ordering, other, one):
                continue  # equal: the later one is reported
            names = ordering.names[one], ordering.names[other]
            message = (
                f"Property '{names[0]}' is needless: '{names[1]}' asks as much wherever it is."
            )
            found.append(Finding("subsumed", names, message, None))
    return found


def _asks_less(ordering, one, other):
    """Whether a property follows from another one."""
    return _covers(ordering[other].pre, ordering[one].pre) and _implies(ordering, other, one)


def _covers(large, small):
    """Whether each box of one region lies in a box of the other; sound, not complete."""
    if not large.reads_x and not large.reads_y:
        return True
    outer, inner = large.boxes(), small.boxes()
    if outer is None or inner is None:
        return False
    return all(any(np.all((o[0] <= i[0]) & (i[1] <= o[1])) for o in outer) for i in inner)


def _implies(ordering, one, other):
    """Whether no order satisfies one postcondition and not the other."""
    try:
        unsafe = And(ordering[one].post, ~ordering[other].post)
        return not alternatives(unsafe, ordering.score)
    except ValueError:
        return False


def _predictions(ordering):
    found = []
    for k, prop in enumerate(ordering):
        if not prop.pre.reads_y:
            continue
        own = prop.pre.labels(ordering.num_outputs)
        for i, other in enumerate(ordering):
            named = other.pre.labels(ordering.num_outputs) & own
            tops = np.any([a.tops() for a in ordering.alternatives[i]], axis=0)
            if np.any(named & ~tops) and (i == k or not exclusive(prop.pre, other.pre, len(own))):
                names = ordering.names[k], ordering.names[i]
                message = (
                    f"The precondition of property '{names[0]}' reads the prediction before any "
                    f"correction, and '{names[1]}' can change it."
                )
                found.append(Finding("prediction", names, message, None))
    return found
