"""What `certify` returns, and what ties it to the weights it was computed for."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sys
from typing import NamedTuple

import keras
import numpy as np

from gloro_tf.types import Array

_UNSEEN = {"name", "trainable", "built"}
_SHARED = re.compile(r', "shared_object_id": \d+')  # Keras adds it while it loads a file
_PLAIN = (bool, int, float, str, tuple)


class Certificate(NamedTuple):
    """Certified predictions, NumPy arrays of length `n`.

    `label` (int64) is the predicted class, `radius` (float64) the L2 distance within which no input is
    labelled otherwise, in the units of the input, and `certified` (bool) whether `radius` exceeds the
    model's epsilon.
    """

    label: Array
    radius: Array
    certified: Array


def fingerprint(model, tables):
    """SHA-256, as eight int32, of what a model computes and of the tables that bound it.

    It covers the values of all variables and the arguments of all layers, so that a stride
    changed by hand is seen as a changed weight is.
    """
    digest = hashlib.sha256(layer_arguments(model).encode())
    for variable in (*model.variables, *tables):
        values = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        digest.update(f"{values.shape}{values.dtype}".encode())
        digest.update(values.view("uint8").data if values.size else b"")
    return np.frombuffer(digest.digest(), "<i4").astype("int32")


def layer_arguments(model):
    """The arguments and plain attributes of every layer but those that change no output, as text."""
    listed = []
    for layer in model._flatten_layers(include_self=False):
        if not isinstance(layer, keras.Model):
            now = {k: v for k, v in vars(layer).items() if isinstance(v, _PLAIN) and k[0] != "_"}
            now.pop("training", None)  # torch's flag of a module, which other backends do not have
            if type(layer).__module__.startswith("keras."):
                now = {}  # there `get_config` reads the attributes
            try:
                config = layer.get_config()
            except NotImplementedError:  # a user's layer that is never saved
                config = {}
            parts = [{k: part[k] for k in {*part} - _UNSEEN} for part in (config, now)]
            listed.append([type(layer).__name__, *parts])
    text = json.dumps(listed, default=lambda value: type(value).__name__, sort_keys=True)
    return _SHARED.sub("", text)


@contextlib.contextmanager
def full_precision():
    """Switches TF32 off for the time of a certification."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        with jax.default_matmul_precision("highest"):
            yield
    elif backend == "tensorflow":
        tf = sys.modules["tensorflow"]
        before = tf.config.experimental.tensor_float_32_execution_enabled()
        tf.config.experimental.enable_tensor_float_32_execution(False)
        try:
            yield
        finally:
            tf.config.experimental.enable_tensor_float_32_execution(before)
    else:
        import torch

        flags = torch.backends.cuda.matmul, torch.backends.cudnn
        before = [flag.allow_tf32 for flag in flags]
        for flag in flags:
            flag.allow_tf32 = False
        try:
            yield
        finally:
            for flag, value in zip(flags, before, strict=True):
                flag.allow_tf32 = value


def check_precision(model):
    """Refuses a model any of whose layers computes in 16 bits."""
    for layer in model._flatten_layers():
        dtype = getattr(layer, "compute_dtype", None)
        if dtype in ("float16", "bfloat16"):
            raise ValueError(
                f"A certificate needs float32 arithmetic. Received: layer '{layer.name}' computing "
                f"in {dtype}. Build the model under the 'float32' policy and copy the weights "
                "(`set_weights`) before `freeze()`."
            )
