"""Augmentation inside a compiled JAX program: the same words, on the accelerator."""

import functools

from gloro_tf.data import _randaugment
from gloro_tf.data import augmentation as augmentations


def on_device(name):
    """Returns `(images, key) -> images` for an augmentation, to be traced by JAX.

    Args:
        name: str. As in `gloro_tf.data.augmentation.get`, made of `flip`, `crop`, `shift`, `cutout`,
            `rotate`, `zoom`, `shear`, `brightness`, `contrast`, `saturation`, `noise`, `randaugment`
            and `randaugment_half`. Each image draws its own amounts, other ones than in NumPy.

    The function takes `(n, height, width, channels)` float32 in [0, 1] and a `jax.random` key.

    Raises:
        ValueError: for a word that has no version on the device.
    """
    chosen = augmentations.get(name)
    functions = []
    for word in _words(chosen.name):
        kind, _, amount = word.partition(".")
        if kind not in OPERATIONS:
            raise ValueError(
                f"`augmentation` on a device must be made of {sorted(OPERATIONS)}. Received: "
                f"{word!r}. Leave --resident off."
            )
        functions.append(functools.partial(OPERATIONS[kind], *([float(amount)] if amount else [])))

    def apply(images, key):
        import jax

        for number, function in enumerate(functions):
            images = function(images=images, key=jax.random.fold_in(key, number))
        return images

    return apply


def _words(name):
    for word in name.split("+"):
        word = augmentations._SHORTHANDS.get(word.strip(), word.strip())
        yield from filter(None, word.split("+"))


def _uniform(key, images, low, high):
    import jax

    return jax.random.uniform(key, (len(images), 1, 1, 1), "float32", low, high)


def _flip(images, key):
    import jax.numpy as jnp

    return jnp.where(_uniform(key, images, 0, 1) < 0.5, images[:, :, ::-1], images)


def _shift(pixels, images, key):
    import jax
    import jax.numpy as jnp

    pixels = int(pixels)
    padded = jnp.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)))
    corners = jax.random.randint(key, (len(images), 2), 0, 2 * pixels + 1)
    shape = images.shape[1:]
    return jax.vmap(lambda image, at: jax.lax.dynamic_slice(image, (at[0], at[1], 0), shape))(
        padded, corners
    )


def _cutout(side, images, key):
    import jax
    import jax.numpy as jnp

    side, (n, height, width, _) = int(side), images.shape
    first, second = jax.random.split(key)
    top = jax.random.randint(first, (n, 1), 0, height) - side // 2
    left = jax.random.randint(second, (n, 1), 0, width) - side // 2
    rows, columns = jnp.arange(height), jnp.arange(width)
    inside = ((rows >= top) & (rows < top + side))[:, :, None]
    inside = inside & ((columns >= left) & (columns < left + side))[:, None, :]
    return jnp.where(inside[..., None], 0.0, images)


def _warp(images, matrix, offset=None):
    """Resamples around the centre, bilinear, with black outside.

    `matrix` is `(n, 2, 2)`, `offset` `(n, 2)`.
    """
    import jax
    import jax.numpy as jnp

    offset = jnp.zeros(matrix.shape[:2]) if offset is None else offset

    height, width, channels = images.shape[1:]
    rows, columns = jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")
    centre = jnp.array([(height - 1) / 2, (width - 1) / 2])
    grid = jnp.stack([rows, columns], -1).reshape(-1, 2) - centre

    def one(image, turn, further):
        at = (grid @ turn.T + centre + further).T
        planes = [
            jax.scipy.ndimage.map_coordinates(image[..., c], at, order=1, mode="constant")
            for c in range(channels)
        ]
        return jnp.stack(planes, -1).reshape(image.shape)

    return jax.vmap(one)(images, matrix, offset)


def _matrix(a, b, c, d):
    import jax.numpy as jnp

    parts = [jnp.reshape(v, (-1,)) for v in (a, b, c, d)]
    return jnp.stack(parts, -1).reshape(-1, 2, 2)


def _rotate(degrees, images, key):
    import jax.numpy as jnp

    angle = jnp.radians(_uniform(key, images, -degrees, degrees))
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    return _warp(images, _matrix(cosine, -sine, sine, cosine))


def _zoom(fraction, images, key):
    inverse = 1 / _uniform(key, images, 1 - fraction, 1 + fraction)
    return _warp(images, _matrix(inverse, 0 * inverse, 0 * inverse, inverse))


def _shear(degrees, images, key):
    import jax.numpy as jnp

    slope = jnp.tan(jnp.radians(_uniform(key, images, -degrees, degrees)))
    return _warp(images, _matrix(1 + 0 * slope, 0 * slope, slope, 1 + 0 * slope))


def _brightness(most, images, key):
    import jax.numpy as jnp

    return jnp.clip(images + _uniform(key, images, -most, most), 0, 1)


def _blend(most, images, key, towards):
    import jax.numpy as jnp

    share = _uniform(key, images, 1 - most, 1 + most)
    return jnp.clip(towards + share * (images - towards), 0, 1)


def _contrast(most, images, key):
    return _blend(most, images, key, images.mean(axis=(1, 2, 3), keepdims=True))


def _saturation(most, images, key):
    return _blend(most, images, key, images.mean(axis=3, keepdims=True))


def _noise(deviation, images, key):
    import jax
    import jax.numpy as jnp

    return jnp.clip(images + deviation * jax.random.normal(key, images.shape), 0, 1)


def _randomly(strength, images, key):
    import jax

    for number in range(_randaugment.ROUNDS):
        images = _one_of_each(
            images, strength / _randaugment.STRONGEST, jax.random.fold_in(key, number)
        )
    return images


def _randomly_half(strength, images, key):
    import jax
    import jax.numpy as jnp

    first, second = jax.random.split(key)
    chosen = jax.random.bernoulli(first, 0.5, (len(images), 1, 1, 1))
    return jnp.where(chosen, _randomly(strength, images, second), images)


def _one_of_each(images, strength, key):
    """All operations on all images, of which each keeps its own: branches would run all anyway."""
    import jax
    import jax.numpy as jnp

    first, second = jax.random.split(key)
    kind = jax.random.randint(first, (len(images),), 0, _randaugment.KINDS)
    sign = jax.random.rademacher(second, (len(images),), "float32")
    arrays = _randaugment.moves(jnp, kind, strength * sign, *images.shape[1:3])
    moves, colors = len(_randaugment.MOVES), _randaugment.COLORS
    amount, kind = (strength * sign)[:, None, None, None], kind[:, None, None, None]
    moved = jnp.where((kind > 0) & (kind < moves), _warp(images, *arrays), images)
    for number, function in enumerate(colors, moves):
        moved = jnp.where(kind == number, jnp.clip(function(jnp, images, amount), 0, 1), moved)
    return moved


OPERATIONS = {
    "flip": _flip,
    "crop": _shift,
    "shift": _shift,
    "cutout": _cutout,
    "rotate": _rotate,
    "zoom": _zoom,
    "shear": _shear,
    "brightness": _brightness,
    "contrast": _contrast,
    "saturation": _saturation,
    "noise": _noise,
    "randaugment": _randomly,
    "randaugment_half": _randomly_half,
}
