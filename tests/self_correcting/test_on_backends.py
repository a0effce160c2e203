"""The same bits on TensorFlow, JAX and torch, eager and compiled, in three types."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import backend_probe
import keras
import numpy as np
import pytest

from gloro_tf.self_correcting import Box, Outputs, Property, SafeOrdering, chain

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROBE = pathlib.Path(__file__).with_name("backend_probe.py")


def stored(folder, numbers):
    """Properties of both paths of the search, and rows with ties, NaN and infinities."""
    y = Outputs(5)
    box, other = Box([0.0, 0.0], [0.5, 1.0]), Box([0.4, 0.0], [0.8, 1.0])
    sets = [
        [Property(box, y.argmax_in(1, 2)), Property(other, ~y[4].is_min())],
        [Property(box, (y[0] < y[1]) | chain(y[4], y[2], y[3])), Property(other, y[3] < y[2])],
    ]
    big = Outputs(20)
    rising = chain(*[big[i] for i in (3, 17, 5, 11)])
    sets.append([Property(box, rising), Property(other, big.above([1, 2], [3, 4]))])
    for number in numbers:
        score = "min" if number == 1 else "max"
        SafeOrdering(sets[number], score=score).to_json(folder / f"p{number}.json")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(64, 20)).astype("float32")
    rows[:16] = np.round(rows[:16])
    rows[16] = 0
    rows[20, 1], rows[21, 2], rows[22, 3] = np.nan, np.inf, -np.inf
    np.savez(folder / "rows.npz", x=rng.random((64, 2)).astype("float32"), y=rows)


def compare(folder):
    """All stored results against one another."""
    found, seen = {}, set()
    for path in folder.glob("*.npz"):
        if path.stem != "rows":
            for key, array in np.load(path).items():
                problem, dtype, how, what = key.split()
                found.setdefault((problem, dtype, what), {})[f"{path.stem} {how}"] = array
    for key, results in found.items():
        first = next(iter(results.values()))
        for name, other in results.items():
            np.testing.assert_array_equal(other, first, err_msg=f"{key}: {name}")
        if key[2] == "status":
            seen |= set(first.tolist())
    assert seen >= {0, 1, 2, 3, 5}


def test_compiled_is_eager(tmp_path):
    stored(tmp_path, [1])
    backend_probe.main(tmp_path, ["float16"])
    compare(tmp_path)


@pytest.mark.slow
def test_bits_are_the_same_on_all_backends(tmp_path):
    backends = [b for b in ("tensorflow", "jax", "torch") if importlib.util.find_spec(b)]
    if len(backends) < 2 or keras.backend.backend() != "tensorflow":
        pytest.skip("runs once, where several backends are installed")
    stored(tmp_path, [0, 1, 2])
    for backend in backends:
        environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(PROBE), str(tmp_path), "float32,float16,bfloat16"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert "ok" in done.stdout, done.stderr[-2000:]
    compare(tmp_path)
