"""How often outputs were corrected, as Keras metrics of the status of rows."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gloro_tf.metrics.base import RowMean
from gloro_tf.types import Config, Tensor

KINDS = {
    "active": (1, 2, 3, 4),
    "violated": (2, 3, 4),
    "corrected": (2, 3),
    "top_changed": (3,),
    "conflict": (4,),
    "undecidable": (5,),
}


@keras.saving.register_keras_serializable(package="gloro_tf")
class StatusRate(RowMean):
    """The fraction of rows with a status, of the `status` output of a self-correcting model.

    Args:
        kind: `"active"` (a property is), `"violated"` (before correction), `"corrected"`,
            `"top_changed"`, `"conflict"` or `"undecidable"`.
        name: str. Defaults to `"<kind>_rate"`.
        dtype: str.

    Raises:
        ValueError: for another `kind`.

    Example:

    ```python
    safe = make_self_correcting(model, properties, return_status=True)
    rates = [StatusRate("corrected"), StatusRate("conflict")]
    safe.compile(loss={"outputs": loss, "status": None}, metrics={"status": rates})
    safe.evaluate(x, {"outputs": y, "status": np.zeros(len(x))})
    ```
    """

    def __init__(
        self, kind: str, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"`kind` must be one of {sorted(KINDS)}. Received: kind={kind!r}")
        super().__init__(name=name or f"{kind}_rate", dtype=dtype, **kwargs)
        self.kind = kind

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        status = ops.reshape(y_pred, (-1,))
        return ops.any(ops.stack([status == s for s in KINDS[self.kind]]), axis=0)

    def get_config(self) -> Config:
        return {**super().get_config(), "kind": self.kind}
