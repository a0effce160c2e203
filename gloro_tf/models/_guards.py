"""What ends a certificate: changed weights, changed arguments, another network."""

import numpy as np
from keras import ops

from gloro_tf.models._part import Part
from gloro_tf.models.certificate import fingerprint, layer_arguments


class Guards(Part):
    """The part of `GloroModel` that notices that its network is no longer the bounded one."""

    def _current_fingerprint(self):
        return fingerprint(self.logits_model, self._tables)

    def _check_fresh(self):
        if self._is_frozen and self._is_measured != self._has_forms():
            self._set_frozen(True)  # the tables of another model were set
        stored = ops.convert_to_numpy(self._fingerprint)
        if self._is_frozen and not np.array_equal(stored, self._current_fingerprint()):
            raise RuntimeError(
                "The weights changed since `freeze()`, so the stored bound no longer holds for "
                "them. Call `freeze()` again."
            )

    def _check_arguments(self):
        """Refuses layers whose arguments changed since their Lipschitz rules looked at them."""
        if layer_arguments(self.logits_model) != self._arguments:
            raise RuntimeError(
                "An argument of a layer changed since this model was built around it, so its "
                "Lipschitz constant is no longer the one that was read. Wrap the network again: "
                "`GloroModel(model=model.logits_model, epsilon=model.epsilon)`."
            )

    def __setattr__(self, name, value):
        if name == "logits_model" and hasattr(self, "_trace"):
            raise AttributeError(
                "`logits_model` cannot be replaced. Build another `GloroModel` around the new one."
            )
        super().__setattr__(name, value)
