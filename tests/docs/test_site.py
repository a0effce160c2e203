"""The site: every public name is in it, what it says exists, and it builds without a warning."""

import ast
import importlib
import importlib.util
import pathlib
import re
import sys

import pytest

from docs import _cells, _pages, _reference
from docs.__main__ import build

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "docs"
PAGES = sorted(path for path in FOLDER.rglob("*.md"))
DIRECTIVE = re.compile(r"^::: (\S+)$", re.MULTILINE)


def resolve(name):
    """What a dotted name stands for; raises if there is no such thing."""
    found = importlib.import_module(name.partition(".")[0])
    for end in range(2, name.count(".") + 2):
        *_, part = parts = name.split(".")[:end]
        if not hasattr(found, part):
            importlib.import_module(".".join(parts))
        found = getattr(found, part)
    return found


def test_every_public_name_is_in_the_reference():
    named = set(DIRECTIVE.findall("\n".join(_reference.pages().values())))
    for package in ("gloro_tf", "zoo"):
        for name in resolve(package).__all__:
            if name.startswith("__"):
                continue
            inner = resolve(f"{package}.{name}")
            assert f"{package}.{name}" in named
            if f"{package}.{name}" in _reference.pages():
                assert {f"{package}.{name}.{part}" for part in inner.__all__} <= named


def test_the_reference_names_only_what_there_is():
    for name in DIRECTIVE.findall("\n".join(_reference.pages().values())):
        assert resolve(name) is not None


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_programs_on_pages_are_programs_and_their_names_exist(path):
    text = path.read_text()
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        ast.parse(block)
        for name in set(re.findall(r"\b(?:gloro_tf|zoo)(?:\.\w+)+", block)):
            resolve(name)
    for name in re.findall(r"\]\[((?:gloro_tf|zoo)[\w.]*)\]", text):
        resolve(name)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_links_lead_somewhere(path):
    made = {f"reference/{name}.md" for name in _reference.pages()} | {"board.html"}
    made |= {f"examples/{name}.md" for name in [*_cells.names(), "index"]} | set(_pages.COPIES)
    for target in re.findall(r"\]\(([^)#:]+?)\)", text_of(path)):
        full = (path.parent / target).resolve()
        assert full.exists() or str(full.relative_to(FOLDER)) in made, target


def text_of(path):
    return path.read_text()


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text()
    for path in PAGES:
        assert str(path.relative_to(FOLDER)) in text
    for uri, source in _pages.COPIES.items():
        assert uri in text and (ROOT / source).exists()


def test_made_pages():
    filled = _pages.filled((FOLDER / "zoo.md").read_text())
    assert "VRA at 0.1412" in filled and "<!--" not in filled
    filled = _pages.filled((FOLDER / "recipes.md").read_text())
    assert "## mnist_eps030" in filled and "python train.py --recipe=mnist_eps030" in filled


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    for module in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(module, reason="needs pip install gloro_tf[docs]")
    build(tmp_path)
    for page in ("index", "reference/gloro_tf.layers", "examples/certify_digits", "board"):
        assert (tmp_path / f"{page}.html").exists()
        assert not re.search(r'src="(?:https?:)?//', (tmp_path / f"{page}.html").read_text())
    assert (tmp_path / "examples" / "certify_digits.py").exists()
    text = (tmp_path / "reference" / "gloro_tf.html").read_text()
    assert 'id="gloro_tf.GloroModel"' in text and 'id="gloro_tf.GloroModel.certify"' in text


def test_without_mkdocs_there_is_a_remedy(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mkdocs", None)
    with pytest.raises(ImportError, match=r"pip install -e .*\[docs\]"):
        build(tmp_path)
