"""An exported program, opened in its own runtime."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Literal, TypeAlias

from gloro_tf.types import Array, PathLike

Format: TypeAlias = Literal["saved_model", "onnx", "litert"]
FORMATS = ("saved_model", "onnx", "litert")
_NEEDS = {
    "saved_model": ("tensorflow",),
    "onnx": ("tf2onnx", "onnx", "onnxruntime"),
    "litert": ("tensorflow", "ai_edge_litert"),
}


def check_format(format):
    """Raises for an unknown format, or one whose packages are not installed."""
    if format not in FORMATS:
        raise ValueError(f"`format` must be one of {FORMATS}. Received: format={format!r}")
    missing = [name for name in _NEEDS[format] if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"`format` {format!r} needs {', '.join(missing)}. "
            f'Install them with `pip install "gloro_tf[{format}]"`.'
        )


def open_program(
    path: PathLike, format: Format = "saved_model"
) -> Callable[[Array], dict[str, Array]]:
    """Opens what `export` wrote, on the CPU, without Keras.

    Args:
        path: str or `pathlib.Path`.
        format: `"saved_model"`, `"onnx"` (onnxruntime) or `"litert"` (ai-edge-litert).

    Returns:
        callable from a `(n, ...)` float32 array to a dict of arrays: `logits` `(n, classes)`,
        `label` `(n,)` int32, `radius` `(n,)` float32, `certified` `(n,)` bool.

    Raises:
        ImportError: if the runtime is not installed.
        ValueError: for another format.
    """
    check_format(format)
    return {"saved_model": _saved_model, "onnx": _onnx, "litert": _litert}[format](str(path))


def _saved_model(path):
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    # The closure keeps `loaded`: without it its variables are deleted.
    return lambda x: {k: v.numpy() for k, v in loaded.serve(tf.constant(x, tf.float32)).items()}


def _onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    given = session.get_inputs()[0].name
    return lambda x: dict(zip(names, session.run(None, {given: x.astype("float32")}), strict=True))


def _litert(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path)
    runner = interpreter.get_signature_runner()
    (given,) = runner.get_input_details()
    return lambda x: runner(**{given: x.astype("float32")})
