"""Names for what the signatures of this library take and give.

Keras ships no type hints: to a type checker `keras.Model`, its layers and `Tensor` are `Any`, and
say what is meant to the reader only.
"""

import os
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy.typing as npt

__all__ = [
    "Array",
    "ArrayLike",
    "Bounds",
    "Builder",
    "Config",
    "Node",
    "Norm",
    "PathLike",
    "Shape",
    "Tensor",
]

Array: TypeAlias = npt.NDArray[Any]
"""A NumPy array; the docstring says its shape and dtype."""

ArrayLike: TypeAlias = npt.ArrayLike
"""What `numpy.asarray` takes: arrays, numbers, nested lists."""

Tensor: TypeAlias = Any
"""A tensor of the running backend, or a `keras.KerasTensor`."""

Shape: TypeAlias = tuple[Any, ...]
"""A shape, of `int`; `None` stands for an axis of any length."""

Bounds: TypeAlias = tuple[float, float]
"""`(low, high)` of the inputs."""

Norm: TypeAlias = Literal["l2", "linf"]
"""The norm of a ball."""

Config: TypeAlias = dict[str, Any]
"""What `get_config` returns: the constructor's arguments, ready for JSON."""

PathLike: TypeAlias = str | os.PathLike[str]
"""A path, as text or as `pathlib.Path`."""

Builder: TypeAlias = Callable[[], Any]
"""A function without arguments that returns a new `keras.Model`."""

Node: TypeAlias = tuple[str, int, int]
"""`(kind, layer, step)`, a node of an unrolled LSTM."""
