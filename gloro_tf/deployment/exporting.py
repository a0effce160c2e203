"""Writes a frozen model as a program for another runtime, after running it there once."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import tempfile

import keras
import numpy as np

from gloro_tf.deployment._program import LARGEST, LOGIT_ROUNDINGS, Program, U
from gloro_tf.deployment.runtimes import FORMATS, Format, check_format, open_program
from gloro_tf.models import GloroModel
from gloro_tf.types import ArrayLike, PathLike

_KERAS_NAMES = {"saved_model": "tf_saved_model", "onnx": "onnx", "litert": "litert"}
_SUFFIXES = {".onnx": "onnx", ".tflite": "litert", ".keras": None, ".h5": None}
AGREEMENT = 1e-5


def export(
    model: keras.Model,
    path: PathLike,
    format: Format = "saved_model",
    *,
    overwrite: bool = False,
    strict: bool = False,
    check_on: ArrayLike | None = None,
) -> pathlib.Path:
    """Writes a frozen model as a program that certifies without Keras and without this package.

    The program takes `(n, ...)` float32 inputs, any `n` of at least 1, and answers

    - `logits`: `(n, classes)` float32.
    - `label`: `(n,)` int32, the predicted class.
    - `radius`: `(n,)` float32, the certified L2 radius in the units of the input; 0 for no promise,
      and for inputs with NaN or infinity.
    - `certified`: `(n,)` bool, whether `radius` exceeds the model's epsilon of now.
    - `members`: `(n, classes)` bool, of an `RTKModel` or `AffinityModel`: the promised set.

    The bound and the tables of rounding are constants in it. Before the file appears at `path`, the
    program is run in its runtime and compared with `certify`.

    What is promised: two executions of the network that compute as `SOUNDNESS.md`, section 2, says
    (float32 sums of products in any order; no 16 bits, no TF32, no Winograd) differ from the real
    network by no more than the slack that the radius subtracts. So no input within `radius` gets
    another label from either, whichever runtime computed the radius. The arithmetic from logits to
    radius is rounded downwards. The radius itself follows the runtime's own logits, which differ from
    Keras' in the last digits: it leaves room for 32 roundings of the largest logit, so that in
    practice it does not exceed that of `certify` and differs by about 1e-5; with `strict` the slack
    for execution counts twice (2.5 times, for measured norms), and then it cannot exceed it, at the
    price of that slack. Not covered: quantised or half-precision delegates, runtimes that rewrite the
    network further, and kernels that a converter multiplied by a scale (it rounds them anew).

    Args:
        model: a frozen `GloroModel`, `RTKModel` or `AffinityModel`, on the TensorFlow backend.
        path: str. A folder for `"saved_model"`, else a file (`.onnx`, `.tflite`).
        format: `"saved_model"`, `"onnx"` (extra `onnx`) or `"litert"` (extra `litert`).
        overwrite: bool. Whether a program at `path` may be replaced: a saved model by a saved model,
            a file by a file; a link never. Defaults to `False`.
        strict: bool. Whether the radius must not exceed that of `certify` in any case.
        check_on: `(n, ...)` array of finite numbers, optional. Inputs on which program and `certify`
            are compared; random ones in [0, 1] if not given. Give real ones.

    Returns:
        `pathlib.Path`.

    Raises:
        FileExistsError: if `path` exists and `overwrite` is not set, or it is nothing that it replaces.
        ImportError: if the format's packages are not installed.
        OSError: if `path` cannot be written; what was there is still there.
        RuntimeError: if the model is not frozen, its weights changed since, or the program, run in its
            runtime, does not agree with `certify`; nothing is written.
        ValueError: for other arguments, another backend, a model that is no `GloroModel`, or one that
            computes in 16 bits.

    Example:

    ```python
    gloro_tf.export(model.freeze(), "certified.onnx", format="onnx")
    ```
    """
    check_format(format)
    _check_model(model)
    path = _check_path(path, format, overwrite)
    shape = model.logits_model.input_shape[1:]
    inputs = _check_inputs(check_on, shape)
    expected, room = model.certify(inputs), _room(model, inputs)
    with _writing(path), _scratch(path) as folder:
        part = folder / ("program.tflite" if format == "litert" else "program")
        _convert(Program(model, strict), part, format, shape)
        _compare(open_program(part, format)(inputs), expected, room, strict)
        _replace(part, path)
    return path


def _check_model(model):
    if not isinstance(model, GloroModel):
        raise ValueError(
            "`model` must be a `GloroModel` (or `RTKModel`, `AffinityModel`). Received: "
            f"{type(model).__name__}. Of an ensemble, export each member, and combine their labels "
            "and radii with `gloro_tf.ensembles.vote` or `cascade`."
        )
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"`export` needs the TensorFlow backend. Received: {keras.backend.backend()}. Save the "
            "model, load it with KERAS_BACKEND=tensorflow, and export it there."
        )
    if len(model.logits_model.inputs) != 1:
        raise ValueError(
            f"`model` must have one input. Received: {len(model.logits_model.inputs)}. Concatenate "
            "them in front of the network."
        )
    tables = model.frozen_tables() if model.is_frozen else {}
    if any(np.max(table) > LARGEST for table in tables.values()):
        raise ValueError(
            f"`model` must have constants of at most {LARGEST:.0e}. Received: larger ones, with which "
            "nothing is certified. Train with a smaller learning rate or weight decay."
        )


def _check_path(path, format, overwrite):
    path = pathlib.Path(path).expanduser()
    meant = _SUFFIXES.get(path.suffix, format)
    if meant != format:
        remedy = f'format="{meant}"' if meant else "another name; `model.save` writes Keras files"
        raise ValueError(
            f"`path` must fit the format. Received: path='{path}', format={format!r}. Pass {remedy}."
        )
    if not os.path.lexists(path):
        above = next(parent for parent in path.absolute().parents if parent.exists())
        if not above.is_dir():
            raise NotADirectoryError(
                f"`path` must lie in a folder. Received: path='{path}', below the file '{above}'. "
                "Nothing was changed. Pass another path."
            )
        return path
    if not overwrite:
        raise FileExistsError(
            f"`path` must be new. Received: path='{path}', which exists. Nothing was changed. Pass "
            "overwrite=True, or another path."
        )
    if not _holds_program(path, format):
        kind = "a link" if path.is_symlink() else "a folder" if path.is_dir() else "a file"
        raise FileExistsError(
            f"`overwrite` replaces programs only: with format={format!r}, "
            f"{'a saved model' if format == 'saved_model' else 'a file'}. Received: path='{path}', "
            f"{kind}. Nothing was changed. Pass another path."
        )
    return path


def _holds_program(path, format):
    if path.is_symlink():
        return False
    return (path / "saved_model.pb").is_file() if format == "saved_model" else path.is_file()


def _check_inputs(inputs, shape):
    if inputs is None:
        return np.random.default_rng(0).random((16, *shape), dtype="float32")
    inputs = np.asarray(inputs)
    if inputs.dtype.kind in "OSUcmM":
        raise ValueError(f"`check_on` must be real numbers. Received: dtype {inputs.dtype}")
    if inputs.shape[1:] != tuple(shape) or not len(inputs):
        raise ValueError(f"`check_on` must have shape (n, *{shape}). Received: {inputs.shape}")
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(inputs.astype("float32")).reshape(len(inputs), -1).all(axis=1)
    if bad.any():
        raise ValueError(
            "`check_on` must be finite in float32: what is not is never certified, so that it checks "
            f"nothing. Received: NaN or infinity in {bad.sum()} of {len(inputs)} inputs."
        )
    return inputs


@contextlib.contextmanager
def _writing(path):
    """What keeps a file from being written is an `OSError` that says what to do."""
    import tensorflow as tf

    failures = (tf.errors.ResourceExhaustedError, tf.errors.PermissionDeniedError)
    try:
        yield
    except (OSError, *failures) as error:
        why = " ".join(getattr(error, "message", str(error)).split())
        raise OSError(
            f"`path` cannot be written. Received: path='{path}' ({why}). Nothing that was there "
            "is lost. Make free space or give write access, or pass another path."
        ) from error


@contextlib.contextmanager
def _scratch(path):
    """A folder beside the target, for a rename on the same file system; gone at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=f".part-{path.name}-", dir=path.parent)
    try:
        yield pathlib.Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _convert(program, part, format, shape):
    import tensorflow as tf

    arguments = {}
    if format == "litert":
        builtins = [tf.lite.OpsSet.TFLITE_BUILTINS]  # no operation that a plain runtime lacks
        arguments["target_spec"] = {"supported_ops": builtins}
    signature = [keras.InputSpec(shape=(None, *shape), dtype="float32", name="inputs")]
    program(np.zeros((1, *shape), "float32"))
    program.export(
        str(part),
        format=_KERAS_NAMES[format],
        verbose=False,
        input_signature=signature,
        **arguments,
    )


