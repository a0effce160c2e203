import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf.ensembles import CascadeAttack, CascadeEnsemble, VotingEnsemble

EPSILON = 0.1


def member(seed, epsilon=EPSILON):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((2,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(3)]
    net = keras.Sequential(layers, name=f"attacked_net_{seed}")
    model = gloro_tf.GloroModel(model=net, epsilon=epsilon, name=f"attacked_{seed}")
    rng = np.random.default_rng(seed)
    x = rng.random((500, 2)).astype("float32")
    y = ((x[:, 0] + seed * 0.15) * 2.5).astype(int) + (x[:, 1] > 0.6)
    model.compile(keras.optimizers.Adam(1e-2), loss="emma.0.05", metrics=[])
    model.fit(x, np.minimum(y, 2), epochs=25, batch_size=100, verbose=0)
    return model.freeze()


@pytest.fixture(scope="module")
def members():
    return [member(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(9).random((300, 2)).astype("float32")


def attacked(ensemble, x, **kwargs):
    """Attacks the ensemble's own labels: each break of a certified point is a false certificate."""
    return CascadeAttack(steps=30, **kwargs)(ensemble, x, ensemble.certify(x).label)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_it_breaks_the_published_certificate_inside_ball_and_box(members, x, norm):
    cascade = CascadeEnsemble(members, certificate="claimed")
    found = attacked(cascade, x, norm=norm)
    assert found.attacked.all()
    false = found.broken & found.certified
    assert false.sum() >= 5
    offset = found.points.astype("float64") - x
    order = 2 if norm == "l2" else np.inf
    assert np.linalg.norm(offset, ord=order, axis=1).max() <= EPSILON * (1 + 1e-5)
    assert found.points.min() >= 0 and found.points.max() <= 1
    label = cascade.certify(x).label
    again = cascade.certify(found.points).label
    np.testing.assert_array_equal(again != label, found.broken)
    np.testing.assert_array_equal(found.points[~found.broken], x[~found.broken])
    assert np.all((found.stage >= 0) == found.broken)
    assert len(set(found.stage[found.broken])) > 1


def test_nothing_breaks_what_is_sound(members, x):
    for ensemble in (CascadeEnsemble(members), VotingEnsemble(members)):
        found = attacked(ensemble, x)
        assert found.certified.sum() > 20 and found.broken.any()
        assert not np.any(found.broken & found.certified)


def test_a_planted_unsound_vote_is_caught(members, x, monkeypatch):
    """A vote that certifies by majority of certified members, forgetting the uncertified ones."""
    ensemble = VotingEnsemble(members)
    monkeypatch.setattr(
        ensemble, "combine", lambda labels, radii: (ensemble_label(labels), radii.max(axis=0))
    )
    found = attacked(ensemble, x)
    assert np.any(found.broken & found.certified)


def ensemble_label(labels):
    return np.array([np.bincount(column, minlength=3).argmax() for column in labels.T])


def test_wrong_points_are_left_alone(members, x):
    cascade = CascadeEnsemble(members, certificate="claimed")
    label = cascade.certify(x).label
    found = CascadeAttack(steps=3)(cascade, x, (label + 1) % 3)
    assert not found.attacked.any() and not found.broken.any()
    np.testing.assert_array_equal(found.points, x)


def test_it_is_a_value_and_refuses_bad_input(members, x):
    attack = CascadeAttack(norm="linf", steps=7)
    assert "norm='linf'" in repr(attack) and "steps=7" in repr(attack)
    cascade = CascadeEnsemble(members)
    label = cascade.certify(x).label
    with pytest.raises(ValueError, match="`norm`"):
        CascadeAttack(norm="l1")(cascade, x, label)
    with pytest.raises(ValueError, match="`bounds`"):
        attack(cascade, x * 255, label)
    with pytest.raises(ValueError, match="`y`"):
        attack(cascade, x, label[:3])
    with pytest.raises(ValueError, match="`steps`"):
        CascadeAttack(steps=0)
    for name, value in (("step", -1), ("step", np.nan), ("batch_size", 0), ("seed", "a")):
        with pytest.raises(ValueError, match=f"`{name}`"):
            CascadeAttack(**{name: value})
    empty, broken = x[:0], np.full_like(x, np.nan)
    for images in (empty, broken, x[:, :1]):
        with pytest.raises(ValueError, match="`x` must be finite, of the shape"):
            attack(cascade, images, label[: len(images)])
    for labels in (label.astype("float32"), label + 9):
        with pytest.raises(ValueError, match="`y` must be integers in 0"):
            attack(cascade, x, labels)
    nested = CascadeEnsemble([VotingEnsemble(members, name="vote"), members[0]])
    with pytest.raises(ValueError, match="GloroModel"):
        attack(nested, x, label)


def falsely_certified(ensemble, side=121):
    """How many grid points are certified though a grid point within epsilon has another label."""
    axis = np.linspace(0, 1, side, dtype="float32")
    found = ensemble.certify(np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2))
    plane = found.label.reshape(side, side)
    reach = int(EPSILON * (side - 1))
    padded = np.pad(plane, reach, constant_values=-1)
    false = np.zeros((side, side), "bool")
    for i, j in np.ndindex(2 * reach + 1, 2 * reach + 1):
        if np.hypot(i - reach, j - reach) < EPSILON * (side - 1):
            moved = padded[i : i + side, j : j + side]
            false |= (moved >= 0) & (moved != plane)
    false &= found.certified.reshape(side, side)
    return int(false.sum()), int(found.certified.sum())


def test_on_a_dense_grid_of_the_plane_only_the_published_cascade_errs(members):
    false, certified = falsely_certified(CascadeEnsemble(members, certificate="claimed"))
    assert false > 0.02 * certified > 0
    for ensemble in (CascadeEnsemble(members), VotingEnsemble(members)):
        false, certified = falsely_certified(ensemble)
        assert false == 0 and certified > 0
