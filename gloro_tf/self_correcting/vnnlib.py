"""Properties from VNN-LIB, the format of network verifiers.

A VNN-LIB file describes counterexamples: inputs of a region whose outputs are unsafe. A property is
the opposite: in the region, the outputs are not unsafe. Read are version 1 (`declare-const X_0 Real`)
and the part of version 2 with one network of one input and one output tensor, of any names and shapes;
a property speaks of the values of an input in their order. Of what they can say, a
property takes linear bounds on inputs and comparisons of two outputs.
"""

from __future__ import annotations

import math
import operator
import os
import re
from typing import Any

import numpy as np

from gloro_tf.self_correcting._sexpr import lines_of, parse
from gloro_tf.self_correcting.expressions import Above, And, Or
from gloro_tf.self_correcting.properties import Property
from gloro_tf.self_correcting.regions import Box, LinearLE
from gloro_tf.types import PathLike

_NAME = re.compile(r"([XY])(?:_(\d+)|\s*\[\s*(\d+)\s*\])")
IGNORED = ("vnnlib-version", "set-logic", "set-info", "set-option", "check-sat", "exit")
MOST_VALUES = 1_000_000
_TENSORS = {"declare-input": "X", "declare-output": "Y"}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def from_vnnlib(source: PathLike, name: str | None = None) -> list[Property]:
    """Reads the properties that a VNN-LIB file denies.

    Args:
        source: path of a file, or the text itself.
        name: str. Defaults to the file's name, else `"vnnlib"`.

    Returns:
        list of `Property`: one, unless alternatives of the file mix inputs and outputs. Comparisons
        `<=` of outputs become strict `>` in the property.

    Raises:
        ValueError: naming the assertion, where it bounds the value of an output or is not linear, and
            where no input meets the assertions.

    Example:

    ```python
    properties = SafeOrdering(from_vnnlib("prop_2.vnnlib"), score="min")
    ```
    """
    if isinstance(source, os.PathLike) or "(" not in source or _is_file(source):
        text = _read(source)
        name = name or os.path.splitext(os.path.basename(source))[0]
    else:
        text = source
    declared, assertions = _declarations(_flat(parse(text.removeprefix("\ufeff"))))
    terms: list[dict[str, list[Any]]] = [{"x": [], "y": []}]
    for assertion in assertions:
        alternatives = _terms(assertion, declared)
        terms = [_joined(a, b) for a in terms for b in alternatives]
        if len(terms) > 4096:
            raise ValueError("The assertions must have at most 4,096 alternatives in all.")
    return _properties(terms, declared, name or "vnnlib")


def _is_file(source):
    try:
        return os.path.isfile(source)
    except ValueError:  # of text with zero bytes, before Python 3.13
        return False


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, PermissionError):
        raise
    except (OSError, ValueError) as error:
        raise ValueError(
            "`source` must be the path of a VNN-LIB file in UTF-8, or its text. Received: "
            f"{str(path)[:80]!r} ({error})"
        ) from error


def _flat(commands):
    """The commands with elements of declared tensors by one index: `in[0,1]` of `[2,3]` as `X[1]`."""
    tensors = {}
    for command in commands:
        if command[0] == "declare-network":
            for part in filter(_is_declaration, command[2:]):
                letter = _TENSORS.get(part[0])
                shape = re.fullmatch(r".*\[([\d\s,]+)\]", part[-1]) if letter else None
                if shape:
                    tensors[part[1]] = letter, [int(n) for n in re.findall(r"\d+", shape[1])]
                    part[1] = letter

    def element(token):
        if isinstance(token, list):
            return [element(part) for part in token]
        name, _, rest = token.partition("[")
        index = [int(n) for n in rest[:-1].split(",")] if re.fullmatch(r"[\d\s,]+\]", rest) else []
        letter, shape = tensors.get(name.strip(), (None, []))
        if not index or len(index) != len(shape) or not all(map(operator.lt, index, shape)):
            return token
        number = 0
        for at, size in zip(index, shape, strict=True):
            number = number * size + at
        return f"{letter}[{number}]"

    return [element(c) if c[0] == "assert" and tensors else c for c in commands]


