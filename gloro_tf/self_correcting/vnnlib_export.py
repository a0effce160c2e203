"""Properties to VNN-LIB, the format of network verifiers."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gloro_tf.self_correcting.expressions import Above, And, Or, Top
from gloro_tf.self_correcting.preconditions import AllOf, AnyOf
from gloro_tf.self_correcting.properties import Property, SafeOrdering
from gloro_tf.self_correcting.regions import Box, LinearLE
from gloro_tf.types import ArrayLike, PathLike


def to_vnnlib(
    property: Property,
    path: PathLike | None = None,
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
    version: Literal[1, 2] = 1,
) -> str:
    """Writes what verifiers look for: inputs of the precondition with unsafe outputs.

    Args:
        property: `Property` whose precondition is a box or several, or half-spaces in a box.
        path: str. Where to write it. Defaults to nowhere.
        bounds: `(low, high)`, arrays or floats: the domain of the inputs, where a box has none.
        version: 1 or 2. Defaults to 1.

    Returns:
        The text.

    Raises:
        ValueError: for another precondition, without bounds or with some of another shape, or if no
            input is within both.
    """
    if version not in (1, 2):
        raise ValueError(f"`version` must be 1 or 2. Received: version={version}")
    SafeOrdering([property])  # raises where it contradicts itself
    boxes, rows = _parts_of(property.pre)
    n, m = len(boxes[0][0]), property.post.num_outputs
    x, y = (lambda i: f"X_{i}", lambda i: f"Y_{i}") if version == 1 else (_x2, _y2)
    sides = [np.full(n, v) for v in (-np.inf, np.inf)]
    if bounds is not None:
        sides = [np.asarray(b, "float64") for b in bounds]
        if any(side.shape not in ((), (n,)) for side in sides):
            raise ValueError(
                f"`bounds` must be numbers or arrays of {n} values. Received: shapes "
                f"{', '.join(str(side.shape) for side in sides)}"
            )
        sides = [np.broadcast_to(side, (n,)) for side in sides]
    regions = []
    for low, high in boxes:
        low, high = np.maximum(low, sides[0]), np.minimum(high, sides[1])
        if not np.all(np.isfinite(low) & np.isfinite(high)):
            raise ValueError("`bounds` must be given where a precondition leaves inputs unbounded.")
        if np.all(low <= high):
            regions.append([part for i in range(n) for part in _between(x(i), low[i], high[i])])
    rows = [(row, bound) for row, bound in rows if np.any(row) or bound < 0]
    if not regions or not all(np.any(row) for row, _ in rows):
        raise ValueError("No input is in the precondition and within `bounds`.")
    lines = _head(n, m, version) + [f"; unsafe: not {property.post!r}, '{property.name}'"]
    if len(regions) == 1:
        lines += [f"(assert {part})" for part in regions[0]]
    else:
        lines.append(f"(assert {_joined('or', [_joined('and', part) for part in regions])})")
    for row, bound in rows:
        terms = [f"(* {_text(w)} {x(i)})" for i, w in enumerate(row) if w]
        lines.append(f"(assert (<= {_joined('+', terms)} {_text(bound)}))")
    lines.append(f"(assert {_unsafe(property.post, y)})")
    text = "\n".join(lines) + "\n"
    if path is not None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return text


def _parts_of(pre):
    """The boxes (their exact bounds, in the model's units) and the rows of a precondition."""
    if isinstance(pre, Box):
        return [pre.exact()], []
    if isinstance(pre, AnyOf) and all(isinstance(p, Box) for p in pre.parts):
        return [p.exact() for p in pre.parts], []
    if isinstance(pre, AllOf) and len(pre.parts) == 2:
        box = [p for p in pre.parts if isinstance(p, Box)]
        rows = [p for p in pre.parts if isinstance(p, LinearLE)]
        if box and rows:
            return [box[0].exact()], list(zip(*rows[0].exact(), strict=True))
    raise ValueError(
        "`property` must hold in a box, in several, or in half-spaces in a box. Received: "
        f"pre={type(pre).__name__}"
    )


def _head(n, m, version):
    if version == 2:
        inner = f"(declare-input X float32 [{n}]) (declare-output Y float32 [{m}])"
        return ["(vnnlib-version <2.0>)", f"(declare-network N {inner})"]
    names = [f"X_{i}" for i in range(n)] + [f"Y_{i}" for i in range(m)]
    return [f"(declare-const {name} Real)" for name in names]


def _x2(i):
    return f"X[{i}]"


def _y2(i):
    return f"Y[{i}]"


def _between(name, low, high):
    return [f"(>= {name} {_text(low)})", f"(<= {name} {_text(high)})"]


def _text(value):
    """A decimal that reads back as the same float64, without an exponent."""
    return np.format_float_positional(value, trim="0")


def _unsafe(post, y):
    """The negation of a postcondition; a tie is unsafe."""
    if isinstance(post, (And, Or)):
        word = "or" if isinstance(post, And) else "and"
        return _joined(word, [_unsafe(part, y) for part in post.parts])
    if isinstance(post, Above):
        return _joined("or", [f"(<= {y(i)} {y(j)})" for i in post.higher for j in post.lower])
    sign = "<=" if isinstance(post, Top) else ">="
    others = [j for j in range(post.num_outputs) if j not in post.members]
    parts = [_joined("and", [f"({sign} {y(i)} {y(j)})" for i in post.members]) for j in others]
    if not parts:
        raise ValueError(f"`property` must ask for something. Received: post={post!r}")
    return _joined("or", parts)


def _joined(word, parts):
    return parts[0] if len(parts) == 1 else f"({word} {' '.join(parts)})"
