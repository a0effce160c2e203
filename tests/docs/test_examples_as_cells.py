"""Examples as text and code, as pages, and as notebooks."""

import ast
import configparser
import dataclasses
import json
import subprocess
import sys

import pytest

from docs import _cells, _examples, _run
from docs.__main__ import main


def without_text(tree):
    """The statements of a program that are not top-level strings, as one string."""
    kept = [
        node
        for node in tree.body
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    return ast.dump(ast.Module(kept, []))


@pytest.mark.parametrize("name", _cells.names())
def test_cells_are_the_program(name):
    example = _cells.read(name)
    assert example.title and example.description.endswith((".", "memory.", "!", "?"))
    code = "\n".join(text for kind, text in example.cells if kind == "code")
    assert without_text(ast.parse(code)) == without_text(ast.parse(example.path.read_text()))
    for kind, text in example.cells:
        assert text.strip()
        if kind == "code":
            ast.parse(text)


def test_splitting():
    source = (
        '"""\nTitle: T\n"""\n\nx = """not text"""\n"""\n## Then\n"""\nif x:\n    """neither"""\n'
    )
    cells = [("text", "Title: T"), ("code", 'x = """not text"""'), ("text", "## Then")]
    assert _cells.split(source) == [*cells, ("code", 'if x:\n    """neither"""')]


def test_bad_names_and_headers(tmp_path, monkeypatch, capsys):
    assert main(["run", "nothing"]) == 1
    assert "docs: `name` must be one of" in capsys.readouterr().err
    (tmp_path / "bare.py").write_text("x = 1\n")
    monkeypatch.setattr(_cells, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="must begin with a docstring"):
        _cells.read("bare")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """An example that prints and draws, run."""
    (tmp_path / "small.py").write_text(
        '"""\nTitle: Small\nDescription: Prints.\n"""\n\nprint("one\\rtwo")\n\n"""\n## Draw\n"""\n\n'
        'import pathlib\npathlib.Path("a.png").write_text("picture")\nprint("```")\n'
    )
    monkeypatch.setattr(_cells, "FOLDER", tmp_path)
    monkeypatch.setattr(_examples, "RUNS", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    _run.main("small", tmp_path / "runs" / "small")
    return _cells.read("small")


def test_outputs_stand_after_their_cells(small):
    page = _examples.page(small)
    parts = [
        "# Small",
        'print("one',
        "\ntwo\n",
        "## Draw",
        "\n'''\n",
        "![Figure: a.png](small/a.png)",
    ]
    assert [page.index(part) for part in parts] == sorted(page.index(part) for part in parts)
    assert [path.name for path in _examples.figures(small)] == ["a.png"]


def test_outputs_of_another_program_are_not_shown(small):
    small.path.write_text(small.path.read_text() + "\nx = 1\n")
    assert _examples.outputs(_cells.read("small")) is None
    assert "Not run here yet" in _examples.page(_cells.read("small"))


def test_long_output_is_shortened():
    lines = _examples.shortened("\n".join(f"line {i}" for i in range(100))).splitlines()
    assert lines[0] == "line 0" and lines[-1] == "line 99" and "... 60 lines ..." in lines


@pytest.mark.parametrize("name", _cells.names())
def test_notebooks_are_valid(name, tmp_path):
    pytest.importorskip("nbformat", reason="needs nbformat: pip install gloro_tf[docs]")
    from docs import _notebooks

    (path,) = _notebooks.write([name], tmp_path)
    made = json.loads(path.read_text())
    example = _cells.read(name)
    sources = ["".join(cell["source"]) for cell in made["cells"]]
    assert sources[0].startswith(f"# {example.title}")
    assert [text for _, text in example.cells if text not in sources] == []
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            ast.parse("".join(cell["source"]))
            assert not cell["outputs"]
    again = _notebooks.write([name], tmp_path / "again")[0]
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_a_notebook_runs(tmp_path):
    for module in ("nbclient", "ipykernel", "nbformat"):
        pytest.importorskip(module, reason="needs pip install gloro_tf[docs]")
    assert main(["notebooks", "certify_one_image", f"--output={tmp_path}", "--execute"]) == 0
    text = (tmp_path / "certify_one_image.ipynb").read_text()
    assert "no change of L2 norm below" in text.partition('"outputs"')[2]


@pytest.mark.parametrize("name", _cells.names())
def test_what_examples_import_comes_with_the_docs(name):
    """`pip install -e ".[docs]" && python -m docs` runs them all."""
    setup = configparser.ConfigParser()
    setup.read(_examples.ROOT / "setup.cfg")
    given = setup["options"]["install_requires"] + setup["options.extras_require"]["docs"]
    given = given.replace("scikit-learn", "sklearn")
    for node in ast.parse(_cells.read(name).path.read_text()).body:
        names = [n.name for n in node.names] if isinstance(node, ast.Import) else []
        for module in [*names, *([node.module] if isinstance(node, ast.ImportFrom) else [])]:
            top = module.partition(".")[0]
            assert top in sys.stdlib_module_names | {"gloro_tf", "zoo"} or top in given, top


def test_an_example_that_fails_does_not_keep_others_from_running(tmp_path, monkeypatch, capsys):
    started = []

    def run(command, **options):
        started.append(command[3])
        return subprocess.CompletedProcess(command, int(command[3] == "certify_digits"))

    monkeypatch.setattr(_examples, "RUNS", tmp_path)
    monkeypatch.setattr(_examples.subprocess, "run", run)
    assert main(["run"]) == 1
    assert started == _cells.names()
    assert "docs: 1 of" in (said := capsys.readouterr().err) and "certify_digits" in said


def test_examples_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        _cells.read("certify_one_image").title = "other"
