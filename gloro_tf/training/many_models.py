"""Many trained models of one architecture, held as stacked weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from gloro_tf.training import _stacked
from gloro_tf.training._many_checks import check_positive
from gloro_tf.types import Array, ArrayLike, Builder, Tensor


class ManyModels:
    """What `fit_many` returns: `n` models of one architecture.

    Args:
        build: callable without arguments that builds the architecture.
        model: one such model; it is used for its structure only.
        weights: list of `(n, ...)` arrays: the trainable weights of `model`, then the others.
        seeds: `(n,)` integers.
        losses: `(epochs, n)` floats.

    Attributes:
        seeds: `(n,)` integers, those of the members.
        losses: `(epochs, n)` floats: each member's loss in training, the mean of its batches.
        weights: as above.

    Example:

    ```python
    many = gloro_tf.training.fit_many(build, x, y, n=200, epochs=20)
    labels = many.labels(x_test)  # (200, examples)
    third = many[2]  # a Keras model
    ```
    """

    def __init__(
        self,
        build: Builder,
        model: keras.Model,
        weights: Sequence[Tensor],
        seeds: Array,
        losses: Array,
    ) -> None:
        self._build, self._model = build, model
        self.weights, self.seeds, self.losses = weights, seeds, losses
        self._calls: dict[Any, Callable[..., Any]] = {}

    def __len__(self):
        return len(self.seeds)

    def __repr__(self):
        size = sum(int(np.prod(w.shape[1:])) for w in self.weights)
        return f"<ManyModels: {len(self)} times '{self._model.name}' of {size:,} weights>"

    def predict(self, x: ArrayLike, batch_size: int = 1024) -> Array:
        """The outputs of all members, a `(n, examples, classes)` NumPy array.

        Args:
            x: `(examples, ...)` array.
            batch_size: int. Defaults to 1024.
        """
        check_positive(batch_size=batch_size)
        x = np.asarray(x)
        starts = range(0, max(len(x), 1), batch_size)
        parts = [ops.convert_to_tensor(x[s : s + batch_size]) for s in starts]
        found = [self._call(part, shared_input=True) for part in parts]
        return np.concatenate([ops.convert_to_numpy(outputs) for outputs in found], axis=1)

    def labels(self, x: ArrayLike, batch_size: int = 1024) -> Array:
        """The classes that the members predict, `(n, examples)` int64.

        Args:
            x: `(examples, ...)` array.
            batch_size: int. Defaults to 1024.
        """
        return self.predict(x, batch_size).argmax(axis=-1).astype("int64")

    def scores(self, x: Tensor, training: bool = False, shared_input: bool = False) -> Tensor:
        """The outputs on an input for each member, `(n, batch, ...)` to `(n, batch, classes)`.

        Tensors in and out; can be differentiated in `x`. With `shared_input`, `x` is `(batch, ...)`
        and the same for all members.

        Args:
            training: bool. As in a Keras call. Defaults to `False`.
        """
        return self._call(x, training, shared_input)

    def __getitem__(self, index):
        if not isinstance(index, int | np.integer):
            raise TypeError(
                f"`index` must be an integer. Received: {index!r}. Use `models([...])` for several."
            )
        index = range(len(self))[index]
        model = self._build()
        model.name = f"{self._model.name}_member_{index}"
        variables = [*model.trainable_variables, *model.non_trainable_variables]
        for variable, values in zip(variables, self.weights, strict=True):
            variable.assign(values[index])
        return model

    def models(self, members: Iterable[int] | None = None) -> list[keras.Model]:
        """A list of ordinary Keras models, by default of all members; their names differ.

        Args:
            members: sequence of int. Defaults to all.
        """
        return [self[i] for i in (range(len(self)) if members is None else members)]

    def subset(self, members: Any) -> ManyModels:
        """The `ManyModels` of some members, in the order given.

        Args:
            members: sequence of int.
        """
        members = np.asarray(members)
        weights = [w[members] for w in self.weights]
        return ManyModels(
            self._build, self._model, weights, self.seeds[members], self.losses[:, members]
        )

    def _call(self, x, training=False, shared_input=False):
        key = training, shared_input
        if key not in self._calls:
            forward = _stacked.forward(self._model, training)
            self._calls[key] = _stacked.over_members(forward, shared_input)
        count = len(self._model.trainable_variables)
        tensors = [ops.convert_to_tensor(w) for w in self.weights]
        return self._calls[key](tensors[:count], tensors[count:], x)[0]
