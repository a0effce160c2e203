"""Preconditions that are no regions: the predicted class, and functions of the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

import keras
import numpy as np
from keras import ops

from gloro_tf.self_correcting.preconditions import Precondition
from gloro_tf.types import Array, ArrayLike, Config, Shape, Tensor

if TYPE_CHECKING:
    from types import ModuleType


class PredictedIn(Precondition):
    """Inputs whose best class, before any correction, is one of these.

    Args:
        classes: list of indices. "Best" is the largest output, or the smallest where a
            `SafeOrdering` says `score="min"`.

    Raises:
        ValueError: for `classes` that are no indices.
    """

    reads_x, reads_y = False, True

    def __init__(self, classes: ArrayLike) -> None:
        given = np.atleast_1d(classes)
        if given.dtype.kind not in "iu" or not given.size or given.min() < 0:
            raise ValueError(f"`classes` must be indices of classes. Received: classes={classes}")
        self.classes = sorted({int(c) for c in given.ravel()})

    def holds(self, x: Tensor, best: Tensor, wide: bool = True) -> Tensor:
        named = ops.convert_to_tensor(self.labels(best.shape[-1])[None])
        return ops.any(ops.logical_and(best, named), axis=-1)

    def distance(
        self, x: Tensor, best: Tensor, inside: bool = True, library: ModuleType = np
    ) -> Tensor:
        if library is np:
            named = np.any(best & self.labels(best.shape[-1]), axis=-1)
        else:
            named = self.holds(x, best)
        return library.where(named if inside else ~named, 0.0, np.inf)

    def labels(self, classes: int) -> Array:
        return np.isin(np.arange(classes), self.classes)

    def check(self, shape: Shape | None, classes: int) -> None:
        if self.classes[-1] >= classes:
            raise ValueError(
                f"The classes of a `PredictedIn` must be below {classes}. Received: {self.classes}"
            )

    def to_config(self) -> Config:
        return {"classes": self.classes}


class Predicate(Precondition):
    """Inputs for which a function of yours is true.

    Args:
        function: callable, flat inputs `(batch, n)` to bools `(batch,)`, in `keras.ops`. To be saved
            it must be registered, with `@keras.saving.register_keras_serializable(package=...)`.

    Raises:
        ValueError: for a `function` that cannot be called.
    """

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        if not callable(function):
            raise ValueError(f"`function` must be callable. Received: function={function!r}")
        self.function = function

    def holds(self, x: Tensor, best: Tensor, wide: bool = True) -> Tensor:
        found = ops.convert_to_tensor(self.function(x))
        if not len(found.shape) or math.prod(found.shape[1:]) != 1:
            raise ValueError(
                "The function of a `Predicate` must give one value for each row. Received: shape "
                f"{tuple(found.shape)} for inputs of shape {tuple(x.shape)}"
            )
        return ops.cast(ops.reshape(found, (-1,)), "bool")

    def distance(
        self, x: Tensor, best: Tensor, inside: bool = True, library: ModuleType = np
    ) -> Tensor:
        return library.where(best[:, 0] == best[:, 0], 0.0, np.nan)

    def to_config(self) -> Config:
        name = keras.saving.get_registered_name(self.function)
        if keras.saving.get_registered_object(name) is not self.function:
            raise ValueError(
                "The function of a `Predicate` must be registered before it is saved. Received: "
                f"{name!r}. Decorate it with "
                "`@keras.saving.register_keras_serializable(package='mine')`."
            )
        return {"function": name}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        function = keras.saving.get_registered_object(config["function"])
        if function is None:
            raise ValueError(
                f"The predicate {config['function']!r} is not registered here. Import the module that "
                "registers it before loading."
            )
        return cls(function)
