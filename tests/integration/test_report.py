"""What a finished run leaves behind."""

import csv
import hashlib
import json
import math
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf.training import Recipe, run
from gloro_tf.training.run import summary

ROOT = pathlib.Path(__file__).parents[2]


def test_files(finished):
    folder, report = finished
    names = {path.name for path in folder.iterdir()}
    wanted = {"model.keras", "history.csv", "report.json", "recipe.json", "checkpoint.keras"}
    assert wanted <= names and not any(name.startswith(".part-") for name in names)
    assert json.loads((folder / "report.json").read_text()) == report


def test_pictures(finished):
    pytest.importorskip("matplotlib")
    for name in ("certified_accuracy.png", "examples.png"):
        content = (finished[0] / name).read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) > 5000


def test_report_contents(finished, digits):
    folder, report = finished
    test, recipe = report["test"], report["recipe"]
    assert recipe["epochs"] == 3 and report["seed"] == recipe["seed"] == 0
    assert test["examples"] == 360
    radii = [row["epsilon"] for row in test["vra"]]
    assert radii == sorted(radii) and len(radii) == 6 and 0.3 in radii
    model = keras.saving.load_model(folder / "model.keras")
    certificate = model.certify(digits[2])
    right = certificate.label == digits[3]
    assert test["clean_accuracy"] == np.mean(right)
    for row in test["vra"]:
        assert row["vra_bound"] == np.mean(right & (certificate.radius > row["epsilon"]))
        assert row["vra_bound"] <= row["vra_estimate"] <= test["clean_accuracy"]
    curve = test["curve"]
    assert curve["epsilon"][0] == 0 and {len(column) for column in curve.values()} == {41}
    at_most = certificate.radius[:, None] <= curve["epsilon"]
    assert curve["vra_bound"] == np.mean(right[:, None] & ~at_most, axis=0).tolist()
    assert 0 < curve["vra_bound"][-1] < 0.02
    layers = report["lipschitz"]["layers"] if "layers" in report["lipschitz"] else None
    assert "logits" in json.dumps(report["lipschitz"]) and layers != []
    assert 0 < report["seconds"]["training"] < report["seconds"]["all"]
    assert {"gloro_tf", "keras", "backend", "numpy", "python"} <= set(report["versions"])
    assert report["parameters"] == sum(math.prod(v.shape) for v in model.trainable_variables)


def test_summary_is_one_line(finished):
    folder, report = finished
    line = summary(report, folder)
    assert "\n" not in line and str(folder) in line
    assert "VRA at 0.3" in line and "by the bound" in line and "digits cholesky_mlp.1x16" in line


def test_history(finished):
    with (finished[0] / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert {"loss", "vra", "val_vra", "estimate/model", "schedule/epsilon"} <= set(rows[0])
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())


def test_running_a_finished_run_again_trains_no_more(finished):
    folder, report = finished
    history, weights = (folder / "history.csv").read_text(), (folder / "model.keras")
    before = keras.saving.load_model(weights).get_weights()
    again = run(Recipe(**report["recipe"]), folder, verbose=0)
    assert again["test"] == report["test"]
    assert again["seconds"]["training"] == report["seconds"]["training"]
    assert (folder / "history.csv").read_text() == history
    for a, b in zip(before, keras.saving.load_model(weights).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_validation_there_are_no_such_columns(finished, tmp_path):
    choices = {**finished[1]["recipe"], "validation": 0.0, "epochs": 1}
    run(Recipe(**choices), tmp_path, verbose=0)
    header, row = (tmp_path / "history.csv").read_text().splitlines()
    assert "val_" not in header and "NA" not in row


LOAD = """
import hashlib, sys
import numpy as np
import keras, gloro_tf
x = np.load(sys.argv[1])
for path in sys.argv[2:]:
    model = keras.saving.load_model(path)
    label, radius, certified = model.certify(x)
    print(hashlib.sha256(label.tobytes() + radius.tobytes() + certified.tobytes()).hexdigest())
"""


def test_models_load_in_a_fresh_process_with_identical_radii(finished, frozen, digits, tmp_path):
    frozen.save(tmp_path / "plain.keras")
    paths = [finished[0] / "model.keras", tmp_path / "plain.keras"]
    np.save(tmp_path / "x.npy", digits[2])
    output = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path / "x.npy"), *map(str, paths)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert output.returncode == 0, output.stderr
    here = []
    for model in (keras.saving.load_model(paths[0]), frozen):
        c = model.certify(digits[2])
        assert isinstance(model, gloro_tf.GloroModel) and (c.radius > 0).any()
        parts = c.label.tobytes() + c.radius.tobytes() + c.certified.tobytes()
        here.append(hashlib.sha256(parts).hexdigest())
    assert output.stdout.split() == here
