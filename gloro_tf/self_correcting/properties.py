"""Properties, and sets of them: for which inputs which orders of the outputs are safe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal, Self

import keras

from gloro_tf.self_correcting.expressions import Expression
from gloro_tf.self_correcting.normal_form import alternatives
from gloro_tf.self_correcting.outputs import Outputs, expression_from_config
from gloro_tf.self_correcting.preconditions import (
    Precondition,
    precondition_from_config,
    precondition_to_config,
)
from gloro_tf.types import Config, PathLike, Shape

SCORES = ("max", "min")


class Property:
    """A safe-ordering property: where `pre` holds of the input, `post` must hold of the outputs.

    Args:
        pre: precondition, as `Box` or `Always()`.
        post: postcondition, from `Outputs`.
        name: str. Defaults to `"property"`; a `SafeOrdering` tells equal names apart.

    Raises:
        ValueError: for a `pre` that is no precondition, or a `post` that is no postcondition.

    Example:

    ```python
    y = Outputs(5, names=["COC", "WL", "WR", "SL", "SR"])
    pre = Box([55948, None, None, 1145, None], [None, None, None, None, 60])
    far_and_slow = Property(pre, ~y["COC"].is_max(), name="phi2")
    ```

    Reference:
        [Leino et al., Self-Correcting Neural Networks for Safe Classification](
        https://arxiv.org/abs/2107.11445), section 2.
    """

    def __init__(self, pre: Precondition, post: Expression, name: str = "property") -> None:
        if not isinstance(pre, Precondition):
            raise ValueError(
                "`pre` must be a precondition, such as `Box` or `Always()`. Received: "
                f"pre={type(pre).__name__}"
            )
        if not isinstance(post, Expression):
            raise ValueError(
                "`post` must be a postcondition, such as `y[0] < y[1]` with `y = Outputs(...)`. "
                f"Received: post={type(post).__name__}"
            )
        self.pre, self.post, self.name = pre, post, str(name)

    def __repr__(self):
        return f"<Property '{self.name}': {type(self.pre).__name__} => {self.post!r}>"

    def to_config(self) -> Config:
        """Plain lists and numbers.

        Returns:
            dict.
        """
        return {
            "name": self.name,
            "num_outputs": self.post.num_outputs,
            "pre": precondition_to_config(self.pre),
            "post": self.post.to_config(),
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Reads what `to_config` wrote.

        Args:
            config: dict.

        Returns:
            `Property`.
        """
        post = expression_from_config(config["post"], config["num_outputs"])
        return cls(precondition_from_config(config["pre"]), post, config["name"])


@keras.saving.register_keras_serializable(package="gloro_tf")
class SafeOrdering:
    """Safe-ordering properties of one model; all that are active at an input must hold there.

    Args:
        properties: list of `Property`; may be empty, which asks nothing.
        num_outputs: int. Defaults to that of the properties.
        score: `"max"` where the largest output decides, `"min"` where the smallest does, as for the
            costs of ACAS Xu. It says what a correction tries to keep; postconditions always speak
            of the raw outputs.

    Example:

    ```python
    properties = SafeOrdering([phi2, phi3], score="min")
    properties.to_json("acas.json")
    ```

    Raises:
        ValueError: for anything but a list of `Property`; naming the property, if it contradicts
            itself or has other outputs or boxes of another size than the others.
    """

    def __init__(
        self,
        properties: Sequence[Property],
        num_outputs: int | None = None,
        score: Literal["max", "min"] = "max",
    ) -> None:
        self.properties, self.score = _checked(properties), score
        if score not in SCORES:
            raise ValueError(f"`score` must be one of {SCORES}. Received: score={score!r}")
        if num_outputs is None and self.properties:
            num_outputs = self.properties[0].post.num_outputs
        if num_outputs is None:
            raise ValueError("`num_outputs` must be given where there are no properties.")
        self.num_outputs = len(Outputs(num_outputs))
        self.names = _distinct([p.name for p in self.properties])
        self.alternatives = [self._alternatives(*p) for p in self._numbered()]
        self._check_boxes()

    def _check_boxes(self):
        sizes = {}
        for name, prop in zip(self.names, self.properties, strict=True):
            for low, _ in prop.pre.boxes() or []:
                sizes.setdefault(len(low), name)
        if len(sizes) > 1:
            raise ValueError(
                "All boxes must have the shape of one input. Received: "
                + ", ".join(f"{size} values in property '{n}'" for size, n in sizes.items())
            )

    def _numbered(self):
        return list(enumerate(zip(self.names, self.properties, strict=True)))

    def _alternatives(self, number, named):
        name, prop = named
        where = f"Property '{name}' (number {number})"
        if prop.post.num_outputs != self.num_outputs:
            raise ValueError(
                f"{where} must be about {self.num_outputs} outputs, as the others. Received: "
                f"{prop.post.num_outputs}"
            )
        try:
            prop.pre.check(None, self.num_outputs)
            found = alternatives(prop.post, self.score)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if not found:
            raise ValueError(
                f"{where} contradicts itself: no order of the outputs satisfies {prop.post!r}. "
                "Correct its postcondition."
            )
        return found

    def __len__(self):
        return len(self.properties)

    def __getitem__(self, key):
        """A property, by index or name."""
        if isinstance(key, str) and key not in self.names:
            raise ValueError(f"A property must be one of {self.names}. Received: {key!r}")
        return self.properties[self.names.index(key) if isinstance(key, str) else key]

    def __iter__(self):
        return iter(self.properties)

    def __repr__(self):
        return f"<SafeOrdering of {self.names}, {self.num_outputs} outputs, score={self.score!r}>"

    @property
    def reads_x(self) -> bool:
        """Whether any precondition looks at the input."""
        return any(p.pre.reads_x for p in self.properties)

    def check_input(self, shape: Shape) -> None:
        """Raises where a precondition does not fit inputs of this shape, without the batch.

        Args:
            shape: tuple, or `None` for no inputs.

        Raises:
            ValueError: naming the property.
        """
        for number, (name, prop) in self._numbered():
            try:
                prop.pre.check(shape, self.num_outputs)
            except ValueError as error:
                raise ValueError(f"Property '{name}' (number {number}): {error}") from error

    def to_json(self, path: PathLike | None = None) -> str:
        """The properties as JSON text, also written to a file if there is a path.

        Args:
            path: str. Where to write it. Defaults to nowhere.
        """
        text = json.dumps(self.get_config(), indent=1)
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text + "\n")
        return text

    @classmethod
    def from_json(cls, text: str | None = None, path: PathLike | None = None) -> Self:
        """Reads what `to_json` wrote, from text or from a file.

        Args:
            text: str.
            path: str. A file, instead of `text`.

        Returns:
            `SafeOrdering`.

        Raises:
            ValueError: for both or neither, or a text that holds something else.
        """
        if path is not None and text is None:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        elif path is not None or text is None:
            raise ValueError("Give either `text` or `path`.")
        try:
            return cls.from_config(json.loads(text))
        except (
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            ArithmeticError,
            RecursionError,
        ) as error:
            raise ValueError(
                f"The text does not hold a `SafeOrdering` ({type(error).__name__}: {error}). Write it "
                "with `to_json`."
            ) from error

    def get_config(self) -> Config:
        return {
            "properties": [p.to_config() for p in self.properties],
            "num_outputs": self.num_outputs,
            "score": self.score,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        properties = [Property.from_config(p) for p in config["properties"]]
        return cls(properties, config["num_outputs"], config["score"])


def as_safe_ordering(properties, num_outputs=None, score="max"):
    """A `SafeOrdering` from one, from a list of properties, or from one property."""
    if isinstance(properties, SafeOrdering):
        if num_outputs not in (None, properties.num_outputs):
            raise ValueError(
                f"`properties` must be about the {num_outputs} outputs of the model. Received: "
                f"{properties.num_outputs} outputs"
            )
        return properties
    properties = [properties] if isinstance(properties, Property) else properties
    return SafeOrdering(properties, num_outputs, score)


def _checked(properties):
    """A list of properties."""
    listed = isinstance(properties, (list, tuple))
    if not listed or not all(isinstance(p, Property) for p in properties):
        kinds = {type(p).__name__ for p in (properties if listed else [properties])}
        raise ValueError(
            f"`properties` must be a list of `Property`. Received: {', '.join(sorted(kinds))}"
        )
    return list(properties)


def _distinct(names):
    """The names, with a number after those that occur more than once."""
    repeated = {name for name in names if names.count(name) > 1}
    found = [f"{name}_{i}" if name in repeated else name for i, name in enumerate(names)]
    return found if len(set(found)) == len(found) else _distinct(found)
