"""A network executed with the norms of its values, for certificates that take them."""

import keras

from gloro_tf.lipschitz import measured


class Measuring:
    """Answers logits and norms; no layer itself, so that a model that keeps one does not save it.

    Args:
        net: `keras.Model` of logits.
        trace: its `gloro_tf.lipschitz.graph.Trace`.
        values: tuple of `gloro_tf.lipschitz.measured.measured_values`.
    """

    def __init__(self, net, trace, values):
        self._arguments, self._model = (net, trace, values), None

    def predict(self, x, **arguments):
        """As `keras.Model.predict`: `(logits, norms)`, `(n, classes)` and `(n, len(values))`."""
        if self._model is None:
            self._model = MeasuredNetwork(*self._arguments)
        return self._model.predict(x, **arguments)


class MeasuredNetwork(keras.Model):
    def __init__(self, net, trace, values):
        super().__init__(name="measured", dtype="float32")
        self.net, self._steps, self._values = net, lambda: trace, values
        self.built = True

    def call(self, inputs):
        shape = self.net.input_shape[1:]
        return measured.execute(self._steps(), self._values, inputs, shape)
