"""RandAugment's operations against those of the Pillow library, from which the paper has them."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from gloro_tf.data import _randaugment, augmentation


def picture(seed=0, side=16):
    rng = np.random.default_rng(seed)
    smooth = rng.random((4, 4, 3)).repeat(side // 4, 0).repeat(side // 4, 1)
    return np.round(255 * np.clip(0.1 + 0.6 * smooth + 0.1 * rng.random((side, side, 3)), 0, 1))


def ours(name, image, amount):
    function = getattr(_randaugment, f"_{name}")
    amount = np.full((1, 1, 1, 1), amount, "float32")
    changed = function(np, (image[None] / 255).astype("float32"), amount)
    return np.clip(changed, 0, 1)[0] * 255


def enhanced(kind):
    return lambda image, amount: kind(image).enhance(1 + 0.9 * amount)


PILLOW = {
    "brightness": (enhanced(ImageEnhance.Brightness), 1.01),
    "sharpness": (enhanced(ImageEnhance.Sharpness), 1.6),
    "posterize": (lambda image, amount: ImageOps.posterize(image, 8 - round(4 * amount)), 0.01),
    "solarize": (lambda image, amount: ImageOps.solarize(image, round(255 * (1 - amount))), 0.01),
    "autocontrast": (lambda image, amount: ImageOps.autocontrast(image), 1.01),
    "equalize": (lambda image, amount: ImageOps.equalize(image), 0.01),
}


@pytest.mark.parametrize("name", PILLOW)
@pytest.mark.parametrize("amount", [0.2, 0.6])
def test_operations_are_those_of_pillow(name, amount):
    image = picture()
    function, tolerance = PILLOW[name]
    expected = np.asarray(function(Image.fromarray(image.astype("uint8")), amount), float)
    np.testing.assert_allclose(ours(name, image, amount), expected, atol=tolerance)
    assert np.abs(expected - image).max() >= 1


def test_color_and_contrast_pull_towards_grey_and_the_mean():
    image = picture()
    grey = image.mean(axis=2, keepdims=True)
    np.testing.assert_allclose(ours("color", image, -0.5), grey + 0.55 * (image - grey), atol=1e-3)
    middle = image.mean()
    np.testing.assert_allclose(
        ours("contrast", image, -0.5), middle + 0.55 * (image - middle), atol=1e-3
    )


def test_flat_channels_survive():
    flat = np.full((4, 4, 3), 77.0)
    for name in ("autocontrast", "equalize"):
        np.testing.assert_allclose(ours(name, flat, 1.0), flat, atol=1e-3)


def test_every_image_draws_its_own_operations():
    x = np.repeat((picture()[None] / 255).astype("float32"), 400, axis=0)
    y = augmentation.get("randaugment.9")(x, np.random.default_rng(0))
    same = (y == x).all(axis=(1, 2, 3)).mean()
    assert len(np.unique(y.reshape(400, -1), axis=0)) > 100
    assert same < 0.05  # both draws are the identity in 1 of 196
    half = augmentation.get("randaugment_half.9")(x, np.random.default_rng(0))
    assert 0.4 < (half == x).all(axis=(1, 2, 3)).mean() < 0.6


def test_movements_move_as_far_as_stated():
    kinds = np.arange(len(_randaugment.MOVES))
    matrix, offset = _randaugment.moves(np, kinds, np.ones(len(kinds), "float32"), 20, 40)
    named = dict(zip(_randaugment.MOVES, zip(matrix, offset)))
    np.testing.assert_array_equal(named["identity"][0], np.eye(2))
    np.testing.assert_allclose(named["shift_rows"][1], [9, 0], rtol=1e-6)
    np.testing.assert_allclose(named["shift_columns"][1], [0, 18], rtol=1e-6)
    np.testing.assert_allclose(named["shear_rows"][0], [[1, 0.3], [0, 1]], rtol=1e-6)
    np.testing.assert_allclose(np.linalg.det(named["rotate"][0]), 1, rtol=1e-6)


def test_jax_agrees_on_every_operation():
    jnp = pytest.importorskip("jax.numpy")
    images = np.stack([picture(seed) for seed in range(6)]).astype("float32") / 255
    amount = np.linspace(-0.9, 0.9, 6, dtype="float32")[:, None, None, None]
    for function in _randaugment.COLORS:
        expected = function(np, images, amount)
        np.testing.assert_allclose(
            np.asarray(function(jnp, images, amount)), expected, atol=2e-5, err_msg=str(function)
        )
    kinds = np.arange(6)
    for a, b in zip(
        _randaugment.moves(np, kinds, amount.ravel(), 8, 9),
        _randaugment.moves(jnp, kinds, amount.ravel(), 8, 9),
    ):
        np.testing.assert_allclose(a, np.asarray(b), atol=1e-6)
