"""How often a model makes no promise."""

import keras
from keras import ops

from gloro_tf.metrics.base import RowMean, named


@named("rejection_rate")
@keras.saving.register_keras_serializable(package="gloro_tf")
class RejectionRate(RowMean):
    """Fraction of examples whose bottom score is at least every logit.

    Args:
        name: str. Defaults to `"rejection_rate"`.
        dtype: str.
    """

    def __init__(self, name="rejection_rate", dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype, **kwargs)

    def values(self, y_true, y_pred):
        return ops.logical_not(ops.max(y_pred[:, :-1], axis=-1) > y_pred[:, -1])
