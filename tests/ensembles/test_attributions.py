import keras
import numpy as np
import pytest

from gloro_tf.ensembles import (
    SelectiveEnsemble,
    attribution_similarity,
    attributions,
)
from gloro_tf.training import ManyModels

FEATURES, CLASSES = 5, 3
rng = np.random.default_rng(0)
X = rng.normal(size=(7, FEATURES)).astype("float32")


def net(*hidden):
    layers = [keras.layers.Dense(8, "tanh") for _ in hidden]
    layers = [keras.Input((FEATURES,)), *layers, keras.layers.Dense(CLASSES)]
    return keras.Sequential(layers)


def outputs(model, x):
    return keras.ops.convert_to_numpy(model(x))


@pytest.fixture(scope="module")
def models():
    found = []
    for seed in range(6):
        keras.utils.set_random_seed(seed)
        found.append(net(8))
    return found


@pytest.fixture(scope="module")
def many(models):
    weights = [np.stack(w) for w in zip(*(m.get_weights() for m in models))]
    return ManyModels(lambda: net(8), models[0], weights, np.arange(6), np.zeros((1, 6)))


@pytest.mark.parametrize("method", ["saliency", "integrated_gradients"])
def test_linear_members_give_their_mean_weights(method):
    members = [net() for _ in range(4)]
    target = np.arange(7) % CLASSES
    found = attributions(members, X, method, target=target, steps=3)
    mean = np.mean([m.get_weights()[0] for m in members], axis=0)[:, target].T
    np.testing.assert_allclose(found, mean if method == "saliency" else mean * X, atol=1e-6)


def test_saliency_is_the_slope_of_the_mean_score(models):
    found = attributions(models, X, target=1)
    step = 1e-2
    for feature in range(FEATURES):
        ends = [X + s * step * np.eye(FEATURES, dtype="float32")[feature] for s in (1, -1)]
        scores = [np.mean([outputs(m, e)[:, 1] for m in models], axis=0) for e in ends]
        np.testing.assert_allclose(
            found[:, feature], (scores[0] - scores[1]) / (2 * step), atol=2e-3
        )


@pytest.mark.parametrize("baseline", [0.0, 0.5])
def test_integrated_gradients_add_up(models, baseline):
    found = attributions(
        models[:2], X, "integrated_gradients", target=2, steps=40, baseline=baseline, average=False
    )
    assert found.shape == (2, *X.shape)
    for model, own in zip(models, found):
        scores = outputs(model, np.concatenate([X, np.full_like(X, baseline)]))[:, 2]
        np.testing.assert_allclose(own.sum(axis=1), scores[:7] - scores[7:], atol=1e-3)


def test_one_result_for_every_kind_of_ensemble(models, many):
    expected = attributions(models, X)
    np.testing.assert_allclose(attributions(many, X, batch_size=3), expected, atol=1e-5)
    ensemble = SelectiveEnsemble(models)
    np.testing.assert_allclose(attributions(ensemble, X), expected, atol=1e-6)
    own = attributions(many, X, average=False)
    np.testing.assert_allclose(own.mean(axis=0), expected, atol=1e-5)
    votes = np.stack([outputs(m, X).argmax(axis=1) for m in models])
    winners = [np.bincount(column, minlength=CLASSES).argmax() for column in votes.T]
    np.testing.assert_allclose(
        attributions(models, X, target=np.array(winners)), expected, atol=1e-6
    )
    single = attributions(models[0], X, target=0)
    np.testing.assert_allclose(single, attributions(models[:1], X, target=0), atol=1e-6)


def test_averaging_makes_attributions_alike():
    """Members that share a direction and have noise of their own."""
    common = rng.normal(size=(30, 10))
    members = common + rng.normal(size=(40, 30, 10))

    def alike(n):
        a, b = members[:n].mean(axis=0), members[20 : 20 + n].mean(axis=0)
        return {name: v.mean() for name, v in attribution_similarity(a, b, k=3).items()}

    for name, value in alike(20).items():
        assert value > alike(1)[name] + 0.2


def test_identical_attributions_are_alike():
    metrics = ("spearman", "top_k", "pearson", "ssim")
    images = rng.normal(size=(4, 8, 9, 2))
    images[1] = 0.3  # constant
    for value in attribution_similarity(images, images, metrics).values():
        np.testing.assert_allclose(value, 1.0, atol=1e-12)
    opposite = attribution_similarity(images[2:], -images[2:], metrics)
    np.testing.assert_allclose(opposite["spearman"], -1.0, atol=1e-12)
    np.testing.assert_allclose(opposite["top_k"], 1.0)  # by absolute value
    assert (opposite["ssim"] < 0.99).all()
    assert attribution_similarity(images[1:2], images[2:3])["pearson"][0] == 0


def test_correlations_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    a, b = rng.normal(size=(2, 20, 15))
    a[:, 3:7], b[:10] = 0.25, np.round(b[:10])  # ties
    found = attribution_similarity(a, b)
    for i in range(20):
        assert found["spearman"][i] == pytest.approx(stats.spearmanr(a[i], b[i])[0], abs=1e-12)
        assert found["pearson"][i] == pytest.approx(stats.pearsonr(a[i], b[i])[0], abs=1e-12)


def test_top_k_and_ssim_by_hand():
    a, b = np.array([[5, -4, 3, 2, 1.0]]), np.array([[5, 1, -3, 2, 4.0]])
    assert attribution_similarity(a, b, "top_k", k=3)["top_k"][0] == pytest.approx(2 / 3)
    a, b = rng.normal(size=(2, 1, 9, 8))
    width, values = max(a.max(), b.max()) - min(a.min(), b.min()), []
    for i, j in np.ndindex(3, 2):
        p, q = a[0, i : i + 7, j : j + 7], b[0, i : i + 7, j : j + 7]
        c1, c2 = (0.01 * width) ** 2, (0.03 * width) ** 2
        covariance = np.mean((p - p.mean()) * (q - q.mean()))
        value = (2 * p.mean() * q.mean() + c1) * (2 * covariance + c2)
        values.append(value / ((p.mean() ** 2 + q.mean() ** 2 + c1) * (p.var() + q.var() + c2)))
    assert attribution_similarity(a, b, ["ssim"])["ssim"][0] == pytest.approx(np.mean(values))


@pytest.mark.parametrize(
    "message, given",
    [
        ("`method`", {"method": "lime"}),
        ("`steps`", {"steps": 0}),
        ("`target` must be", {"target": [0, 1]}),
        ("`target` must lie", {"target": 3}),
        ("`models`", {"models": [3]}),
        ("`x`", {"x": X[:0]}),
    ],
)
def test_what_attributions_refuse(models, message, given):
    arguments = {"models": models[:2], "x": X, **given}
    with pytest.raises(ValueError, match=message):
        attributions(arguments.pop("models"), arguments.pop("x"), **arguments)


@pytest.mark.parametrize(
    "message, given",
    [
        ("`metrics`", {"metrics": ("kendall",)}),
        ("`metrics`", {"metrics": ()}),
        ("`k`", {"k": 6}),
        ("Reshape", {"metrics": "ssim"}),
        ("of one shape", {"b": X[:3]}),
        ("finite", {"b": np.full_like(X, np.nan)}),
    ],
)
def test_what_similarity_refuses(message, given):
    arguments = {"b": X, **given}
    with pytest.raises(ValueError, match=message):
        attribution_similarity(X, arguments.pop("b"), **arguments)
