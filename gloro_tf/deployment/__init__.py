"""Frozen models as programs for other runtimes: SavedModel, ONNX, LiteRT."""

from gloro_tf.deployment.exporting import FORMATS, export
from gloro_tf.deployment.runtimes import open_program

__all__ = ["FORMATS", "export", "open_program"]
