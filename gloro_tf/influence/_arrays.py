"""The few array functions that the algorithms need, from NumPy or from `keras.ops`."""

import types

import numpy as np
from keras import ops

_SHARED = "concatenate matmul repeat reshape sum tanh transpose"


def _sigmoid(x):
    return np.exp(-np.logaddexp(0.0, -x))  # accurate where it is small


NUMPY = types.SimpleNamespace(
    **{name: getattr(np, name) for name in _SHARED.split()},
    sigmoid=_sigmoid,
    array=lambda x: np.asarray(x, "float64"),
    numpy=np.asarray,
    itemsize=8,
)


def keras_arrays(dtype):
    """The same functions from `keras.ops`, which compute in `dtype` on the backend's device."""
    return types.SimpleNamespace(
        **{name: getattr(ops, name) for name in _SHARED.split()},
        sigmoid=ops.sigmoid,
        array=lambda x: ops.convert_to_tensor(np.asarray(x, dtype), dtype=dtype),
        numpy=lambda x: ops.convert_to_numpy(x).astype("float64"),
        itemsize=np.dtype(dtype).itemsize,
    )
