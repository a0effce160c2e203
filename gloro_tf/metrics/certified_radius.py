"""The average certified radius."""

import keras
from keras import ops

from gloro_tf.metrics.base import RadiusMetric, named, true_class


@named("certified_radius")
@keras.saving.register_keras_serializable(package="gloro_tf")
class CertifiedRadius(RadiusMetric):
    """Mean certified radius, wrong predictions counting 0, in the units of the input.

    Args:
        name: str. Defaults to `"certified_radius"`.
        dtype: str.

    Reference:
        [Zhai et al., MACER](https://arxiv.org/abs/2001.02378), section 3 (average certified radius).
    """

    needs_constants = True

    def __init__(self, name="certified_radius", dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype, **kwargs)

    def values(self, y_true, y_pred):
        logits, radius = y_pred[:, :-1], y_pred[:, -1]
        predicted = ops.cast(ops.argmax(logits, axis=-1), "int32")
        right = ops.equal(predicted, true_class(y_true, logits.shape[-1]))
        return ops.where(right, radius, 0.0)
