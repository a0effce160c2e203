"""Architectures by name, as recipes and flags write them."""

import difflib

from gloro_tf.models.cholesky_mlp import CholeskyMLP
from gloro_tf.models.convnet import PLANS, ConvNet


def build(name, input_shape, classes):
    """Builds a model of logits.

    Args:
        name: `"2C2F"`, `"4C3F"`, `"6C2F"`, `"8C2F"`, optionally with an activation (`"2C2F.relu"`), or
            `"cholesky_mlp.DEPTHxWIDTH"` (`"cholesky_mlp.5x256"`).
        input_shape: tuple. Shape of one input.
        classes: int.

    Raises:
        ValueError: for an unknown name.
    """
    kind, _, detail = name.partition(".")
    if kind == "cholesky_mlp":
        depth, _, width = (detail or "5x256").partition("x")
        if not (depth.isdigit() and width.isdigit()):
            raise ValueError(
                f"`model` must be written 'cholesky_mlp.DEPTHxWIDTH'. Received: model={name!r}"
            )
        return CholeskyMLP(int(depth), int(width), input_shape, classes)
    if kind not in PLANS:
        known = [*PLANS, "cholesky_mlp.5x256"]
        close = difflib.get_close_matches(name.upper(), PLANS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ValueError(f"`model` must be one of {known}. Received: model={name!r}.{hint}")
    return ConvNet(kind, input_shape, classes, activation=detail or "minmax")
