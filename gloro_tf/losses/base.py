"""What the losses share: labels in both forms, and how they meet a `GloroModel`."""

from __future__ import annotations

import keras
from keras import ops

from gloro_tf.types import Tensor


def label_matrix(y_true: Tensor, classes: int) -> Tensor:
    """Returns labels as `(batch, classes)` float32 rows, from integers or one-hot rows.

    Args:
        y_true: `(batch,)` or `(batch, 1)` integers, or `(batch, classes)` rows.
        classes: int.
    """
    if len(y_true.shape) == 2 and y_true.shape[-1] == classes:
        return ops.cast(y_true, "float32")
    flat = ops.reshape(y_true, (-1,))
    return ops.one_hot(ops.cast(flat, "int32"), classes, dtype="float32")


class CertifiedLoss(keras.losses.Loss):
    """Base class of losses on `(batch, classes + 1)` rows: logits, then the bottom score.

    Labels are integers or one-hot rows; the loss is one value per example, which Keras reduces.
    """


class MarginLoss(keras.losses.Loss):
    """Base class of losses that see the margin constants of the label.

    `GloroModel` calls such a loss with `y_pred` of shape `(batch, 2 * classes)`: the logits, then
    `epsilon * K[label]`, how much each class can gain on the label within the radius.
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        logits, growth = ops.split(y_pred, 2, axis=-1)
        return self.from_margins(label_matrix(y_true, logits.shape[-1]), logits, growth)

    def from_margins(self, labels: Tensor, logits: Tensor, growth: Tensor) -> Tensor:
        """Returns `(batch,)` losses from `(batch, classes)` labels, logits and growth.

        Args:
            labels: `(batch, classes)` rows that sum to 1.
            logits: `(batch, classes)` tensor.
            growth: `(batch, classes)` tensor: what each rival can gain on the label within the
                radius.
        """
        raise NotImplementedError
