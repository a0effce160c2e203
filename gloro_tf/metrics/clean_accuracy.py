"""Accuracy without regard to certificates."""

import keras
from keras import ops

from gloro_tf.metrics.base import RowMean, named, true_class


@named("clean_accuracy")
@keras.saving.register_keras_serializable(package="gloro_tf")
class CleanAccuracy(RowMean):
    """Fraction of examples whose largest logit is the label's, bottom ignored.

    Args:
        name: str. Defaults to `"clean_accuracy"`.
        dtype: str.
    """

    def __init__(self, name="clean_accuracy", dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype, **kwargs)

    def values(self, y_true, y_pred):
        logits = y_pred[:, :-1]
        predicted = ops.cast(ops.argmax(logits, axis=-1), "int32")
        return ops.equal(predicted, true_class(y_true, logits.shape[-1]))
