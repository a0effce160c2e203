"""Examples as cells: a header, then text and code in turn."""

import ast
import dataclasses
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "examples"


@dataclasses.dataclass(frozen=True)
class Example:
    """One example.

    Args:
        name: str. The name of its file, without `.py`.
        title, description: str, from its header.
        cells: tuple of pairs `("text" | "code", str)`, without the header.
    """

    name: str
    title: str
    description: str
    cells: tuple

    @property
    def path(self):
        """The file."""
        return FOLDER / f"{self.name}.py"


def names():
    """Returns the names of the examples."""
    return sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))


def read(name):
    """Returns the `Example` of that name.

    Raises:
        ValueError: for an unknown name, or a file without the header `Title: ... Description: ...`.
    """
    if name not in names():
        raise ValueError(f"`name` must be one of {names()}. Received: name={name!r}")
    (kind, header), *cells = split((FOLDER / f"{name}.py").read_text())
    title, _, description = header.partition("\n")
    if kind != "text" or not title.startswith("Title: "):
        raise ValueError(f"'{name}.py' must begin with a docstring, `Title: ...`.")
    description = description.removeprefix("Description: ").strip()
    return Example(name, title.removeprefix("Title: ").strip(), description, tuple(cells))


def split(source):
    """Splits a program at its top-level strings, which are text: `[("text" | "code", str), ...]`."""
    lines, cells, done = source.splitlines(), [], 0
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
            continue
        if isinstance(node.value.value, str):
            cells.append(("code", "\n".join(lines[done : node.lineno - 1])))
            cells.append(("text", node.value.value))
            done = node.end_lineno
    cells.append(("code", "\n".join(lines[done:])))
    return [(kind, text.strip("\n")) for kind, text in cells if text.strip()]
