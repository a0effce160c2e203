"""The order of the packages, as a test: imports only point to the left."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
ORDER = ["ops", "data", "layers", "lipschitz", "margins", "losses", "metrics", "models"]
ORDER += ["callbacks", "plots", "training"]
SIDE = ["attacks", "audit", "ensembles", "self_correcting", "geometric_projections", "smoothness"]
SIDE += ["influence", "membership", "testing", "deployment"]
MAY_USE = {("audit", "attacks"), ("smoothness", "attacks"), ("smoothness", "geometric_projections")}
FILES = sorted((ROOT / "gloro_tf").rglob("*.py"))


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.names
        elif isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, []


def imported_packages(path):
    for module, names in imported_modules(path):
        parts = module.split(".")
        if parts[0] == "gloro_tf":
            yield from parts[1:2] or [name.name for name in names]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_left(path):
    package = path.relative_to(ROOT / "gloro_tf").parts[0]
    for other in imported_packages(path):
        if package in ORDER and other in ORDER:
            assert ORDER.index(other) <= ORDER.index(package), f"{package} imports {other}"
        if package in ORDER:
            assert other not in SIDE, f"{package} imports {other}"
        if package in SIDE and other in SIDE:
            assert other == package or (package, other) in MAY_USE


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_hold_one_idea(path):
    assert len(path.read_text().splitlines()) <= 350


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_tensorflow_is_imported_lazily(path):
    for node in ast.parse(path.read_text()).body:
        names = [n.name for n in getattr(node, "names", [])] + [getattr(node, "module", "") or ""]
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            assert not any(n.split(".")[0] in ("tensorflow", "jax", "torch") for n in names)


def test_imports_without_tensorflow():
    pytest.importorskip("jax")
    code = (
        "import os, sys; os.environ['KERAS_BACKEND'] = 'jax'; sys.modules['tensorflow'] = None;"
        "import gloro_tf, zoo; import numpy as np;"
        "net = gloro_tf.models.ConvNet((((4, 3, 2),), (8,)), (8, 8, 1), 3);"
        "m = gloro_tf.GloroModel(model=net, epsilon=0.1); m.compile();"
        "x = np.random.rand(32, 8, 8, 1).astype('float32'); y = np.arange(32) % 3;"
        "m.fit(x, y, verbose=0); print(m.freeze().certify(x).radius.shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "(32,)" in done.stdout, done.stderr
