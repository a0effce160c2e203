"""The outputs of a model, in whose comparisons postconditions are written."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

import numpy as np

from gloro_tf.self_correcting.expressions import Above, And, Bottom, Expression, Or, Top


class Outputs:
    """The outputs of a model, by index or by name; comparing them gives postconditions.

    Expressions speak of the raw outputs, whichever direction is better: `y[0] < y[1]`,
    `y[0].is_max()`, `y.argmax_in(0, 1)`, `y.above([0, 1], [2])`, `chain(y[0], y[1], y[2])`, and these
    under `&`, `|` and `~`. All are strict: two equal outputs are in neither order.

    Args:
        num_outputs: int, at least 2.
        names: optional list of `num_outputs` different strings.

    Example:

    ```python
    y = gloro_tf.self_correcting.Outputs(3, names=["stay", "left", "right"])
    post = ~y["stay"].is_max() & (y["left"] < y["right"])
    ```

    Raises:
        ValueError: naming the argument.
    """

    def __init__(self, num_outputs: int, names: Sequence[str] | None = None) -> None:
        if isinstance(num_outputs, bool) or int(num_outputs) != num_outputs or num_outputs < 2:
            raise ValueError(
                f"`num_outputs` must be an integer of at least 2. Received: num_outputs={num_outputs}"
            )
        self.num_outputs = int(num_outputs)
        self.names = None if names is None else [str(name) for name in names]
        if self.names is not None and len({*self.names}) != num_outputs:
            raise ValueError(
                f"`names` must be {num_outputs} different strings. Received: names={names}"
            )

    def __len__(self):
        return self.num_outputs

    def __getitem__(self, key):
        return Output(self, self.index(key))

    def __iter__(self):
        return (self[i] for i in range(self.num_outputs))

    def index(self, key: int | str | Output) -> int:
        """The index of an output given by index, name or `Output`.

        Args:
            key: int, str or `Output`.

        Raises:
            IndexError: for an index that is too large.
            ValueError: for anything else that is no output.
        """
        if isinstance(key, Output):
            _same(self, key.outputs)
            return key.index
        if isinstance(key, str):
            if self.names is None or key not in self.names:
                raise ValueError(
                    f"An output must be one of {self.names or 'the indices'}. Received: {key!r}"
                )
            return self.names.index(key)
        integral = hasattr(key, "__index__") and not isinstance(key, (bool, np.bool_))
        if not integral or not 0 <= operator.index(key) < len(self):
            raise IndexError(
                f"An output must be an index from 0 to {len(self) - 1}. Received: {key!r}"
            )
        return operator.index(key)

    def argmax_in(self, *outputs: int | str | Output) -> Top:
        """The largest output is one of these.

        Args:
            *outputs: indices, names or `Output`s.

        Returns:
            A postcondition.
        """
        return Top(len(self), self._set(outputs))

    def argmin_in(self, *outputs: int | str | Output) -> Bottom:
        """The smallest output is one of these.

        Args:
            *outputs: indices, names or `Output`s.

        Returns:
            A postcondition.
        """
        return Bottom(len(self), self._set(outputs))

    def above(
        self, higher: Iterable[int | str | Output], lower: Iterable[int | str | Output]
    ) -> Above:
        """Each output of `higher` is above each of `lower`; both are lists, or single outputs.

        Returns:
            A postcondition.
        """
        return Above(len(self), self._set(higher), self._set(lower))

    def rest(self, outputs: Iterable[int | str | Output]) -> list[int]:
        """The indices of all other outputs.

        Args:
            outputs: list of indices, names or `Output`s.
        """
        given = self._set(outputs)
        return [i for i in range(len(self)) if i not in given]

    def _set(self, outputs):
        outputs = _listed(outputs)
        if len(outputs) == 1:
            outputs = _listed(outputs[0])
        found = sorted({self.index(key) for key in outputs})
        if not found:
            raise ValueError("A set of outputs must not be empty. Received: an empty set.")
        return found


class Output:
    """One output of a model; compare it with another one, or ask whether it is extreme."""

    def __init__(self, outputs, index):
        self.outputs, self.index = outputs, index

    def __repr__(self):
        names = self.outputs.names
        return f"y[{self.index if names is None else repr(names[self.index])}]"

    def _below(self, low, high):
        if not isinstance(low, Output) or not isinstance(high, Output):
            raise TypeError(
                "An output is compared with another output: orders carry no numbers. "
                f"Received: {low!r} < {high!r}"
            )
        _same(low.outputs, high.outputs)
        return Above(len(self.outputs), [high.index], [low.index])

    def __lt__(self, other):
        return self._below(self, other)

    def __gt__(self, other):
        return self._below(other, self)

    def _not_strict(self, other):
        raise TypeError("Orders are strict. Write `<` or `>` in place of `<=`, `>=`, `==` or `!=`.")

    __le__ = __ge__ = __eq__ = __ne__ = _not_strict
    __hash__ = object.__hash__

    def _unbracketed(self, other):
        raise TypeError(
            "`&` and `|` bind tighter than `<`. Put each comparison in parentheses: "
            "`(y[0] < y[1]) | (y[1] < y[2])`."
        )

    __or__ = __ror__ = __and__ = __rand__ = _unbracketed

    def __invert__(self):
        raise TypeError(
            "An output is neither true nor false. Negate a comparison: `~(y[0] < y[1])`."
        )

    def __bool__(self):
        raise TypeError(
            "An output has no truth value before it is known. Compare it with another one, or ask "
            "whether it `is_max()`."
        )

    def is_max(self):
        """It is the largest output."""
        return Top(len(self.outputs), [self.index])

    def is_min(self):
        """It is the smallest output."""
        return Bottom(len(self.outputs), [self.index])


def chain(*outputs: Output) -> Expression:
    """The outputs in rising order: `chain(a, b, c)` is `(a < b) & (b < c)`.

    Args:
        *outputs: `Output`s, two or more.

    Raises:
        ValueError: for fewer than two, or anything else, such as their names.
    """
    if len(outputs) < 2 or not all(isinstance(output, Output) for output in outputs):
        raise ValueError(
            "`chain` takes two or more outputs, as in `chain(y[0], y[1], y[2])`. Received: "
            f"{', '.join(map(repr, outputs)) or 'none'}"
        )
    links = [low < high for low, high in zip(outputs[:-1], outputs[1:], strict=True)]
    return links[0] if len(links) == 1 else And(*links)


def expression_from_config(config, num_outputs):
    """Reads what `Expression.to_config` wrote.

    Raises:
        ValueError: for an unknown word or an output out of range.
    """
    word, *rest = config
    if word in ("and", "or"):
        parts = [expression_from_config(part, num_outputs) for part in rest[0]]
        return (And if word == "and" else Or)(*parts)
    if word not in ("above", "argmax_in", "argmin_in"):
        raise ValueError(
            "A postcondition must start with 'and', 'or', 'above', 'argmax_in' or 'argmin_in'. "
            f"Received: {word!r}"
        )
    outputs = Outputs(num_outputs)
    members = [[outputs.index(i) for i in part] for part in rest]
    kind = {"above": Above, "argmax_in": Top, "argmin_in": Bottom}[word]
    return kind(num_outputs, *members)


def _listed(outputs):
    """Several outputs as a list, also where there is one without brackets."""
    several = isinstance(outputs, Iterable) and not isinstance(outputs, str)
    return list(outputs) if several else [outputs]


def _same(one, other):
    """Raises for outputs of models of different widths."""
    if len(one) != len(other):
        raise ValueError(
            f"Outputs of one model must be compared. Received: outputs of {len(one)} and of "
            f"{len(other)}"
        )
