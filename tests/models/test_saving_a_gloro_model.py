"""Saved models answer as before, in another process too, and train on."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops
from small_models import blobs, tiny


def test_saving_in_a_fresh_process(frozen, digits, tmp_path):
    path = tmp_path / "model.keras"
    frozen.save(path)
    expected = frozen.certify(digits[2])
    np.save(tmp_path / "x.npy", digits[2])
    code = (
        "import gloro_tf, keras, numpy as np;"
        f"m = keras.saving.load_model(r'{path}');"
        f"np.save(r'{tmp_path / 'r.npy'}', m.certify(np.load(r'{tmp_path / 'x.npy'}')).radius);"
        "assert m.compiled and m.epsilon > 0"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_array_equal(np.load(tmp_path / "r.npy"), expected.radius)


def test_training_continues_after_loading(tmp_path):
    x, y = blobs()
    model = tiny()
    model.compile(keras.optimizers.Adam(0.01), loss="trades_kl.0.5", metrics=["vra", "vra.0.3"])
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(ops.convert_to_numpy(loaded.trades_weight), 0.5)
    first = model.fit(x, y, epochs=1, shuffle=False, verbose=0).history
    second = loaded.fit(x, y, epochs=1, shuffle=False, verbose=0).history
    assert first.keys() == second.keys()
    assert first["loss"][0] == pytest.approx(second["loss"][0], rel=1e-5)
