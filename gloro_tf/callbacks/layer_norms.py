"""Logs what each layer contributes to the Lipschitz constant."""

from __future__ import annotations

from typing import Any

import keras


class LayerNorms(keras.callbacks.Callback):
    """Adds the current estimate of every layer's Lipschitz constant to the epoch's logs.

    The keys are `estimate/<layer>` and `estimate/model`; they are estimates, from below. Place it
    before `CSVLogger` and `TensorBoard` in the list of callbacks, so that these write them.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs.update({f"estimate/{k}": v for k, v in self.model.layer_estimates().items()})