def _room(model, inputs):
    """How far, `(n,)`, radii of right programs may lie apart: their logits differ by roundings."""
    growth = model.frozen_tables()["growth"].astype("float64")
    apart = (growth > 1e-3 * np.max(growth)) & ~np.eye(len(growth), dtype=bool)  # no twins
    least = np.min(growth[apart], initial=np.inf)
    logits = np.max(np.abs(model.logits_model.predict(inputs, verbose=0)), axis=-1)
    return 2 * LOGIT_ROUNDINGS * U * logits / least


def _compare(found, expected, room, strict):
    """Refuses a program that promises more than `certify`, or, unless strict, clearly less."""
    room = room + AGREEMENT * np.maximum(1.0, expected.radius)
    above = found["radius"] - expected.radius
    sure = expected.radius > room
    wrong = np.any(~(above <= room)) or np.any((found["label"] != expected.label) & sure)
    if wrong or (not strict and np.any(above < -room)):
        raise RuntimeError(
            "The exported program does not agree with `certify`: radii differ by "
            f"{np.nanmin(above):.2g} to {np.nanmax(above):.2g}. Nothing was written. The converter may "
            "have changed the network; try another format, and report it."
        )


def _replace(part, path):
    if path.is_dir() and not path.is_symlink():
        old = part.with_name("old")
        os.replace(path, old)
        try:
            os.replace(part, path)
        except BaseException:
            os.replace(old, path)
            raise
    else:
        os.replace(part, path)


__all__ = ["AGREEMENT", "FORMATS", "export"]
