"""An exported program, opened in its own runtime."""

from __future__ import annotations

import importlib.util
import pathlib
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from gloro_tf.types import Array, ArrayLike, PathLike

Format: TypeAlias = Literal["saved_model", "onnx", "litert"]
FORMATS = ("saved_model", "onnx", "litert")
_OPENS = {"saved_model": "tensorflow", "onnx": "onnxruntime", "litert": "ai_edge_litert"}
_WRITES = {
    "saved_model": ("tensorflow",),
    "onnx": ("tf2onnx", "onnx", "onnxruntime"),
    "litert": ("tensorflow", "ai_edge_litert"),
}
_ANSWERS = {"logits", "label", "radius", "certified"}


def check_format(format, opening=False):
    """Raises for an unknown format, or one whose packages are not installed."""
    if format not in FORMATS:
        raise ValueError(f"`format` must be one of {FORMATS}. Received: format={format!r}")
    needs = (_OPENS[format],) if opening else _WRITES[format]
    missing = [name for name in needs if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"`format` {format!r} needs {', '.join(missing)}. "
            f'Install them with `pip install "gloro_tf[{format}]"`.'
        )


def open_program(
    path: PathLike, format: Format = "saved_model"
) -> Callable[[ArrayLike], dict[str, Array]]:
    """Opens what `export` wrote, on the CPU, without Keras.

    Args:
        path: str or `pathlib.Path`.
        format: `"saved_model"`, `"onnx"` (onnxruntime) or `"litert"` (ai-edge-litert).

    Returns:
        callable from a `(n, ...)` array, which it reads as float32, to a dict of arrays: `logits`
        `(n, classes)`, `label` `(n,)` int32, `radius` `(n,)` float32, `certified` `(n,)` bool, and
        `members` `(n, classes)` bool where sets are promised.

    Raises:
        FileNotFoundError: if there is nothing at `path`.
        ImportError: if the runtime is not installed.
        ValueError: for another format, a file that is no such program, or, when called, inputs of
            another shape.
    """
    check_format(format, opening=True)
    path = pathlib.Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f"`path` must be a program that `export` wrote. Received: path='{path}', where nothing is."
        )
    try:
        opened = {"saved_model": _saved_model, "onnx": _onnx, "litert": _litert}[format](str(path))
    except Exception as error:  # each runtime has errors of its own
        _refuse(path, format, f"{type(error).__name__}: {error}", error)
    run, names, shape = opened
    if not _ANSWERS <= set(names):
        _refuse(path, format, f"it answers {sorted(names)}")
    return _checked(run, shape)


def _refuse(path, format, why, cause=None):
    raise ValueError(
        f"`path` must be a program that `export` wrote with format={format!r}. Received: "
        f"path='{path}' ({' '.join(why.split())[:200]}). Pass its format, or export the model again."
    ) from cause


def _checked(run, shape):
    def answer(x):
        with np.errstate(over="ignore"):  # an infinity certifies nothing
            x = np.asarray(x).astype("float32")
        if x.ndim != 1 + len(shape) or x.shape[1:] != shape:
            raise ValueError(f"`x` must have shape (n, *{shape}). Received: {x.shape}")
        return run(x)

    return answer


def _saved_model(path):
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    signature = loaded.signatures["serving_default"]
    (given,) = signature.structured_input_signature[1].values()

    def run(x):  # keeps `loaded`: without it its variables are deleted
        return {k: v.numpy() for k, v in loaded.serve(tf.constant(x)).items()}

    return run, signature.structured_outputs, tuple(given.shape[1:])


def _onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    (given,) = session.get_inputs()

    def run(x):
        return dict(zip(names, session.run(None, {given.name: x}), strict=True))

    return run, names, tuple(given.shape[1:])


def _litert(path):
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(path).get_signature_runner()
    ((name, given),) = runner.get_input_details().items()
    shape = tuple(int(size) for size in given["shape_signature"][1:])
    return lambda x: runner(**{name: x}), runner.get_output_details(), shape
