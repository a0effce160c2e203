"""Many sentences at once with `keras.ops`: the twin of the NumPy functions, on any backend.

The same algorithms run on the backend's device. Float32 is the default, and what JAX computes in
unless told otherwise; the sums of its paths are good to about five digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gloro_tf.influence._arrays import keras_arrays
from gloro_tf.influence._problem import MEMORY, Problem
from gloro_tf.influence.paths import batch_paths
from gloro_tf.influence.total import Influence, batch_influence
from gloro_tf.types import Array, ArrayLike

if TYPE_CHECKING:
    from gloro_tf.influence.lines import Line
    from gloro_tf.influence.quantities import Quantity
    from gloro_tf.influence.trace import LSTMTrace


def influence(
    trace: LSTMTrace,
    ids: ArrayLike,
    quantity: Quantity,
    line: Line,
    dtype: Literal["float32", "float64"] = "float32",
    memory: int = MEMORY,
) -> Influence:
    """The influence of a word in each of several sentences of one length.

    Args:
        trace: `LSTMTrace`.
        ids: `(batch, length)` integers, unpadded.
        quantity: `NumberAgreement` or `LinearQuantity`, of one entry or `batch` entries.
        line: `NeutralLine` or `Line`, likewise. Points are doubled until all are complete.
        dtype: `"float32"` or `"float64"`. Defaults to `"float32"`.
        memory: int. Bytes that intermediate vectors may take. Defaults to 256 MiB.

    Returns:
        `Influence` of NumPy arrays with a row per sentence.

    Example:

    ```python
    line = NeutralLine(1, data.subject_counterpart)
    result = batched.influence(trace, data.ids, data.quantity, line)
    ```
    """
    return batch_influence(_problem(trace, ids, quantity, line, dtype, memory))


def path_influences(
    trace: LSTMTrace,
    ids: ArrayLike,
    quantity: Quantity,
    line: Line,
    method: Literal["mitm", "enumerate"] = "mitm",
    dtype: Literal["float32", "float64"] = "float32",
    memory: int = MEMORY,
    max_paths: int = 5_000_000,
) -> tuple[Influence, Array]:
    """The influence of every path in each of several sentences of one length.

    Args:
        trace, ids, quantity, line, dtype, memory: as for `batched.influence`.
        method, max_paths: as for `path_influences`.

    Returns:
        `(influence, values)`: an `Influence` of arrays, and `(batch, paths)` float64 in the order
        of `PathInfluences.values`.
    """
    return batch_paths(_problem(trace, ids, quantity, line, dtype, memory), method, max_paths)


def _problem(trace, ids, quantity, line, dtype, memory):
    if dtype not in ("float32", "float64"):
        raise ValueError(f"`dtype` must be 'float32' or 'float64'. Received: dtype={dtype!r}.")
    return Problem(trace, ids, quantity, line, xp=keras_arrays(dtype), memory=memory)
