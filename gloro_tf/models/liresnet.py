"""Networks of linear residual blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import keras

from gloro_tf.layers import (
    BetaAbs,
    CholeskyDense,
    GroupSort,
    Householder,
    LinearResidualConv2D,
    MinMax,
    SpaceToDepth,
    UnitNormHead,
)
from gloro_tf.layers._checks import check_shape, check_whole
from gloro_tf.types import Config

ACTIVATIONS = {
    "minmax": MinMax,
    "groupsort": GroupSort,
    "halfabs": BetaAbs,
    "householder": Householder,
    "relu": keras.layers.ReLU,
}
VARIANTS = {  # published dense width and depth
    "chord": (2048, 8),
    "neurips": (512, 1),
}


@keras.saving.register_keras_serializable(package="gloro_tf")
class LiResNet(keras.Model):
    """A deep network of linear residual blocks that returns logits.

    A stem convolution brings the image to a map of about 16x16; `depth` blocks follow, each a
    `LinearResidualConv2D` and an activation; a neck flattens the map; dense layers and a
    `UnitNormHead` give the logits. Pixels are expected in [0, 1] and shifted by -0.5.

    | | `"chord"` | `"neurips"` |
    |---|---|---|
    | blocks | centered | plain |
    | neck | orthonormal patches, then an orthonormal dense layer | strided convolution, dense |
    | dense | `dense_depth` orthonormal residual layers | none more |

    Args:
        depth: int. Blocks in the trunk.
        width: int. Their channels, even.
        input_shape: `(height, width, channels)`. Defaults to `(32, 32, 3)`.
        classes: int. At least 2. Defaults to 10.
        variant: `"chord"` or `"neurips"`. Defaults to `"chord"`.
        dense_width: int. Defaults to 2048 for `"chord"` and 512 for `"neurips"`.
        dense_depth: int. Defaults to 8; 1 for `"neurips"`, where it is fixed.
        activation: `"minmax"`, `"groupsort"`, `"halfabs"`, `"householder"` or `"relu"`. Defaults to
            `"minmax"`.
        stem: optional `(kernel_size, stride)`. Defaults to the published one for the image size.
        neck: optional int. Side of the neck's patches. Defaults to 4, 2 or 1, whichever divides the
            map first.
        dtype: dtype policy of the layers. Defaults to Keras' global one.
        **kwargs: Base `keras.Model` arguments (`name`).

    Example:

    >>> gloro_tf.models.LiResNet(6, 64, dense_width=256, dense_depth=4).count_params()

    Raises:
        ValueError: for an unknown variant or activation, odd widths, or patches that do not fit.

    Reference:
        [Hu et al., Unlocking Deterministic Robustness Certification on ImageNet](
        https://arxiv.org/abs/2301.12549) (`"neurips"`);
        [Hu et al., A Recipe for Improved Certifiable Robustness](https://arxiv.org/abs/2310.02513)
        (`"chord"`). Strided convolutions pad as Keras' 'same' does, which on even sizes differs
        from the authors' symmetric padding by one pixel.
    """

    prefers_xla = True

    def __init__(
        self,
        depth: int,
        width: int,
        input_shape: Sequence[int] = (32, 32, 3),
        classes: int = 10,
        variant: Literal["chord", "neurips"] = "chord",
        dense_width: int | None = None,
        dense_depth: int | None = None,
        activation: str = "minmax",
        stem: tuple[int, int] | None = None,
        neck: int | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        _check(depth, width, input_shape, classes, variant, activation, dense_width, dense_depth)
        _check_patches(stem, neck)
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        stem = tuple(stem or _stem(min(input_shape[:2]), width, variant))
        published = VARIANTS[variant]
        dense_width = dense_width or published[0]
        dense_depth = published[1] if dense_depth is None else dense_depth
        build = _Builder(policy, activation)

        inputs = keras.Input(tuple(input_shape))
        x = keras.layers.Rescaling(1.0, offset=-0.5, dtype=policy, name="shift")(inputs)
        x = build.stem(x, width, *stem)
        x = build.trunk(x, depth, centering=variant == "chord")
        neck = neck or _neck(x.shape)
        if variant == "chord":
            x = build.chord_neck(x, width, dense_width, neck)
            x = build.chord_dense(x, dense_depth)
        else:
            x = build.neurips_neck(x, width, dense_width, neck)
        outputs = UnitNormHead(classes, name="logits", dtype=policy)(x)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self._arguments = {
            "depth": depth,
            "width": width,
            "input_shape": tuple(input_shape),
            "classes": classes,
            "variant": variant,
            "dense_width": dense_width,
            "dense_depth": dense_depth,
            "activation": activation,
            "stem": stem,
            "neck": neck,
            "dtype": policy.name,
        }

    def get_config(self) -> Config:
        return {**self._arguments, "name": self.name}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


class _Builder:
    """The parts of the network, under one policy and with one activation."""

    def __init__(self, policy, activation):
        self.policy, self.activation = policy, activation

    def activate(self, x, name):
        return ACTIVATIONS[self.activation](dtype=self.policy, name=f"{name}_{self.activation}")(x)

    def conv(self, x, filters, size, stride, padding, name):
        return keras.layers.Conv2D(
            filters,
            size,
            stride,
            padding,
            data_format="channels_last",
            kernel_initializer="orthogonal",
            dtype=self.policy,
            name=name,
        )(x)

    def stem(self, x, width, size, stride):
        padding = "valid" if size == stride else "same"
        return self.activate(self.conv(x, width, size, stride, padding, "stem"), "stem")

    def trunk(self, x, depth, centering):
        for number in range(1, depth + 1):
            name = f"block_{number}"
            block = LinearResidualConv2D(
                scale=depth**-0.5, centering=centering, dtype=self.policy, name=name
            )
            x = self.activate(block(x), name)
        return x

    def chord_neck(self, x, width, units, patch):
        x = SpaceToDepth(patch, dtype=self.policy, name="neck_patches")(x)
        x = CholeskyDense(width, dtype=self.policy, name="neck")(x)
        x = keras.layers.Flatten(dtype=self.policy, name="flatten")(x)
        x = CholeskyDense(units, dtype=self.policy, name="neck_dense")(x)
        return self.activate(x, "neck_dense")

    def chord_dense(self, x, depth):
        for number in range(1, depth + 1):
            name = f"dense_{number}"
            layer = CholeskyDense(x.shape[-1], depth**-0.5, dtype=self.policy, name=name)
            x = self.activate(layer(x), name)
        return x

    def neurips_neck(self, x, width, units, patch):
        x = self.activate(self.conv(x, 2 * width, patch, patch, "valid", "neck"), "neck")
        x = keras.layers.Flatten(dtype=self.policy, name="flatten")(x)
        x = keras.layers.Dense(
            units, kernel_initializer="orthogonal", dtype=self.policy, name="dense"
        )(x)
        return self.activate(x, "dense")


def _stem(side, width, variant):
    """`(kernel_size, stride)` as published, for the image sizes that were published."""
    if side >= 128:
        patch = side // 16
        return (patch, patch)
    if side >= 64 and variant == "neurips":
        return (7, 4)
    return (5, 2)


def _neck(shape):
    return next(patch for patch in (4, 2, 1) if shape[1] % patch == shape[2] % patch == 0)


def _check(depth, width, input_shape, classes, variant, activation, dense_width, dense_depth):
    check_whole("depth", depth, 1)
    check_whole("classes", classes, 2)
    if dense_depth is not None:
        check_whole("dense_depth", dense_depth, 0)
    for name, value in (("width", width), ("dense_width", dense_width)):
        if (value is not None or name == "width") and check_whole(name, value, 2) % 2:
            raise ValueError(f"`{name}` must be even. Received: {name}={value}")
    for name, value, known in (
        ("variant", variant, VARIANTS),
        ("activation", activation, ACTIVATIONS),
    ):
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"`{name}` must be one of {list(known)}. Received: {name}={value!r}")
    check_shape(input_shape, ("height", "width", "channels"))
    if variant == "neurips" and dense_depth not in (None, 1):
        raise ValueError(
            f"`dense_depth` must be 1 with variant='neurips'. Received: dense_depth={dense_depth}"
        )


def _check_patches(stem, neck):
    if neck is not None:
        check_whole("neck", neck, 1)
    if stem is None:
        return
    if not isinstance(stem, (tuple, list)) or len(stem) != 2:
        raise ValueError(f"`stem` must be (kernel_size, stride). Received: stem={stem!r}")
    for value in stem:
        check_whole("stem", value, 1)
