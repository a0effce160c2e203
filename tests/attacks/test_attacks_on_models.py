"""Attacks find the known nearest boundary, and stay in ball and box."""

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf.attacks import APGD, PGD, BoundaryDistance, Square, WorstOf, standard
from gloro_tf.attacks.target import Target

ATTACKS = {
    "pgd": lambda **k: PGD(steps=40, restarts=1, targets=3, **k),
    "pgd on cross-entropy with momentum": lambda **k: PGD(
        steps=40, restarts=1, momentum=0.5, objective="crossentropy", **k
    ),
    "apgd": lambda **k: APGD(steps=40, objective="margin", targets=3, **k),
    "apgd, ratio of logits": lambda **k: APGD(steps=40, objective="dlr", **k),
    "apgd, ratio of logits, targeted": lambda **k: APGD(steps=40, objective="dlr", targets=3, **k),
    "boundary": lambda **k: BoundaryDistance(steps=10, **k),
    "square": lambda **k: Square(queries=1000, **k),
}
ANY_CLASS = ["pgd", "apgd", "apgd, ratio of logits, targeted", "boundary"]
COUNT = 24


def linear(far, seed=1, size=6, classes=4):
    """A linear model, inputs, labels, and the distances of the nearest boundary in both norms.

    `far` puts all but two classes out of reach: an attack that climbs towards whichever class is
    best need not find the nearest of several.
    """
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((size,))
    net = keras.Model(inputs, keras.layers.Dense(classes)(inputs))
    if far:
        net.layers[-1].bias.assign([0.0, 0.0, -90.0, -95.0])
    x = np.random.default_rng(seed).normal(size=(COUNT, size)).astype("float32")
    kernel, bias = (w.astype("float64") for w in net.get_weights())
    logits = x @ kernel + bias
    y = logits.argmax(axis=1)
    distances = {}
    for norm, dual in (("l2", 2), ("linf", 1)):
        gaps = np.linalg.norm(kernel[:, y].T[:, :, None] - kernel[None], ord=dual, axis=1)
        margins = logits[np.arange(COUNT), y][:, None] - logits
        margins[np.arange(COUNT), y] = np.inf
        distances[norm] = (margins / np.where(gaps > 0, gaps, 1.0)).min(axis=1)
    return net, x, y, distances


CASES = [(name, True) for name in ATTACKS] + [(name, False) for name in ANY_CLASS]


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("name, far", CASES)
def test_it_finds_the_closed_form_of_a_linear_model(name, far, norm):
    net, x, y, distances = linear(far)
    attack = ATTACKS[name](norm=norm, bounds=None, batch_size=COUNT)
    inside, outside = attack(net, x, y, [distances[norm] * 0.999, distances[norm] * 1.01])[1]
    assert not inside.any()
    assert outside.all()


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_the_nearest_points_of_a_linear_model(norm):
    net, x, y, distances = linear(False)
    found = BoundaryDistance(norm=norm, bounds=None, steps=10).nearest(net, x, y)
    assert found.broken.all()
    np.testing.assert_allclose(found.distance, distances[norm], rtol=1e-3)
    assert np.all(found.distance > distances[norm] * (1 - 1e-5))


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("name", ATTACKS)
def test_points_stay_in_ball_and_box(name, norm, frozen, digits):
    x, y = digits[2][:32], digits[3][:32]
    radius = np.linspace(0.1, 1.0, 32) * (0.2 if norm == "linf" else 1.0)
    attack = ATTACKS[name](norm=norm, batch_size=32)
    attack.steps, attack.queries = 10, 50
    points, broken, distance = attack(frozen, x, y, radius)
    moved = np.linalg.norm(
        (points.astype("float64") - x).reshape(32, -1), ord=2 if norm == "l2" else np.inf, axis=1
    )
    assert points.dtype == np.float32 and points.min() >= 0 and points.max() <= 1
    assert np.all(moved <= radius * (1 + 1e-5))
    wrong = frozen.certify(points).label != y
    np.testing.assert_array_equal(wrong, broken)
    np.testing.assert_array_equal(points[~broken], x[~broken])
    np.testing.assert_allclose(distance[broken], moved[broken], atol=1e-12)
    assert broken.any() and np.isinf(distance[~broken]).all()


def test_several_radii_keep_what_smaller_ones_broke(frozen, digits):
    x, y = digits[2][:32], digits[3][:32]
    points, broken, distance = PGD(steps=8, restarts=1)(frozen, x, y, epsilons=[0.3, 0.9, 0.6])
    assert points.shape == (3, 32, 8, 8, 1) and broken.shape == (3, 32)
    assert np.all(broken[0] <= broken[1])
    assert np.all(distance[broken] <= 0.9)


