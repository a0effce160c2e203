import numpy as np
import pytest

from gloro_tf.data import _operations, augmentation

EVERY = (
    "flip crop.2 shift.2 cutout.3 rotate.20 zoom.0.2 shear.10 brightness.0.3 contrast.0.5 "
    "saturation.0.5 noise.0.1 randaugment.9 randaugment_half.9"
).split()


def images(n=50, channels=3, seed=0):
    return np.random.default_rng(seed).random((n, 8, 9, channels), dtype=np.float32)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", [*EVERY, "none", "standard", "flip+crop.4+cutout.8"])
def test_every_operation(name, channels):
    x = images(channels=channels)
    before = x.copy()
    augment = augmentation.get(name)
    y = augment(x, np.random.default_rng(1))
    np.testing.assert_array_equal(x, before)
    assert y.shape == x.shape and y.dtype == np.float32
    assert y.min() >= 0 and y.max() <= 1
    np.testing.assert_array_equal(y, augment(x, np.random.default_rng(1)))
    unchanged = name == "none" or (name == "saturation.0.5" and channels == 1)
    assert np.abs(y - x).max() < 1e-6 if unchanged else np.abs(y - x).max() > 0.01


def test_every_operation_is_tested():
    assert {word.split(".")[0] for word in EVERY} == set(_operations.OPERATIONS)


@pytest.mark.parametrize(
    "name", [w.partition(".")[0] + ".0" for w in EVERY if "." in w and "rand" not in w]
)
def test_amount_zero_is_the_identity(name):
    y = augmentation.get(name)(images(), np.random.default_rng(0))
    np.testing.assert_allclose(y, images(), atol=2e-6)


def test_flip_and_shift_do_what_they_say():
    x = images(300)
    flipped = augmentation.get("flip")(x, np.random.default_rng(0))
    same = (flipped == x).all(axis=(1, 2, 3))
    mirrored = (flipped == x[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ mirrored).all() and 110 < same.sum() < 190
    shifted = augmentation.get("shift.1")(x, np.random.default_rng(0))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    seen = {
        (i, j)
        for i in range(3)
        for j in range(3)
        for n in range(300)
        if (padded[n, i : i + 8, j : j + 9] == shifted[n]).all()
    }
    assert len(seen) == 9


def test_cutout_blanks_at_most_a_square():
    x = np.ones((200, 8, 8, 3), "float32")
    holes = (augmentation.get("cutout.3")(x, np.random.default_rng(0)) == 0).sum(axis=(1, 2, 3))
    assert holes.max() == 27 and holes.min() >= 3 * 4


@pytest.mark.parametrize("degrees, turns", [(90, 1), (180, 2)])
def test_warp_rotates_exactly(degrees, turns):
    x = images()[:, :, :8]
    a = np.full((len(x), 1, 1, 1), np.radians(degrees))
    y = _operations._warp(x, [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    np.testing.assert_allclose(y, np.rot90(x, -turns, axes=(1, 2)), atol=1e-5)


def test_warp_zooms_about_the_centre_and_pads_with_zero():
    x = np.ones((1, 8, 8, 1), "float32")
    two, zero = np.full((1, 1, 1, 1), 2.0), np.zeros((1, 1, 1, 1))
    y = _operations._warp(x, [[two, zero], [zero, two]])[0, :, :, 0]
    assert (y[2:6, 2:6] == 1).all() and y[0].max() == y[:, -1].max() == 0
    np.testing.assert_array_equal(y, y[::-1, ::-1])


def test_minus_nothing_is_nothing():
    x = np.full((3, 4, 4, 1), 0.5, "float32")
    for name in ("rotate.-0", "contrast.-0.0", "crop.-0"):
        np.testing.assert_allclose(augmentation.get(name)(x, np.random.default_rng(0)), x)


def test_each_image_draws_its_own_amount():
    x = np.full((10, 4, 4, 1), 0.5, "float32")
    y = augmentation.get("brightness.0.2")(x, np.random.default_rng(0))
    assert len(np.unique(y)) == 10 and np.abs(y - 0.5).max() <= 0.2


def test_uint8_is_scaled():
    x = np.full((3, 4, 4, 1), 255, "uint8")
    for name in ("none", "flip"):
        y = augmentation.get(name)(x, np.random.default_rng(0))
        assert y.dtype == np.float32 and (y == 1).all()


def test_value_semantics():
    assert repr(augmentation.get("flip+crop.4")) == "Augmentation('flip+crop.4')"
    assert augmentation.get("flip") == augmentation.get("flip") != augmentation.get("crop.4")
    standard, spelled = augmentation.get("standard"), augmentation.get("flip+crop.4")
    assert augmentation.get(standard) is standard
    np.testing.assert_array_equal(
        standard(images(), np.random.default_rng(5)), spelled(images(), np.random.default_rng(5))
    )


@pytest.mark.parametrize(
    "name, message",
    [
        ("flpi", r"brightness\.N, contrast\.N.*word 'flpi'.*Did you mean flip"),
        ("flip+", r"word '\?'"),
        ("cutout." + "9" * 30, r"`cutout` must be an integer in \[0, 512\]"),
        ("", "'none' for no augmentation"),
        (None, "augmentation=None"),
        ("flip.3", "takes no amount"),
        ("crop", r"an integer in \[0, 512\].*crop\.4"),
        ("crop.1.5", "integer"),
        ("crop.-1", "crop.-1"),
        ("zoom.2", r"a number in \[0, 0\.95\].*zoom\.0\.1"),
        ("noise.nan", "noise.nan"),
        ("rotate.inf", "rotate.inf"),
    ],
)
def test_bad_words(name, message):
    with pytest.raises(ValueError, match=message):
        augmentation.get(name)


def test_register_and_callables(monkeypatch):
    monkeypatch.setattr(_operations, "OPERATIONS", dict(_operations.OPERATIONS))
    monkeypatch.setattr(augmentation, "OPERATIONS", _operations.OPERATIONS)

    @augmentation.register("invert")
    def invert(images, rng):
        return 1 - images

    x = images()
    np.testing.assert_array_equal(augmentation.get("invert")(x, None), 1 - x)
    assert "invert" in augmentation.names()
    custom = augmentation.get(invert)
    assert repr(custom) == "Augmentation('invert')"
    np.testing.assert_array_equal(custom(x, None), 1 - x)
    with pytest.raises(ValueError, match="'a.b'"):
        augmentation.register("a.b")
