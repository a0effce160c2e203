"""The public names, read from `__all__` without importing anything, and their pages."""

import ast
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def public_names(module):
    """The names in `__all__` of a package or module, in order; `None` where it has none."""
    for node in ast.parse(_path(module).read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return ast.literal_eval(node.value)
    return None


def is_module(name):
    """Whether a dotted name is a package or a module."""
    return _path(name) is not None


def _path(module):
    base = ROOT.joinpath(*module.split("."))
    found = [path for path in (base / "__init__.py", base.with_suffix(".py")) if path.exists()]
    return found[0] if found else None


def pages():
    """`{name of a package: the markdown of its page}`, for both packages and what is in them."""
    made = {}
    for package in ("gloro_tf", "zoo"):
        inner = [name for name in public_names(package) if is_module(f"{package}.{name}")]
        own = [n for n in public_names(package) if n not in inner and not n.startswith("__")]
        made[package] = _page(package, own)
        for name in inner:
            made[f"{package}.{name}"] = _page(
                f"{package}.{name}", public_names(f"{package}.{name}")
            )
    return made


def _page(module, names):
    """A module's docstring, then each public name; of a public module everything public in it."""
    parts = [f"# {module}", _directive(module, show_root_heading="false", members="false")]
    for name in names:
        parts.append(_directive(f"{module}.{name}"))
    return "\n\n".join(parts) + "\n"


def _directive(name, **options):
    lines = [f"::: {name}"]
    if options:
        lines += ["    options:", *(f"      {key}: {value}" for key, value in options.items())]
    return "\n".join(lines)
