import keras
import numpy as np
import pytest
from keras import ops

import gloro_tf
from gloro_tf.models.affinity_sets import SHIPPED, affinity_matrix

NAMES = ["cat", "dog", "car", "bus", "sea"]
SETS = {"pets": ["cat", "dog"], "road": ["car", "bus"]}


def net(classes=5, seed=0):
    keras.utils.set_random_seed(seed)
    return gloro_tf.models.ConvNet((((4, 3, 2),), (16,)), (8, 8, 1), classes)


def images(n=60):
    return np.random.default_rng(0).random((n, 8, 8, 1)).astype("float32")


KINDS = {
    "rtk": lambda model, eps=0.05: gloro_tf.RTKModel(model=model, epsilon=eps, k=3),
    "affinity": lambda model, eps=0.05: gloro_tf.AffinityModel(
        model=model, epsilon=eps, affinity_sets=SETS, class_names=NAMES
    ),
}


@pytest.mark.parametrize(
    "kind, loss",
    [("rtk", "trades_kl.1.5"), ("rtk", "emma"), ("affinity", "crossentropy"), ("affinity", "emma")]
    + [
        pytest.param("rtk", "crossentropy", marks=pytest.mark.slow),
        pytest.param("affinity", "trades_kl.1.5", marks=pytest.mark.slow),
    ],
)
def test_trains_freezes_and_saves(kind, loss, tmp_path):
    model, x = KINDS[kind](net()), images()
    metrics = ["clean_accuracy", "vra", "rejection_rate", "top_k_vra", "promised_set_size"]
    model.compile("adam", loss=loss, metrics=[*metrics, "certified_radius", "vra.0.01"])
    y = np.random.default_rng(1).integers(0, 5, len(x))
    model.fit(x, y, epochs=2, verbose=0)
    certificate = model.freeze().certify(x)
    measured = model.evaluate(x, y, verbose=0, return_dict=True)
    label_in_set = certificate.members[np.arange(len(x)), y]
    assert measured["relaxed_vra"] == pytest.approx(label_in_set.mean(), abs=1e-6)
    assert measured["rejection_rate"] == pytest.approx(1 - certificate.certified.mean(), abs=1e-6)
    sizes = certificate.members.sum(axis=1)
    if certificate.certified.any():
        mean = sizes[certificate.certified].mean()
        assert measured["promised_set_size"] == pytest.approx(mean, rel=1e-5)
    model.save(tmp_path / "m.keras")
    model.save_to_preset(tmp_path / "p")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    for copy in (loaded, gloro_tf.GloroModel.from_preset(tmp_path / "p")):
        assert type(copy) is type(model)
        for ours, theirs in zip(certificate, copy.certify(x), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_one_is_gloro_bit_for_bit():
    x, shared = images(), net()
    strict = gloro_tf.GloroModel(model=shared, epsilon=0.05).freeze()
    one = gloro_tf.RTKModel(model=shared, epsilon=0.05, k=1).freeze()
    singles = gloro_tf.AffinityModel(
        model=shared, epsilon=0.05, affinity_sets=[[i] for i in range(5)]
    ).freeze()
    for other in (one, singles):
        np.testing.assert_array_equal(strict.predict(x, verbose=0), other.predict(x, verbose=0))
        for a, b in zip(strict.certify(x), other.certify(x), strict=False):
            np.testing.assert_array_equal(a, b)


def test_fields_of_a_certificate():
    model = KINDS["rtk"](net(), 0.01).freeze()
    c = model.certify(images())
    assert c.radii.shape == (60, 3) and c.members.shape == (60, 5)
    np.testing.assert_array_equal(c.certified, c.radius > model.epsilon)
    np.testing.assert_array_equal(c.loosest > 0, c.certified)
    np.testing.assert_array_equal(c.members.sum(axis=1), c.loosest)
    assert np.all((c.strictest <= c.loosest) & ((c.strictest > 0) == c.certified))
    rows = np.flatnonzero(c.certified)
    assert np.all(c.members[rows, c.label[rows]])
    assert np.any(c.strictest[rows] != c.loosest[rows])
    empty = model.certify(images()[:0])
    assert [len(part) for part in empty] == [0] * 7


def test_affinity_promises_only_given_sets():
    model = KINDS["affinity"](net(), 0.01).freeze()
    c = model.certify(images(200))
    allowed = {tuple(row) for row in model.sets.tolist()} | {
        tuple(np.eye(5, dtype="bool")[i].tolist()) for i in range(5)
    }
    promised = {tuple(row) for row in c.members[c.certified].tolist()}
    assert promised and promised <= allowed


def test_duplicated_classes_are_certified_as_a_pair_only():
    """Two equal logits: no promise about either, but one about both together."""
    shared = net(3)
    kernel, bias = (ops.convert_to_numpy(w) for w in shared.get_layer("logits").weights)
    kernel[:, 1], bias[1] = kernel[:, 0], bias[0]
    bias[:2] += 50
    shared.get_layer("logits").set_weights([kernel, bias])
    x = images(10)
    assert not gloro_tf.GloroModel(model=shared, epsilon=0.05).freeze().certify(x).certified.any()
    c = gloro_tf.RTKModel(model=shared, epsilon=0.05, k=2).freeze().certify(x)
    assert c.certified.all() and np.all(c.strictest == 2)
    np.testing.assert_array_equal(c.members, [[True, True, False]] * 10)


def test_emma_asks_nothing_between_classes_of_a_set():
    shared, x = net(), images(8)
    affinity = KINDS["affinity"](shared)
    affinity.compile("sgd", loss="emma", metrics=[])
    labels = np.eye(5, dtype="float32")[[0, 4]]
    asked = ops.convert_to_numpy(affinity._asked(labels, np.ones((2, 5), "float32")))
    np.testing.assert_array_equal(asked, [[0, 0, 1, 1, 1], [1, 1, 1, 1, 0]])
    strict = gloro_tf.GloroModel(model=shared, epsilon=0.05)
    strict.compile("sgd", loss="margin", metrics=[])
    affinity.compile("sgd", loss="margin", metrics=[])
    losses = [m.evaluate(x, np.zeros(8, "int32"), verbose=0) for m in (strict, affinity)]
    assert losses[1] < losses[0]


def test_emma_trains_a_top_k_model_as_a_strict_one():
    """What the recipes of RTK models say of their weights: EMMA does not look at `k`."""
    x, y = images(64), np.random.default_rng(1).integers(0, 5, 64)
    trained = []
    for wrap in (lambda n: gloro_tf.GloroModel(model=n, epsilon=0.05), KINDS["rtk"]):
        model = wrap(net())
        model.compile(keras.optimizers.SGD(0.1), loss="emma")
        keras.utils.set_random_seed(2)
        model.fit(x, y, epochs=2, shuffle=False, verbose=0)
        trained.append(model.logits_model.get_weights())
    for strict, relaxed in zip(*trained, strict=True):
        np.testing.assert_allclose(strict, relaxed, rtol=1e-5, atol=1e-6)
    assert np.abs(trained[0][0] - net().get_weights()[0]).max() > 1e-3


def linear(classes=4, features=3, seed=0):
    rng = np.random.default_rng(seed)
    model = keras.Sequential([keras.Input((features,)), keras.layers.Dense(classes, name="d")])
    model.get_layer("d").set_weights(
        [rng.normal(size=(features, classes)), rng.normal(size=classes)]
    )
    return model


@pytest.mark.parametrize("k", [1, 2, 3])
def test_tight_on_linear_models(k):
    """Inside the radius the best k stay; just outside, the nearest point changes them: 0 and all."""
    model = linear()
    weights, bias = (w.astype("float64") for w in model.get_layer("d").get_weights())
    certified = gloro_tf.RTKModel(model=model, epsilon=0.1, k=3).freeze()
    x = np.random.default_rng(1).normal(size=(300, 3)).astype("float32")
    radii = certified.certify(x).radii[:, k - 1]

    def best(points):
        return np.sort(np.argsort(-(points @ weights + bias), axis=1)[:, :k], axis=1)

    order = np.argsort(-(x @ weights + bias), axis=1)
    broken_inside = changed_outside = 0
    for point, ranks, radius in zip(x.astype("float64"), order, radii, strict=True):
        inside, outside = ranks[:k], ranks[k:]
        before = best(point[None])
        flips = []
        for j in inside:
            for i in outside:
                direction = weights[:, i] - weights[:, j]
                direction /= np.linalg.norm(direction)
                within = best((point + radius * (1 - 1e-6) * direction)[None])
                broken_inside += np.any(within != before)
                flips.append(
                    np.any(best((point + (radius * 1.001 + 1e-4) * direction)[None]) != before)
                )
        changed_outside += any(flips)
    assert broken_inside == 0
    assert changed_outside == len(x)


def test_k_must_leave_something_out():
    for bad in (0, 5, 2.5, True):
        with pytest.raises(ValueError, match="`k` must be an integer from 1 to 4"):
            gloro_tf.RTKModel(model=net(), epsilon=0.1, k=bad)


@pytest.mark.parametrize(
    "sets",
    [
        [[0, 1], [2, 3], [4]],
        {"a": [0, 1], "b": [2, 3]},
        {"a": ["cat", "dog"], "b": ["car", "bus"], "c": ["sea"]},
        np.array([[1, 1, 0, 0, 0], [0, 0, 1, 1, 0]]),
    ],
)
def test_forms_of_sets(sets):
    matrix, names = affinity_matrix(sets, 5, NAMES)
    expected = {(1, 1, 0, 0, 0), (0, 0, 1, 1, 0), (0, 0, 0, 0, 1)}
    assert {tuple(row) for row in matrix.astype(int).tolist()} == expected
    assert len(names) == len(matrix)


@pytest.mark.parametrize(
    "sets, match",
    [
        ([[0, 9]], "from 0 to 4"),
        ([["cow"]], "Received: 'cow'"),
        ([[0], []], "with no class"),
        ([range(5)], "all classes"),
        ([], "must be in a set"),
        ("imagenet", "must be one of"),
        ("cifar10_fine", "10 classes"),
        (np.ones((2, 4)), "5 columns"),
        (np.full((2, 5), 0.5), "0 and 1"),
    ],
)
def test_bad_sets(sets, match):
    with pytest.raises(ValueError, match=match):
        affinity_matrix(sets, 5, NAMES)


def test_uncovered_classes():
    matrix, names = affinity_matrix([[0, 1]], 4)
    assert matrix.shape == (3, 4) and names == ["set 0", "2", "3"]
    with pytest.raises(ValueError, match=r"none for \[2, 3\]"):
        affinity_matrix([[0, 1]], 4, uncovered="refuse")
    with pytest.raises(ValueError, match="`uncovered`"):
        affinity_matrix([[0, 1]], 4, uncovered="ignore")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_sets_cover_their_classes(name):
    class_names, sets = SHIPPED[name]
    matrix, names = affinity_matrix(name, len(class_names), uncovered="refuse")
    assert names == list(sets) and matrix.any(axis=0).all()
    if name == "cifar100_superclasses":
        assert len(class_names) == 100 and matrix.shape == (20, 100)
        assert np.all(matrix.sum(axis=0) == 1) and np.all(matrix.sum(axis=1) == 5)
        assert class_names[:3] == ["apple", "aquarium_fish", "baby"]


def test_sets_from_a_confusion_matrix():
    confusion = np.diag([90.0, 90, 90, 90, 90])
    confusion[0, 1] = confusion[1, 0] = 30
    confusion[2, 3], confusion[3, 4] = 20, 18
    propose = gloro_tf.models.propose_from_confusion
    assert propose(confusion, size=2) == [[0, 1], [2, 3], [4]]
    assert propose(confusion, size=3, least=0.01) == [[0, 1], [2, 3, 4]]
    with pytest.raises(ValueError, match="`size`"):
        propose(confusion, size=5)
    with pytest.raises(ValueError, match="`confusion`"):
        propose(confusion[:2])


def test_sets_from_a_hierarchy():
    parents = {"cat": "pet", "dog": "pet", "car": "road", "bus": "road", "pet": "animal"}
    parents |= {"animal": "thing", "road": "thing", "sea": "thing"}
    found = gloro_tf.models.propose_from_hierarchy(parents, NAMES, size=3)
    assert found == {"pet": ["cat", "dog"], "road": ["car", "bus"]}
    with pytest.raises(ValueError, match="cycles"):
        gloro_tf.models.propose_from_hierarchy({"cat": "a", "a": "b", "b": "a"}, NAMES)
