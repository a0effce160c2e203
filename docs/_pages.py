"""The pages of the site that are made, as `{address: content}`."""

import ast
import importlib.util
import pathlib

from docs import _cells, _examples, _reference

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPIES = {"soundness.md": "SOUNDNESS.md", "changelog.md": "CHANGELOG.md"}
COPIES |= {"results.md": "benchmarks/RESULTS.md"}


def made():
    """Pages of the reference and of the examples, with their files, and the zoo's own page."""
    from zoo import _page

    pages = {f"reference/{name}.md": text for name, text in _reference.pages().items()}
    examples = [_cells.read(name) for name in _cells.names()]
    pages["examples/index.md"] = _index(examples)
    for example in examples:
        pages[f"examples/{example.name}.md"] = _examples.page(example)
        pages[f"examples/{example.name}.py"] = example.path.read_text()
        if importlib.util.find_spec("nbformat"):
            from docs import _notebooks

            pages[f"examples/{example.name}.ipynb"] = _json(_notebooks.notebook(example))
    return {**pages, "board.html": _page.page()}


def copied():
    """Pages that lie elsewhere in the repository."""
    return {uri: (ROOT / path).read_text() for uri, path in COPIES.items()}


def filled(markdown):
    """A page by hand, with what is made from recipes and cards in the places it names."""
    for mark, make in (("<!-- recipes -->", recipes), ("<!-- leaderboards -->", leaderboards)):
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    return markdown


def recipes():
    """The docstrings of the recipes."""
    from zoo import recipes as folder

    parts = []
    for name in folder.names():
        text = ast.get_docstring(ast.parse(folder.find(name).read_text()))
        parts.append(f"## {name}\n\n{text}")
    return "\n\n".join(parts) + "\n"


def leaderboards():
    """A leaderboard of each data set, and its cards."""
    import zoo
    from zoo._board import measured, usual_radius

    parts = []
    for dataset in sorted({card.dataset for card in measured()}):
        radius = usual_radius(measured(dataset))
        parts.append(f"## {dataset}, radius {radius:.4g}")
        parts.append(zoo.leaderboard(dataset, radius, "markdown"))
        parts += [card.to_markdown().replace("# ", "### ", 1) for card in measured(dataset)]
    return "\n\n".join(parts) + "\n"


def _index(examples):
    lines = ["# Examples", "", "One idea each; every one ends with a number to check."]
    lines += ["", "| | |", "|---|---|"]
    for example in examples:
        description = " ".join(example.description.split("\n\n")[0].split())
        lines.append(f"| [{example.title}]({example.name}.md) | {description} |")
    return "\n".join(lines) + "\n"


def _json(made):
    import nbformat

    return nbformat.writes(made)
