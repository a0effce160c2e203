import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf.testing import lipschitz_lower_bound

LiResNet = gloro_tf.models.LiResNet
TINY = dict(input_shape=(16, 16, 3), classes=4, dense_width=16, dense_depth=2)


def trainable(net):
    return sum(int(np.prod(v.shape)) for v in net.trainable_variables)


@pytest.mark.parametrize(
    "arguments, count",
    [
        (dict(depth=18, width=256, variant="neurips"), 16_943_114),
        (dict(depth=6, width=64, dense_width=256, dense_depth=4), 821_578),
    ],
)
def test_published_sizes(arguments, count):
    assert trainable(LiResNet(**arguments)) == count


@pytest.mark.slow
def test_published_size_of_the_largest():
    assert trainable(LiResNet(12, 512)) == pytest.approx(82.94e6, rel=1e-4)


@pytest.mark.parametrize(
    "shape, variant, side",
    [((28, 28, 1), "chord", 14), ((64, 64, 3), "neurips", 16), ((64, 64, 3), "chord", 32)],
)
def test_stems(shape, variant, side):
    net = LiResNet(1, 2, shape, variant=variant, dense_width=4)
    assert net.get_layer("block_1").output.shape[1] == side


def test_stem_of_large_images():
    net = LiResNet(1, 2, (224, 224, 3), variant="neurips", dense_width=4)
    assert net.get_layer("stem").output.shape[1:] == (16, 16, 2)


@pytest.mark.parametrize(
    "variant, activation",
    [
        ("chord", "minmax"),
        ("neurips", "householder"),
        pytest.param("chord", "householder", marks=pytest.mark.slow),
        pytest.param("neurips", "minmax", marks=pytest.mark.slow),
    ],
)
def test_bound_holds_and_saves(variant, activation, tmp_path):
    arguments = {**TINY, "dense_depth": 2 if variant == "chord" else None}
    net = LiResNet(2, 4, variant=variant, activation=activation, **arguments)
    model = gloro_tf.GloroModel(model=net, epsilon=0.1)
    rng = np.random.default_rng(0)
    x, y = rng.random((32, 16, 16, 3), "float32"), rng.integers(0, 4, 32)
    model.compile("adam", loss="emma")
    model.fit(x, y, epochs=2, verbose=0)
    model.freeze()
    lower = lipschitz_lower_bound(net, (16, 16, 3), restarts=1)
    assert 0.2 * gloro_tf.lipschitz.bound(net) < lower <= gloro_tf.lipschitz.bound(net)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.certify(x).radius, model.certify(x).radius)


def test_scaling_the_stem_changes_no_certificate():
    """Oracle 8 of the LiResNet page: stem and biases times c leave the certified set as it is."""
    net = LiResNet(2, 4, variant="neurips", **{**TINY, "dense_depth": None})
    model = gloro_tf.GloroModel(model=net, epsilon=0.05)
    x = np.random.default_rng(0).random((64, 16, 16, 3)).astype("float32")
    before = model.freeze().certify(x)
    for variable in net.trainable_variables:
        if variable.path.endswith("bias") or variable.path == "stem/kernel":
            variable.assign(4.0 * variable.value)
    after = model.freeze().certify(x)
    np.testing.assert_array_equal(before.label, after.label)
    np.testing.assert_allclose(before.radius, after.radius, rtol=1e-3, atol=1e-5)


def test_mixed_precision_trains():
    net = LiResNet(2, 4, dtype="mixed_bfloat16", **TINY)
    model = gloro_tf.GloroModel(model=net, epsilon=0.1)
    model.compile("adam", loss="emma")
    x = np.random.default_rng(0).random((16, 16, 16, 3)).astype("float32")
    history = model.fit(x, np.arange(16) % 4, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"][-1])


def test_by_name():
    net = gloro_tf.models.build("liresnet.2x4.1x8", (16, 16, 1), 3)
    assert net.get_config()["dense_width"] == 8 and net.output_shape == (None, 3)
    assert gloro_tf.models.build("liresnet_neurips.1x4", (16, 16, 1), 3).get_config()["depth"] == 1
    with pytest.raises(ValueError, match="DEPTHxWIDTH"):
        gloro_tf.models.build("liresnet.six", (16, 16, 1), 3)


@pytest.mark.parametrize(
    "change, match",
    [
        (dict(width=3), "`width`"),
        (dict(width=4.5), "`width`"),
        (dict(depth="3"), "`depth`"),
        (dict(dense_width=0), "`dense_width`"),
        (dict(dense_depth=-1), "`dense_depth`"),
        (dict(variant=["chord"]), "`variant`"),
        (dict(input_shape=32), "`input_shape`"),
        (dict(input_shape=(None, None, 3)), "`input_shape`"),
        (dict(stem=3), "`stem`"),
        (dict(neck=0), "`neck`"),
        (dict(depth=0), "`depth`"),
        (dict(variant="icml"), "`variant`"),
        (dict(activation="gelu"), "`activation`"),
        (dict(input_shape=(32,)), "`input_shape`"),
        (dict(variant="neurips", dense_depth=3), "`dense_depth`"),
    ],
)
def test_bad_arguments(change, match):
    with pytest.raises(ValueError, match=match):
        LiResNet(**{"depth": 1, "width": 2, **change})
