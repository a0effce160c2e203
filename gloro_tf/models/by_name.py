"""Architectures by name, as recipes and flags write them."""

from __future__ import annotations

import difflib
import functools
import numbers
from collections.abc import Callable, Sequence

import keras

from gloro_tf.models.affinity_sets import SHIPPED
from gloro_tf.models.cholesky_mlp import CholeskyMLP
from gloro_tf.models.convnet import PLANS, ConvNet
from gloro_tf.models.gloro_model import GloroModel
from gloro_tf.models.liresnet import LiResNet
from gloro_tf.models.relaxed import AffinityModel, RTKModel

WEIGHTS = 10**9


def build(name: str, input_shape: Sequence[int], classes: int) -> keras.Model:
    """Builds a model of logits.

    Args:
        name: `"2C2F"`, `"4C3F"`, `"6C2F"`, `"8C2F"`, optionally with an activation (`"2C2F.relu"`);
            `"cholesky_mlp.DEPTHxWIDTH"` (`"cholesky_mlp.5x256"`);
            `"liresnet.DEPTHxWIDTH.DENSE_DEPTHxDENSE_WIDTH"` (`"liresnet.6x64.4x256"`; the second part
            may be left out), or `"liresnet_neurips.DEPTHxWIDTH"`.
        input_shape: tuple. Shape of one input.
        classes: int.

    Returns:
        `keras.Model`.

    Raises:
        ValueError: for an unknown name, sizes beyond `WEIGHTS` weights in a stack, or a shape that the
            architecture does not take.
    """
    if not isinstance(name, str):
        _unknown(name)
    _check_shape(name, input_shape, classes)
    kind, _, detail = name.partition(".")
    if kind == "cholesky_mlp":
        depth, width = _sizes(name, detail or "5x256")
        return CholeskyMLP(depth, width, input_shape, classes)
    if kind in ("liresnet", "liresnet_neurips"):
        trunk, _, dense = detail.partition(".")
        dense_depth, dense_width = _sizes(name, dense) if dense else (None, None)
        depth, width = _sizes(name, trunk or "6x64")
        return LiResNet(
            depth,
            width,
            input_shape,
            classes,
            variant="neurips" if kind == "liresnet_neurips" else "chord",
            dense_width=dense_width,
            dense_depth=dense_depth,
        )
    if kind not in PLANS:
        _unknown(name)
    return ConvNet(kind, input_shape, classes, activation=detail or "minmax")


def wrapper(relaxation: str) -> Callable[..., GloroModel]:
    """The class of certified model that a recipe names, with its extra arguments filled in.

    Args:
        relaxation: `""`, `"rtk.K"` or `"affinity.NAME"` with a collection of `affinity_sets.SHIPPED`.

    Raises:
        ValueError: for anything else.
    """
    kind, _, detail = relaxation.partition(".")
    if not relaxation:
        return GloroModel
    if kind == "rtk" and detail.isdecimal() and len(detail) < 10:
        return functools.partial(RTKModel, k=int(detail))
    if kind == "affinity" and detail in SHIPPED:
        return functools.partial(AffinityModel, affinity_sets=detail)
    raise ValueError(
        "`relaxation` must be empty, 'rtk.K', or 'affinity.' and one of "
        f"{sorted(SHIPPED)}. Received: relaxation={relaxation!r}"
    )


def _unknown(name):
    known = [*PLANS, "cholesky_mlp.5x256", "liresnet.6x64.4x256"]
    close = difflib.get_close_matches(str(name).upper(), PLANS, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise ValueError(f"`model` must be one of {known}. Received: model={name!r}.{hint}")


def _check_shape(name, input_shape, classes):
    """Refuses what no architecture takes, and vectors for those that are for images."""
    sides = input_shape if isinstance(input_shape, (tuple, list)) else ()
    image = not name.startswith("cholesky_mlp")
    if not all(isinstance(side, numbers.Integral) and side > 0 for side in sides) or not (
        len(sides) == 3 if image else sides
    ):
        what = "(height, width, channels)" if image else "a tuple of positive integers"
        raise ValueError(
            f"`input_shape` must be {what} for model={name!r}. Received: input_shape={input_shape!r}"
        )
    if not isinstance(classes, numbers.Integral) or classes < 2:
        raise ValueError(
            f"`classes` must be an integer of at least 2. Received: classes={classes!r}"
        )


def _sizes(name, text):
    """`(depth, width)`, so far as a stack of them fits in memory."""
    depth, _, width = text.partition("x")
    written = all(part.isdecimal() and len(part) < 10 for part in (depth, width))
    if not written or not 0 < int(depth) * int(width) ** 2 <= WEIGHTS:
        raise ValueError(
            "Sizes in `model` must be written DEPTHxWIDTH, as in 'cholesky_mlp.5x256', with at most "
            f"{WEIGHTS:.0e} for DEPTH * WIDTH^2. Received: model={name!r}. For larger networks, call "
            "the class."
        )
    return int(depth), int(width)