def _declarations(commands):
    """`(sizes, assertions)`: the number of inputs and outputs, and the asserted formulas."""
    sizes, assertions = {"X": 0, "Y": 0}, []
    for command in commands:
        head = command[0]
        if head == "declare-fun" and command[2:] == [[], "Real"]:
            command = ["declare-const", command[1], "Real"]
            head = command[0]
        if head == "assert" and len(command) == 2:
            assertions.append(command[1])
        elif head == "declare-const" and len(command) == 3:
            letter, index = _variable(command[1]) or _unknown(command)
            sizes[letter] = max(sizes[letter], index + 1)
        elif head == "declare-network":
            for part in command[2:]:
                letter = _TENSORS.get(part[0]) if _is_declaration(part) else None
                shape = re.findall(r"\d+", part[-1].partition("[")[2]) if letter else []
                size = math.prod(map(int, shape)) if shape else 0
                if letter is None or sizes[letter] or not 0 < size <= MOST_VALUES:
                    raise ValueError(
                        "A network must declare one input and one output, of at most "
                        f"{MOST_VALUES:,} values. Received: {lines_of(part)[:80]}"
                    )
                sizes[letter] = size
        elif head not in IGNORED:
            _unknown(command)
    if not sizes["X"] or sizes["Y"] < 2:
        raise ValueError(
            f"A file must declare inputs and two or more outputs. Received: {sizes['X']} inputs, "
            f"{sizes['Y']} outputs"
        )
    return sizes, assertions


def _is_declaration(part):
    return isinstance(part, list) and len(part) > 2 and all(isinstance(p, str) for p in part)


def _variable(token):
    """`("X", 3)` of `X_3` or `X[3]`, else `None`."""
    found = isinstance(token, str) and _NAME.fullmatch(token)
    if found and len(found[2] or found[3]) > 6:
        raise ValueError(f"An index must have at most 6 digits. Received: {token[:40]}")
    return found and (found[1], int(found[2] or found[3]))


def _unknown(command):
    raise ValueError(f"Unknown VNN-LIB command: {lines_of(command)}")


def _terms(formula, sizes):
    """A formula as alternatives, each `{"x": [(row, bound), ...], "y": [(higher, lower), ...]}`."""
    if isinstance(formula, str) or not formula:
        raise ValueError(f"An assertion must be a formula. Received: {lines_of(formula)}")
    head, *rest = formula
    if head == "or":
        return [term for part in rest for term in _terms(part, sizes)]
    if head == "and":
        found = [{"x": [], "y": []}]
        for part in rest:
            found = [_joined(a, b) for a in found for b in _terms(part, sizes)]
            if len(found) > 65536:
                raise ValueError(
                    f"An assertion has too many alternatives: {lines_of(formula)[:80]}"
                )
        return found
    if head not in ("<=", ">=", "<", ">", "==", "=") or len(rest) != 2:
        raise ValueError(
            f"Assertions must be made of and, or, <= and >=. Received: {lines_of(formula)}"
        )
    if head in ("==", "="):
        return _terms(["and", ["<=", *rest], [">=", *rest]], sizes)
    left, right = rest if head in ("<=", "<") else rest[::-1]
    return [_literal(_linear(left, sizes), _linear(right, sizes), formula)]


def _literal(left, right, formula):
    """`left <= right` as a row of inputs or a pair of outputs."""
    weights = {key: left.get(key, 0.0) - right.get(key, 0.0) for key in {*left, *right}}
    bound = -weights.pop(None, 0.0)
    weights = {key: w for key, w in weights.items() if w}
    letters = {key[0] for key in weights}
    if letters == {"X"}:
        return {"x": [({key[1]: w for key, w in weights.items()}, bound)], "y": []}
    if letters == {"Y"} and bound == 0 and len(weights) == 2 and sum(weights.values()) == 0:
        higher, lower = sorted(weights, key=weights.get)
        return {"x": [], "y": [(higher[1], lower[1])]}
    raise ValueError(
        "An assertion must bound inputs or compare two outputs; values of outputs are no order. "
        f"Received: {lines_of(formula)}"
    )