def test_stronger_attacks_break_more(frozen, digits):
    x, y = digits[2][:64], digits[3][:64]
    weak = PGD(steps=2, restarts=1)(frozen, x, y, 0.7).broken
    worst = WorstOf([PGD(steps=2, restarts=1), APGD(steps=30), Square(queries=50)])
    strong = worst(frozen, x, y, 0.7).broken
    assert np.all(weak <= strong)
    assert strong.sum() >= weak.sum()
    together = standard(strength=0.2)(frozen, x, y, 0.7).broken
    assert together.sum() >= strong.sum()


def test_an_ensemble_is_attacked_through_its_members(frozen, digits):
    x, y = digits[2][:48], digits[3][:48]
    vote = gloro_tf.ensembles.VotingEnsemble([frozen])
    alone = PGD(steps=10, restarts=1, batch_size=48)(frozen, x, y, 0.7)
    found = PGD(steps=10, restarts=1, batch_size=48)(vote, x, y, 0.7)
    np.testing.assert_array_equal(vote.certify(found.points).label != y, found.broken)
    assert found.broken.sum() >= 0.8 * alone.broken.sum() > 0


def test_a_model_that_hides_its_gradients_is_noticed_and_broken_without():
    """Logits rounded to steps: all gradients are zero, squares find the change all the same."""

    class Stairs(keras.layers.Layer):
        def call(self, x):
            return keras.ops.floor(x * 20) / 20 + 0 * x

    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    net = keras.Model(inputs, keras.layers.Dense(3)(Stairs()(inputs)))
    x = np.random.default_rng(0).random((20, 6)).astype("float32")
    y = np.asarray(net.predict(x, verbose=0)).argmax(axis=1)
    with pytest.warns(UserWarning, match="gradients"):
        blind = PGD(steps=5, restarts=1, batch_size=20)(net, x, y, 0.5)
    assert not blind.broken.any()
    assert Square(queries=200, batch_size=20)(net, x, y, 0.5).broken.mean() > 0.3


def test_attacks_are_values():
    attack = APGD(norm="linf", steps=7, targets=2)
    assert repr(attack) == (
        "APGD(norm='linf', bounds=(0.0, 1.0), seed=0, batch_size=256, steps=7, restarts=1, "
        "objective='margin', targets=2)"
    )
    assert repr(WorstOf([attack])) == f"WorstOf([{attack!r}])"


@pytest.mark.parametrize(
    "make, word",
    [
        (lambda: PGD(norm="l1"), "`norm`"),
        (lambda: PGD(steps=0), "`steps`"),
        (lambda: PGD(steps=5.5), "`steps`"),
        (lambda: PGD(step=float("nan")), "`step`"),
        (lambda: PGD(momentum=2), "`momentum`"),
        (lambda: PGD(bounds=(1, 0)), "`bounds`"),
        (lambda: PGD(bounds=3), "`bounds`"),
        (lambda: PGD(batch_size=2.5), "`batch_size`"),
        (lambda: PGD(seed=-1), "`seed`"),
        (lambda: WorstOf([3]), "`attacks`"),
        (lambda: PGD(objective="loss"), "`objective`"),
        (lambda: APGD(objective="crossentropy", targets=3), "`objective`"),
        (lambda: Square(p=0), "`p`"),
        (lambda: BoundaryDistance(targets=0), "`targets`"),
        (lambda: WorstOf([]), "`attacks`"),
        (lambda: WorstOf(None), "`attacks`"),
        (lambda: standard(strength=float("nan")), "`strength`"),
        (lambda: standard(strength=-1), "`strength`"),
        (lambda: WorstOf([PGD(), PGD(norm="linf")]), "`attacks`"),
    ],
)
def test_bad_attacks_are_refused(make, word):
    with pytest.raises(ValueError, match=word):
        make()


def test_bad_input_is_refused(frozen, digits):
    x, y = digits[2][:8], digits[3][:8]
    attack = PGD(steps=1, restarts=1)
    for arguments, word in [
        ((frozen, x, y[:3], 0.1), "`y`"),
        ((frozen, x, y + 10, 0.1), "`y`"),
        ((frozen, x, np.eye(10)[y], 0.1), "`y`"),
        ((frozen, x[:, :4], y, 0.1), "`x`"),
        ((frozen, x * np.nan, y, 0.1), "`x`"),
        ((frozen, x * 16, y, 0.1), "`bounds`"),
        ((frozen, x, y, -0.1), "`epsilons`"),
        ((frozen, x, y, []), "`epsilons`"),
        ((frozen, x, y, None), "`epsilons`"),
        ((frozen, x, y, np.ones(3)), "`epsilons`"),
        (("model", x, y, 0.1), "`model`"),
    ]:
        with pytest.raises(ValueError, match=word):
            attack(*arguments)


