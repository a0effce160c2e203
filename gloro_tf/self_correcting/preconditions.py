"""Preconditions: for which inputs a property asks something.

Each is a region, evaluated outward: an input is inside where rounding leaves a doubt. `distance` bounds
the way to that evaluated region from below, which certificates build on.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from keras import ops

from gloro_tf.types import Array, Config, Shape, Tensor

if TYPE_CHECKING:
    from types import ModuleType

_KINDS: dict[str, type[Precondition]] = {}
MOST_BOXES = 64  # that the intersection of unions is written as


class Precondition:
    """Base class of preconditions. `reads_x` and `reads_y` say what it looks at."""

    reads_x: Any = True
    reads_y: Any = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        _KINDS[cls.__name__] = cls

    def holds(self, x: Tensor, best: Tensor, wide: bool = True) -> Tensor:
        """Which rows are inside, `(batch,)` bool.

        Args:
            x: `(batch, n)` tensor of flat inputs, or `None` if no precondition reads them.
            best: `(batch, classes)` bool tensor, the one best class of each row.
            wide: bool. Whether a doubtful row counts as inside; `Not` turns it round.
        """
        raise NotImplementedError

    def distance(
        self, x: Tensor, best: Tensor, inside: bool = True, library: ModuleType = np
    ) -> Tensor:
        """A lower bound of the L2 distance to the region or to its complement, `(n,)`.

        Args:
            x: `(n, d)` float64 array, or float32 tensor.
            best: `(n, classes)` bool, one-hot best classes; taken not to change on the way.
            inside: bool. Whether to bound the way in, or the way out.
            library: `numpy` or `keras.ops`, as `x`.
        """
        raise NotImplementedError

    def boxes(self) -> list[tuple[Array, Array]] | None:
        """Boxes whose union is the region, `[(lower, upper), ...]` as evaluated, or `None`.

        Returns:
            list of pairs of flat float32 arrays, or `None` where the region is no such union.
        """

    def labels(self, classes: int) -> Array:
        """A bool mask of the best classes that the region allows.

        Args:
            classes: int.
        """
        return np.ones(classes, "bool")

    def check(self, shape: Shape | None, classes: int) -> None:
        """Raises where it does not fit inputs of a shape (or `None`) and a number of classes.

        Args:
            shape: tuple, of one input.
            classes: int.
        """

    def to_config(self) -> Config:
        """Returns the constructor's arguments, in plain lists and numbers."""
        raise NotImplementedError

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Reads what `to_config` returned.

        Args:
            config: dict.

        Returns:
            The precondition.
        """
        return cls(**config)

    def __invert__(self):
        return Not(self)

    def __and__(self, other):
        return AllOf(self, other)

    def __or__(self, other):
        return AnyOf(self, other)

    def __bool__(self):
        raise TypeError("Preconditions are combined with `&`, `|` and `~`, not `and`, `or`, `not`.")


class Always(Precondition):
    """Every input."""

    reads_x = False

    def holds(self, x: Tensor, best: Tensor, wide: bool = True) -> Tensor:
        return ops.ones_like(best[:, 0])

    def distance(
        self, x: Tensor, best: Tensor, inside: bool = True, library: ModuleType = np
    ) -> Tensor:
        return library.where(best[:, 0] == best[:, 0], 0.0 if inside else np.inf, np.nan)

    def to_config(self) -> Config:
        return {}


class _Many(Precondition):
    """A combination of preconditions.

    Args:
        *parts: preconditions, or one list of them.

    Raises:
        ValueError: for none, or anything else.
    """

    def __init__(self, *parts: Precondition) -> None:
        parts = parts[0] if len(parts) == 1 and isinstance(parts[0], (list, tuple)) else parts
        if not parts or not all(isinstance(part, Precondition) for part in parts):
            raise ValueError(f"{type(self).__name__} takes preconditions. Received: {parts!r}")
        self.parts = list(parts)

    @property
    def reads_x(self) -> bool:
        return any(part.reads_x for part in self.parts)

    @property
    def reads_y(self) -> bool:
        return any(part.reads_y for part in self.parts)

    def check(self, shape: Shape | None, classes: int) -> None:
        for part in self.parts:
            part.check(shape, classes)

    def to_config(self) -> Config:
        return {"parts": [precondition_to_config(part) for part in self.parts]}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(*[precondition_from_config(part) for part in config["parts"]])


class AnyOf(_Many):
    """Inputs in at least one of several regions; `a | b`."""

    def holds(self, x: Tensor, best: Tensor, wide: bool = True) -> Tensor:
        return ops.any(ops.stack([p.holds(x, best, wide) for p in self.parts]), axis=0)

    def distance(
        self, x: Tensor, best: Tensor, inside: bool = True, library: ModuleType = np
    ) -> Tensor:
        ways = library.stack([p.distance(x, best, inside, library) for p in self.parts])
        return library.min(ways, axis=0) if inside else library.max(ways, axis=0)

    def boxes(self) -> list[tuple[Array, Array]] | None:
        found = [part.boxes() for part in self.parts]
        return None if None in found else [box for boxes in found for box in boxes]

    def labels(self, classes: int) -> Array:
        return np.any([part.labels(classes) for part in self.parts], axis=0)


class AllOf(_Many):
    """Inputs in all of several regions; `a & b`."""

    def holds(self, x: Tensor, best: Tensor, wide: bool = True) -> Tensor:
        return ops.all(ops.stack([p.holds(x, best, wide) for p in self.parts]), axis=0)

    def distance(
        self, x: Tensor, best: Tensor, inside: bool = True, library: ModuleType = np
    ) -> Tensor:
        ways = library.stack([p.distance(x, best, inside, library) for p in self.parts])
        return library.max(ways, axis=0) if inside else library.min(ways, axis=0)

    def boxes(self) -> list[tuple[Array, Array]] | None:
        found = [part.boxes() for part in self.parts]
        if None in found or math.prod(map(len, found)) > MOST_BOXES:
            return None
        if len({len(low) for boxes in found for low, _ in boxes}) > 1:
            return None  # refused where the inputs are known
        met = [_intersection(boxes) for boxes in itertools.product(*found)]
        return [(low, high) for low, high in met if np.all(low <= high)] or None

    def labels(self, classes: int) -> Array:
        return np.all([part.labels(classes) for part in self.parts], axis=0)


class Not(_Many):
    """Inputs outside of a region; `~a`. Outward is then into the region.

    Args:
        part: a precondition.
    """

    def __init__(self, part: Precondition) -> None:
        super().__init__(part)

    def holds(self, x: Tensor, best: Tensor, wide: bool = True) -> Tensor:
        return ops.logical_not(self.parts[0].holds(x, best, not wide))

    def distance(
        self, x: Tensor, best: Tensor, inside: bool = True, library: ModuleType = np
    ) -> Tensor:
        return self.parts[0].distance(x, best, not inside, library)


def _intersection(boxes):
    """What all of some boxes share; empty where a lower bound exceeds the upper one."""
    return np.max([low for low, _ in boxes], axis=0), np.min([high for _, high in boxes], axis=0)


def precondition_to_config(precondition):
    """A precondition as plain lists and numbers."""
    return {"kind": type(precondition).__name__, **precondition.to_config()}


def precondition_from_config(config):
    """Reads what `precondition_to_config` wrote.

    Raises:
        ValueError: for an unknown kind.
    """
    config = dict(config)
    kind = config.pop("kind", None)
    if kind not in _KINDS or kind.startswith("_"):
        known = sorted(name for name in _KINDS if not name.startswith("_"))
        raise ValueError(f"A precondition must be one of {known}. Received: kind={kind!r}")
    return _KINDS[kind].from_config(config)
