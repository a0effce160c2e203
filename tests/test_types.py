"""What a type checker says of code that uses the library: it sees our types, and mistakes."""

import pathlib
import re

import pytest

api = pytest.importorskip("mypy.api", reason="needs mypy, of the extra `test`")
ROOT = pathlib.Path(__file__).resolve().parent.parent
TYPED = ROOT / "tests" / "typed"


@pytest.fixture(scope="module")
def found():
    """`{file name: {(line, rule)}}` of one run over the packages and the two files."""
    targets = [ROOT / "gloro_tf", ROOT / "zoo", TYPED / "right.py", TYPED / "wrong.py"]
    options = ["--config-file", str(ROOT / "setup.cfg"), "--hide-error-context"]
    output, problem, _ = api.run([*options, *map(str, targets)])
    assert not problem, problem
    errors = {}
    for path, line, rule in re.findall(r"^(.+?):(\d+): error: .*\[([\w-]+)\]$", output, re.M):
        errors.setdefault(pathlib.Path(path).name, set()).add((int(line), rule))
    return errors


def test_the_packages_and_right_code_pass(found):
    assert set(found) == {"wrong.py"}, found


def test_each_mistake_is_found_where_it_is(found):
    lines = (TYPED / "wrong.py").read_text().splitlines()
    marked = [(n, re.search(r"# error: ([\w-]+)", line)) for n, line in enumerate(lines, start=1)]
    assert found["wrong.py"] == {(number, mark[1]) for number, mark in marked if mark}


def test_types_are_shipped():
    text = (ROOT / "setup.cfg").read_text()
    assert (ROOT / "gloro_tf" / "py.typed").exists() and "gloro_tf = py.typed" in text
    assert (ROOT / "zoo" / "py.typed").exists() and "zoo = py.typed" in text
