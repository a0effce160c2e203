"""Models that were trained one by one, asked all at once."""

import keras
import numpy as np

from gloro_tf.membership._logits import logits_model
from gloro_tf.membership.slices import run


class OneByOne:
    """Models in a list that answer as `gloro_tf.training.ManyModels` does."""

    def __init__(self, models):
        self._models = list(models)
        self._logits = [logits_model(model) for model in self._models]

    def __len__(self):
        return len(self._models)

    def __getitem__(self, index):
        return self._models[index]

    def predict(self, x, batch_size=1024):
        """Logits of all, `(k, n, classes)` NumPy."""
        return np.stack([run(model, x, batch_size) for model in self._logits])

    def scores(self, x, training=False, shared_input=False):
        """Logits of tensors, differentiable: as `ManyModels.scores`."""
        inputs = [x] * len(self) if shared_input else x
        pairs = zip(self._logits, inputs, strict=True)
        return keras.ops.stack([model(part, training=training) for model, part in pairs])
