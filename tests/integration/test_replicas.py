"""Training on several devices."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from gloro_tf.training import placement

PROBE = pathlib.Path(__file__).with_name("replicas_probe.py")
ROOT = PROBE.parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("backend, count", [("tensorflow", 2), ("jax", 4)])
def test_replicas_train_as_one_device(tmp_path, backend, count):
    pytest.importorskip(backend)
    flags = f"--xla_force_host_platform_device_count={count}"
    more = {"KERAS_BACKEND": backend, "XLA_FLAGS": flags if backend == "jax" else ""}
    output = subprocess.run(
        [sys.executable, str(PROBE), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
        capture_output=True,
        text=True,
    )
    assert output.returncode == 0, output.stderr
    result = json.loads(output.stdout.splitlines()[-1])
    assert set(result["replicas"]) == {count} and result["same"]
    assert result["weights"] < 1e-5
    assert result["radii"] < 1e-4 < result["largest"]
    assert result["loaded"] < 1e-5


def test_unknown_strategies_are_refused():
    with pytest.raises(ValueError, match="`strategy` must be one of .*strategy='both'"):
        placement("both")


def test_auto_is_one_device_without_accelerators():
    with placement("auto"), placement("one"):
        pass