def test_at_least_as_strong_as_foolbox(frozen, digits):
    foolbox = pytest.importorskip("foolbox", reason="foolbox is not installed")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("foolbox follows Keras' gradients on TensorFlow alone")
    tensorflow = pytest.importorskip("tensorflow")
    x, y = digits[2][:64], digits[3][:64]
    theirs = foolbox.TensorFlowModel(frozen.logits_model, bounds=(0, 1))
    attack = foolbox.attacks.L2PGD(steps=20)
    _, _, broken = attack(
        theirs, tensorflow.constant(x), tensorflow.constant(y), epsilons=[0.4, 0.7]
    )
    ours = PGD(steps=20, restarts=1)(frozen, x, y, [0.4, 0.7]).broken
    assert np.all(ours.sum(axis=1) >= broken.numpy().sum(axis=1))


def test_inputs_without_an_answer_are_found():
    """Logits that turn NaN beyond a point: the model answers nothing there."""

    class Breaking(keras.layers.Layer):
        def call(self, x):
            return x + 0 * keras.ops.sqrt(x[:, :1] - 0.35)

    inputs = keras.Input((2,))
    net = keras.Model(inputs, keras.layers.Dense(2)(Breaking()(inputs)))
    net.layers[-1].set_weights([np.array([[1.0, 0.9], [0, 0]]), np.zeros(2)])
    x, y = np.full((8, 2), 0.4, "float32"), np.zeros(8, int)
    for attack in (PGD(steps=10, restarts=2, batch_size=8), Square(queries=400, batch_size=8)):
        assert attack(net, x, y, 0.2).broken.all()


def test_bounds_that_float32_rounds_are_met():
    net, _, _, _ = linear(False)
    x = np.full((4, 6), np.float32(0.3))
    y = np.asarray(net.predict(x, verbose=0)).argmax(axis=1)
    points = PGD(steps=3, bounds=(-0.3, 0.3), batch_size=4)(net, x, y, 5.0).points
    assert np.abs(points).max() == np.float32(0.3)


@pytest.fixture(scope="module")
def small_members():
    members = []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        net = gloro_tf.models.CholeskyMLP(1, 8, (4, 4, 1), 4, name=f"net_{seed}")
        members.append(gloro_tf.GloroModel(model=net, epsilon=0.05, name=f"m{seed}").freeze())
    return members


def test_attacks_on_a_vote_go_by_its_decision(small_members):
    """The mean of the members is climbed, but a point is found when the vote has changed."""
    vote = gloro_tf.ensembles.VotingEnsemble(small_members)
    x = np.random.default_rng(1).random((60, 4, 4, 1)).astype("float32")
    label = vote.certify(x).label
    broken = {
        size: PGD(steps=10, restarts=3, batch_size=size, bounds=None)(vote, x, label, 0.5).broken
        for size in (4, 60)
    }
    # Batches only draw other starts; stopping at the mean's boundary lost a third of the points.
    assert abs(int(broken[4].sum()) - int(broken[60].sum())) <= 3
    nearest = BoundaryDistance(steps=20, batch_size=60, bounds=None).nearest(vote, x, label)
    assert np.isfinite(nearest.distance).mean() > 0.9
    assert (nearest.distance < 0.5).sum() > 0.75 * broken[60].sum()
    assert (vote.certify(nearest.points).label != label)[nearest.broken].all()


def test_attacks_on_a_cascade_go_by_its_decision(small_members):
    cascade = gloro_tf.ensembles.CascadeEnsemble(small_members, certificate="lipschitz")
    x = np.random.default_rng(1).random((40, 4, 4, 1)).astype("float32")
    label = cascade.certify(x).label
    found = PGD(steps=10, restarts=2, batch_size=40, bounds=None)(cascade, x, label, 0.5)
    assert found.broken.mean() > 0.3
    assert np.array_equal(cascade.certify(found.points).label != label, found.broken)


def test_an_ensemble_without_finite_logits_gives_no_label(small_members):
    vote = gloro_tf.ensembles.VotingEnsemble(small_members)
    x = np.full((2, 4, 4, 1), [[[[0.5]]], [[[3e38]]]], "float32") * np.float32(1.0)
    assert np.array_equal(Target(vote, 2).labels(x) == -1, [False, True])
