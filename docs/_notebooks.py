"""Examples as Jupyter notebooks."""

import os
import pathlib
import re

from docs import _cells

ROOT = pathlib.Path(__file__).resolve().parent.parent
_PICTURE = re.compile(r"""(?:savefig\(|path=)"([\w.-]+\.png)\"""")
NO_ARGUMENTS = 'import sys\n\nsys.argv = ["{name}.py"]  # a notebook has no command line'


def notebook(example):
    """The example as an `nbformat` notebook: the header, text, code, and the figures it saves.

    Raises:
        ImportError: without nbformat.
    """
    nbformat = _nbformat()
    make = {"text": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    cells = [make["text"](f"# {example.title}\n\n{example.description}")]
    if re.search(r"sys\.argv|argparse", example.path.read_text()):
        cells.append(make["code"](NO_ARGUMENTS.format(name=example.name)))
    for kind, text in example.cells:
        cells.append(make[kind](text))
        pictures = dict.fromkeys(_PICTURE.findall(text)) if kind == "code" else ()
        for picture in pictures:
            cells.append(make["code"](f'from IPython.display import Image\n\nImage("{picture}")'))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.validate(made)
    return made


def write(names, folder, execute=False):
    """Writes notebooks of the named examples, or of all; returns their paths.

    Args:
        names: list of str.
        folder: str. Where to.
        execute: bool. Whether to run them first, with `nbclient`.

    Raises:
        ImportError: without nbformat, or to execute without nbclient and ipykernel.
        ValueError: for an unknown name.
    """
    nbformat, folder = _nbformat(), pathlib.Path(folder)
    examples = [_cells.read(name) for name in names or _cells.names()]
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for example in examples:
        made = notebook(example)
        if execute:
            executed(made, folder)
        paths.append(folder / f"{example.name}.ipynb")
        nbformat.write(made, paths[-1])
    return paths


def executed(made, folder):
    """Runs a notebook in a folder, in place."""
    try:
        import ipykernel  # noqa: F401
        import nbclient
    except ImportError as error:
        raise ImportError('Running notebooks needs `pip install -e ".[docs]"`.') from error
    resources = {"metadata": {"path": str(folder)}}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    client = nbclient.NotebookClient(made, timeout=None, resources=resources)
    return client.execute(env=environment)


def _nbformat():
    try:
        import nbformat
    except ImportError as error:
        raise ImportError('Notebooks need nbformat: `pip install -e ".[docs]"`.') from error
    return nbformat
