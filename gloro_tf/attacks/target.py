"""What attacks see of a model: logits with their gradients, and the label that it answers."""

import keras
import numpy as np
from keras import ops

from gloro_tf.attacks.objectives import NEEDS, margin
from gloro_tf.ops import compiled, gradient_function, input_dtype


class Target:
    """A model under attack.

    Args:
        model: a `keras.Model` of logits, or a model that certifies. A `GloroModel` is attacked in its
            `logits_model`; an ensemble along the mean log-probabilities of its members, any other
            along its scores without bottom, and both are decided by their own `certify`.
        batch_size: int.
    """

    def __init__(self, model, batch_size):
        self._model, self.batch_size = model, batch_size
        if not isinstance(model, keras.Model):
            raise ValueError(f"`model` must be a Keras model. Received: {type(model).__name__}")
        self._decides = hasattr(model, "certify") and not hasattr(model, "logits_model")
        if getattr(model, "members", None) is not None and not self._decides:
            raise ValueError(
                f"`model` must answer labels. Received: a {type(model).__name__}, which may abstain. "
                "Attack its members."
            )
        nets = _networks(model)
        self.net = nets[0] if len(nets) == 1 else _Mean(nets)
        self.input_shape = tuple(nets[0].input_shape[1:])
        shape = nets[0].output_shape
        self.classes = shape[-1]
        if not isinstance(shape, tuple) or len(shape) != 2 or self.classes < 2:
            raise ValueError(
                "`model` must answer a row of at least two logits for each input. Received: output "
                f"shape {shape}. Give a binary model two logits, 0 and its own."
            )
        variables = [v for net in nets for v in net.variables]
        dtype = input_dtype(nets[0])
        tensor = lambda x: ops.convert_to_tensor(x, dtype=dtype)  # noqa: E731

        def both(given):
            logits = self.net(given[0], training=False)
            finite = ops.all(ops.isfinite(logits), axis=-1)
            values = margin(logits, given[1], None)
            if hasattr(model, "answers"):
                values = _signed(values, model.answers(given[0]) != given[1])
            return [logits, ops.where(finite, values, np.inf)]

        run = compiled(both, variables)
        self._run = lambda x, y: run([tensor(x), ops.convert_to_tensor(y, dtype="int32")])
        self._gradients = {}

    @classmethod
    def of(cls, model, batch_size):
        """`model` itself if it is a target already, whose compiled functions are then shared."""
        return model if isinstance(model, cls) else cls(model, batch_size)

    def logits(self, x):
        """`(n, classes)` float array; `x` has the size of a batch."""
        return ops.convert_to_numpy(self._run(x, np.zeros(len(x), "int32"))[0])

    def gradient(self, objective):
        """`function(x, y, rival) -> (values, gradient)`, compiled once."""
        needed = NEEDS.get(objective, 2)
        if self.classes < needed:
            raise ValueError(
                f"`objective` {objective.__name__!r} needs at least {needed} classes. Received: a "
                f"model of {self.classes}. Use objective='margin'."
            )
        if objective not in self._gradients:
            self._gradients[objective] = gradient_function(self.net, objective)
        return self._gradients[objective]

    def margins(self, x, y):
        """The best rival's logit above that of `y`, `(n,)`; infinite where a logit is not finite.

        Positive if and only if the label is not `y`: where an ensemble answers, whose members' mean
        may have another winner, the sign is its answer's, and the order within a sign the mean's.
        """
        return ops.convert_to_numpy(self._run(x, y)[1])

    def labels(self, x):
        """What the model answers, `(n,)` int64; -1 where it gives no finite logits."""
        if self._decides:
            answers = np.asarray(self._model.certify(x, self.batch_size).label)
        found = np.full(len(x), -1, "int64")
        size = self.batch_size
        for start in range(0, len(x), size):
            rows = np.resize(np.arange(start, min(start + size, len(x))), size)
            logits = self.logits(x[rows])
            label = answers[rows] if self._decides else logits.argmax(axis=1)
            found[rows] = np.where(np.isfinite(logits).all(axis=1), label, -1)
        return found


def _signed(values, positive):
    """Values with another sign: of one sign in the same order, none of them zero."""
    least = np.finfo("float32").tiny
    above, below = (ops.maximum(ops.softplus(v), least) for v in (values, -values))
    return ops.where(positive, above, -below)


class _Mean:
    """Mean log-probabilities of several networks, as one callable."""

    compute_dtype = "float32"

    def __init__(self, nets):
        self.nets = nets

    def __call__(self, x, training=False):
        parts = [ops.log_softmax(net(x, training=False), axis=-1) for net in self.nets]
        return ops.mean(ops.stack(parts), axis=0)


class _WithoutBottom:
    """The class scores of a model that certifies, as one callable."""

    compute_dtype = "float32"

    def __init__(self, model):
        self.model, self.variables = model, model.variables
        self.input_shape = tuple(model.input_shape)
        self.output_shape = (None, model.compute_output_shape(self.input_shape)[-1] - 1)

    def __call__(self, x, training=False):
        return self.model(x, training=False)[:, :-1]


def _networks(model):
    """What gradients are taken of: callables with shapes and variables."""
    members = getattr(model, "members", None)
    if members is not None:
        return [net for member in members for net in _networks(member)]
    if hasattr(model, "certify") and not hasattr(model, "logits_model"):
        return [_WithoutBottom(model)]
    return [getattr(model, "logits_model", model)]
