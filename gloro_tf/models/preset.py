"""Models as folders of plain files: a JSON description, arrays, and their checksums."""

import copy
import hashlib
import json
import os
import pathlib
import zipfile

import keras
import numpy as np

from gloro_tf.layers import CholeskyDense

CONFIG, WEIGHTS, SUMS = "config.json", "model.weights.npz", "SHA256SUMS"
PART_BYTES = 2**24
_TABLES = "frozen/"


def describe(model):
    """Returns a model's class and arguments as a dict fit for JSON, without compile choices."""
    config = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)
    config.pop("build_config", None)
    return config


def rebuild(config, certified=True):
    """Builds the model that `describe` described, with fresh weights; runs no stored code.

    With `certified`, anything but a `GloroModel` is refused.
    """
    try:
        model = keras.saving.deserialize_keras_object(copy.deepcopy(config), safe_mode=True)
    except Exception as error:  # Keras reads trees in many ways
        reason = str(error).split("\n\n")[0][:500]
        raise ValueError(
            f"The description of the model cannot be read ({type(error).__name__}: {reason}). "
            "Restore it from a copy."
        ) from error
    if certified and not hasattr(model, "logits_model"):
        raise ValueError(
            "The description must be that of a `GloroModel`. Received: that of a "
            f"{type(model).__name__}. Restore it from a copy."
        )
    return model


def arrays_of(model, free=True):
    """Returns `{key: array}` of a `GloroModel`: the weights of its logits, in order, and, if it is
    frozen, its tables. Power iterates and optimiser state are left out.

    Without `free`, so are the variables that inference does not read: of a `CholeskyDense` the free
    kernel beside the orthonormal one. `set_arrays` sets them from what there is.
    """
    variables = _keyed(model)
    left_out = set() if free else _free_keys(model, variables)
    arrays = {
        key: keras.ops.convert_to_numpy(variable)
        for key, variable in variables.items()
        if key not in left_out
    }
    tables = model.frozen_tables() if model.is_frozen else {}
    return arrays | {f"{_TABLES}{name}": table for name, table in tables.items()}


def _keyed(model):
    return {f"{n:04d}:{v.path}": v for n, v in enumerate(model.logits_model.variables)}


def _orthonormal_layers(model):
    layers = model.logits_model._flatten_layers(include_self=False)
    return [layer for layer in layers if isinstance(layer, CholeskyDense)]


def _free_keys(model, variables):
    """The keys of the variables that inference does not read."""
    free = {id(v) for layer in _orthonormal_layers(model) for v in layer.free_variables()}
    return {key for key, variable in variables.items() if id(variable) in free}


def set_arrays(model, arrays):
    """Gives a model the arrays that `arrays_of` returned; names and shapes must agree."""
    variables = _keyed(model)
    weights = {k: v for k, v in arrays.items() if not k.startswith(_TABLES)}
    free = _free_keys(model, variables)
    lean = bool(free) and free.isdisjoint(weights)
    if lean:
        variables = {key: v for key, v in variables.items() if key not in free}
    if list(variables) != list(weights):
        different = sorted(set(variables) ^ set(weights)) or ["their order"]
        raise ValueError(
            f"The weights are those of another architecture. Different: {different[:6]}"
        )
    for key, variable in variables.items():
        if tuple(variable.shape) != weights[key].shape:
            raise ValueError(
                f"The weights are those of another architecture: '{key}' has shape "
                f"{weights[key].shape}, the model's {tuple(variable.shape)}"
            )
    for key, variable in variables.items():
        variable.assign(weights[key])
    if lean:
        for layer in _orthonormal_layers(model):
            layer.set_free_variables()
    tables = {k.removeprefix(_TABLES): v for k, v in arrays.items() if k.startswith(_TABLES)}
    if tables:
        model.restore_frozen(tables)
    return model


def split(arrays, limit=PART_BYTES):
    """Cuts `{key: array}` into parts of at most `limit` bytes each (or one array)."""
    parts, size = [{}], 0
    for key, array in arrays.items():
        if parts[-1] and size + array.nbytes > limit:
            parts.append({})
            size = 0
        parts[-1][key] = array
        size += array.nbytes
    return parts


def write_arrays(path, arrays):
    """Writes arrays, compressed, in one step; equal arrays give equal bytes."""
    part = path.with_name(f".part-{path.name}")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for key, array in arrays.items():
            entry = zipfile.ZipInfo(key.replace("/", "|") + ".npy", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with file.open(entry, "w") as stream:
                np.lib.format.write_array(stream, np.asarray(array, order="C"), allow_pickle=False)
    os.replace(part, path)


def read_arrays(path):
    """Reads what `write_arrays` wrote; raises `ValueError` for anything else."""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {key.replace("|", "/"): file[key] for key in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise ValueError(
            f"'{path}' is no file of weights, or is truncated ({error}). Restore it from a copy."
        ) from error


def sha256(path):
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_to_preset(model, folder):
    """Writes a `GloroModel` as a folder: `config.json`, `model.weights.npz`, `SHA256SUMS`.

    Raises:
        ValueError: if `folder` exists and holds anything else.
    """
    folder = pathlib.Path(folder).expanduser()
    known = {CONFIG, WEIGHTS, SUMS}
    if folder.exists() and (not folder.is_dir() or {f.name for f in folder.iterdir()} - known):
        raise ValueError(
            f"`folder` must be new, empty or a preset. Received: folder='{folder}' with other files "
            "in it. Nothing was changed."
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(describe(model), indent=1))
    write_arrays(folder / WEIGHTS, arrays_of(model))
    lines = [f"{sha256(folder / name)}  {name}\n" for name in (CONFIG, WEIGHTS)]
    (folder / SUMS).write_text("".join(lines))


def load_preset(folder):
    """Loads a folder that `save_to_preset` wrote, after checking its checksums.

    They show damage, not malice: whoever can write the folder can write its checksums and its bound
    too. For a folder from others, call `freeze()`, which computes the bound again.

    Raises:
        FileNotFoundError: if a file of it is missing.
        ValueError: if a file is not the one that was written.
    """
    folder = pathlib.Path(folder).expanduser()
    for name in (CONFIG, WEIGHTS, SUMS):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"`folder` must be a preset. Received: folder='{folder}', which has no {name}."
            )
    text = (folder / SUMS).read_text(encoding="utf-8", errors="replace")
    lines = [line.split() for line in text.splitlines()]
    sums = {line[1].removeprefix("*"): line[0] for line in lines if len(line) == 2}
    for name in (CONFIG, WEIGHTS):
        if sha256(folder / name) != sums.get(name):
            raise ValueError(
                f"SHA-256 mismatch for '{folder / name}': expected {sums.get(name)}. The file was "
                "changed or damaged; a certificate would not hold. Restore it."
            )
    try:
        model = rebuild(json.loads((folder / CONFIG).read_text(encoding="utf-8")))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"'{folder / CONFIG}' does not describe a model: {error} Restore it from a copy."
        ) from error
    return set_arrays(model, read_arrays(folder / WEIGHTS))
