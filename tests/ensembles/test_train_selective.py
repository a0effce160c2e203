import keras
import numpy as np
import pytest

from gloro_tf.ensembles import (
    SelectiveEnsemble,
    selective_vote,
    train_members,
    train_selective,
    train_selective_ensemble,
)

rng = np.random.default_rng(0)
Y = np.arange(120) % 3
X = (rng.normal(size=(120, 2)) + 1.5 * np.eye(3)[Y][:, :2]).astype("float32")
FAST = {"epochs": 8, "batch_size": 40, "jit_compile": False}
FAST["optimizer"] = keras.optimizers.Adam(0.03)


def build():
    layers = [keras.layers.Dense(4, "relu"), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((2,)), *layers])


def never():
    raise AssertionError("nothing may be built")


@pytest.fixture(scope="module")
def members():
    return train_members(build, X, Y, 8, seed=3, **FAST)


def test_the_ensemble_is_the_vote_of_its_members(members, tmp_path):
    """And members that lack one example each differ less than those of different seeds."""
    ensemble = train_selective_ensemble(build, X, Y, 8, "leave_one_out", alpha=0.1, **FAST)
    assert isinstance(ensemble, SelectiveEnsemble) and ensemble.alpha == 0.1
    near = np.stack([keras.ops.convert_to_numpy(m(X)) for m in ensemble.members])
    answers = ensemble.predict_selective(X)
    np.testing.assert_array_equal(answers, selective_vote(near.argmax(axis=-1), 3, 0.1))
    assert np.any(answers >= 0)
    ensemble.save(tmp_path / "selective.keras")
    loaded = keras.saving.load_model(tmp_path / "selective.keras")
    np.testing.assert_array_equal(loaded.predict_selective(X), answers)
    assert -1 in selective_vote(members.labels(X), 3, 0.1)
    assert 0 < near.std(axis=0).mean() < 0.5 * members.predict(X).std(axis=0).mean()


def test_another_seed_gives_other_members(members):
    assert len(set(members.seeds.tolist())) == 8
    other = np.random.default_rng([4, 0]).choice(2**32, 8, replace=False)
    assert not set(other.tolist()) & set(members.seeds.tolist())


@pytest.mark.parametrize("n", [6, 120])
def test_leaving_one_out_leaves_out_one(monkeypatch, n):
    """One seed for all, one example less for each, and never the same one."""
    asked = []
    monkeypatch.setattr(train_selective, "fit_many", lambda *args, **kw: asked.append(kw))
    train_members(build, X, Y, n, "leave_one_out", seed=1)
    train_members(build, X, Y, n, "leave_one_out", seed=2)
    for given in asked:
        assert given["masks"].shape == (n, 120)
        assert (given["masks"].sum(axis=1) == 119).all()
        assert (given["masks"].sum(axis=0) >= n - 1).all()
        assert len(set(given["seeds"].tolist())) == 1
    assert asked[0]["seeds"][0] != asked[1]["seeds"][0]


@pytest.mark.parametrize(
    "message, given",
    [
        ("never answer", {"n": 5}),
        ("`alpha`", {"alpha": 0}),
        ("`source`", {"source": "bootstrap"}),
        ("at most the number of examples", {"source": "leave_one_out", "n": 121}),
        ("follow from `source`", {"masks": np.ones((6, 120), bool)}),
    ],
)
def test_what_is_refused_before_training(message, given):
    arguments = {"n": 6, **given}
    with pytest.raises(ValueError, match=message):
        train_selective_ensemble(never, X, Y, arguments.pop("n"), **arguments)


def test_a_single_output_is_refused():
    def sigmoid():
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    with pytest.raises(ValueError, match="one output for each class"):
        train_selective_ensemble(sigmoid, X, Y, 6)
