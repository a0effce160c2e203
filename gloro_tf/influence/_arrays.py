"""The few array functions that the algorithms need, from NumPy or from `keras.ops`."""

import contextlib
import functools
import operator
import types

import keras
import numpy as np
from keras import ops

_SHARED = "concatenate repeat reshape sum transpose"


def _sigmoid(x):
    return np.exp(-np.logaddexp(0.0, -x))  # accurate where it is small


NUMPY = types.SimpleNamespace(
    **{name: getattr(np, name) for name in _SHARED.split()},
    matmul=operator.matmul,
    sigmoid=_sigmoid,
    tanh=np.tanh,
    array=lambda x: np.asarray(x, "float64"),
    numpy=np.asarray,
    itemsize=8,
)


def _logistic_tanh(x):
    return 2.0 * ops.sigmoid(2.0 * x) - 1.0


def keras_arrays(dtype):
    """The same functions from `keras.ops`, which compute in `dtype` on the backend's device.

    Two of Keras' own turn float64 into float32, whatever JAX and PyTorch are told: `ops.tanh` on
    the one and `ops.matmul` on the other.
    """
    narrow = dtype == "float64" and keras.backend.backend() == "jax"
    return types.SimpleNamespace(
        **{name: getattr(ops, name) for name in _SHARED.split()},
        matmul=operator.matmul,
        sigmoid=ops.sigmoid,
        tanh=_logistic_tanh if narrow else ops.tanh,
        array=lambda x: ops.convert_to_tensor(np.asarray(x, dtype), dtype=dtype),
        numpy=lambda x: ops.convert_to_numpy(x).astype("float64"),
        itemsize=np.dtype(dtype).itemsize,
    )


@functools.cache
def _controller():
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController().select(user_api="blas")


def one_thread(function):
    """Runs a function with one BLAS thread.

    The matrices are small, so that BLAS threads wait for one another: beside other programs, that
    costs ten times as much as the arithmetic.
    """

    @functools.wraps(function)
    def run(*args, **kwargs):
        controller = _controller()
        with controller.limit(limits=1) if controller else contextlib.nullcontext():
            return function(*args, **kwargs)

    return run