def _linear(term, sizes):
    """A term as `{variable: weight}`, the constant under `None`."""
    if isinstance(term, str):
        variable = _variable(term)
        if not variable:
            if not _NUMBER.fullmatch(term) or not math.isfinite(float(term)):
                raise ValueError(f"Unknown name in an assertion: {term}")
            return {None: float(term)}
        if variable[1] >= sizes[variable[0]]:
            raise ValueError(f"An assertion names {term}, which is not declared.")
        return {variable: 1.0}
    head, *rest = term or [None]
    parts = [_linear(part, sizes) for part in rest]
    if head == "*":
        scale, others = 1.0, []
        for part in parts:
            if set(part) == {None}:
                scale *= part[None]
            else:
                others.append(part)
        if len(others) < 2:
            return {key: w * scale for key, w in (others or [{None: 1.0}])[0].items()}
    if head == "/" and len(parts) == 2 and set(parts[1]) == {None} and parts[1][None]:
        return {key: w / parts[1][None] for key, w in parts[0].items()}
    if head == "-" and len(parts) == 1:
        parts.insert(0, {})
    if head in ("+", "-") and parts:
        total = dict(parts[0])
        for part in parts[1:]:
            for key, weight in part.items():
                total[key] = total.get(key, 0.0) + (weight if head == "+" else -weight)
        return total
    raise ValueError(f"A term must be linear. Received: {lines_of(term)}")


def _joined(one, other):
    return {side: one[side] + other[side] for side in ("x", "y")}


def _properties(terms, sizes, name):
    """One property for each region, with all that is unsafe there."""
    regions = {}
    for term in terms:
        key = tuple(sorted((tuple(sorted(row.items())), bound) for row, bound in term["x"]))
        regions.setdefault(key, []).append(term["y"])
    found, same = [], {}
    for region, unsafe in regions.items():
        same.setdefault(str(sorted(map(sorted, unsafe))), []).append((region, unsafe))
    for group in same.values():
        unsafe = group[0][1]
        if any(not pairs for pairs in unsafe):
            raise ValueError(
                "A file must say which outputs are unsafe. Received: assertions about inputs alone"
            )
        m = sizes["Y"]
        parts = [
            _either([Above(m, [low], [high]) for high, low in sorted(set(pairs))], Or)
            for pairs in unsafe
        ]
        regions = [r for region, _ in group if (r := _region(region, sizes["X"])) is not None]
        if not regions:
            continue
        pre = regions[0]
        for other in regions[1:]:
            pre = pre | other
        found.append(Property(pre, _either(parts, And), name))
    if not found:
        raise ValueError("No input meets the assertions: they contradict one another.")
    return found


def _either(parts, kind):
    return parts[0] if len(parts) == 1 else kind(*parts)


def _region(rows, n):
    """A box, and half-spaces for rows of several inputs; `None` if no input is in the box."""
    lower, upper, others = np.full(n, -np.inf), np.full(n, np.inf), []
    for row, bound in rows:
        if len(row) > 1:
            others.append((row, bound))
            continue
        ((index, weight),) = row
        if weight > 0:
            upper[index] = min(upper[index], bound / weight)
        else:
            lower[index] = max(lower[index], bound / weight)
    if np.any(lower > upper):
        return None
    pre = Box(lower, upper)
    if others:
        matrix = np.zeros((len(others), n))
        for number, (row, _) in enumerate(others):
            for index, weight in row:
                matrix[number, index] = weight
        pre = pre & LinearLE(matrix, [bound for _, bound in others])
    return pre
