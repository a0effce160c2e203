"""What `certify` returns, and what ties it to the weights it was computed for."""

import collections
import contextlib
import hashlib
import sys

import keras
import numpy as np

Certificate = collections.namedtuple("Certificate", ["label", "radius", "certified"])
Certificate.__doc__ = """Certified predictions, NumPy arrays of length `n`.

`label` (int64) is the predicted class, `radius` (float64) the L2 distance within which no input is
labelled otherwise, in the units of the input, and `certified` (bool) whether `radius` exceeds the
model's epsilon.
"""


def fingerprint(variables):
    """SHA-256 of the values of variables, as eight int32."""
    digest = hashlib.sha256()
    for variable in variables:
        values = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        digest.update(f"{values.shape}{values.dtype}".encode())
        digest.update(values.view("uint8").data if values.size else b"")
    return np.frombuffer(digest.digest(), "<i4").astype("int32")


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
