"""Corrected certified models under attack, in ensembles, and in files read by a fresh process."""

import os
import pathlib
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf.self_correcting import Box, LinearLE, Outputs, Property, make_self_correcting

Y = Outputs(3)
ROOT = pathlib.Path(__file__).resolve().parents[2]
PROPERTIES = {
    "box": [Property(Box([0.4, 0.0], [0.6, 1.0]), ~Y[0].is_max())],
    "half-space": [Property(LinearLE([[1.0, 1.0]], [0.8]), Y[2].is_max())],
}


def certified(name, seed=0):
    inputs = keras.Input((2,))
    net = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    shift = np.random.default_rng(seed).normal(size=(2, 3)) * 0.1 * seed
    kernel = np.array([[1.0, -1, 0], [0, 0.5, -1]]) + shift
    net.set_weights([kernel.astype("float32"), np.array([-0.5, 0.2, 0.3], "float32")])
    return gloro_tf.GloroModel(model=net, epsilon=0.1, name=name).freeze()


def correct(model, properties, name=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_self_correcting(model, properties, name=name)


def points(n=200):
    return np.random.default_rng(0).random((n, 2)).astype("float32")


@pytest.mark.parametrize("name", PROPERTIES)
def test_attacks_find_nothing_inside_and_the_wall_outside(name):
    base, x = certified("base"), points()
    safe = correct(base, PROPERTIES[name])
    found, before = safe.certify(x), base.certify(x)
    held = (found.radius > 0) & np.isfinite(found.radius)
    assert held.sum() > 50
    x, label, radius = x[held], found.label[held], found.radius[held]
    attack = gloro_tf.attacks.PGD(steps=15, restarts=2, bounds=(-1, 2))
    assert not attack(safe, x, label, radius).broken.any()
    nearest = gloro_tf.attacks.BoundaryDistance(steps=15, bounds=(-1, 2)).nearest(safe, x, label)
    distance = np.asarray(nearest.distance)
    assert np.all(distance >= radius * (1 - 1e-5)) and np.isfinite(distance).mean() > 0.9
    # The certificate from before the correction is false, and attacks see it: they can succeed.
    assert attack(safe, x, label, before.radius[held]).broken.any()


def test_a_part_that_occurs_twice_is_one_in_a_file(tmp_path):
    base, other, x = certified("base"), certified("other", 1), points()
    safe = correct(base, PROPERTIES["box"], "safe")
    vote = gloro_tf.ensembles.VotingEnsemble([safe, base, correct(other, PROPERTIES["box"], "b")])
    vote.save(tmp_path / "vote.keras")
    again = keras.saving.load_model(tmp_path / "vote.keras")
    assert again.members[0].model is again.members[1]
    np.testing.assert_array_equal(again.certify(x).radius, vote.certify(x).radius)
    np.testing.assert_array_equal(again.certify(x).label, vote.certify(x).label)


def test_members_of_one_name_inside_are_refused():
    one, other = certified("base"), certified("base", 1)
    parts = [correct(one, PROPERTIES["box"], "a"), correct(other, PROPERTIES["box"], "b")]
    with pytest.raises(ValueError, match="two named 'base'"):
        gloro_tf.ensembles.VotingEnsemble(parts)


def test_members_that_share_weights_are_refused():
    one = certified("one")
    other = gloro_tf.GloroModel(model=one.logits_model, epsilon=0.1, name="other").freeze()
    for pair in ([one, other], [one, correct(other, PROPERTIES["box"])]):
        with pytest.raises(ValueError, match="share weights.*'one' and 'other'"):
            gloro_tf.ensembles.CascadeEnsemble(pair)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_loads_on_another_backend(tmp_path, backend):
    pytest.importorskip(backend)
    safe = correct(certified("base"), PROPERTIES["box"], "safe")
    far = correct(certified("other", 1), PROPERTIES["half-space"], "far")
    vote, x = gloro_tf.ensembles.VotingEnsemble([safe, far]), points()
    for model in (safe, vote):
        model.save(tmp_path / f"{type(model).__name__}.keras")
    np.save(tmp_path / "x.npy", x)
    script = (
        "import sys, pathlib, keras, numpy as np, gloro_tf\n"
        "folder = pathlib.Path(sys.argv[1]); x = np.load(folder / 'x.npy')\n"
        "for path in folder.glob('*.keras'):\n"
        "    found = keras.saving.load_model(path).certify(x)\n"
        "    np.savez(path.with_suffix('.npz'), label=found.label, radius=found.radius)\n"
    )
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for model in (safe, vote):
        read, own = np.load(tmp_path / f"{type(model).__name__}.npz"), model.certify(x)
        np.testing.assert_array_equal(read["label"], own.label)
        np.testing.assert_allclose(read["radius"], own.radius, atol=1e-6)
        assert (own.radius > 0).sum() > 20
