"""Which features the evidence of membership comes from."""

from __future__ import annotations

import dataclasses

import numpy as np
from keras import ops

from gloro_tf.membership._checks import check_counts
from gloro_tf.ops import gradient_function, input_dtype
from gloro_tf.types import Array

DOIS = ("point", "line")


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """A score as a sum over features.

    Attributes:
        terms: `(n, ...)` float64, of the shape of the features at the slice: influence times
            distance from the baseline. Positive terms speak for membership.
        bias: `(n,)` float64: what does not come from a feature.
        score: `(n,)` float64: the sum of both.
        gap: `(n,)` float64: the bias minus the score of the baseline. Of the line it is 0 up to
            the quadrature's error; of the point it is how far the model is from linear.
    """

    terms: np.ndarray
    bias: np.ndarray
    gap: np.ndarray

    @property
    def score(self) -> Array:
        """The score of each example, `(n,)`: its terms and the bias."""
        return self.terms.reshape(len(self.terms), -1).sum(axis=1) + self.bias

    def top(self, k: int = 5) -> Array:
        """The positions of the `k` features with the largest terms, `(n, k)`, in flat order."""
        check_counts(1, k=k)
        flat = self.terms.reshape(len(self.terms), -1)
        return np.argsort(-flat, axis=1)[:, :k]


class Difference:
    """Class scores of the target minus the mean of the proxies', as one differentiable function.

    Args:
        top: the target above the slice, a Keras model of logits.
        proxies: models as `TrainingRecipe.train_many` returns them, of the same features.
        form: `"logit"` (minus the mean over the classes), `"logprob"` or `"logodds"`.

    Attributes:
        slope: float. What the proxies count.
    """

    def __init__(self, top, proxies, form="logit"):
        self._top, self._proxies, self._form, self.slope = top, proxies, form, 1.0
        self.compute_dtype = input_dtype(top)
        self.classes = max(2, top.outputs[0].shape[-1])

    def __call__(self, x, training=False):
        return self.target(x, training) - self.slope * self.proxies(x, training)

    def target(self, x, training=False):
        """The class scores of the target, `(n, classes)`."""
        return self._relative(self._top(x, training=training))

    def proxies(self, x, training=False):
        """The mean class scores of the proxies, `(n, classes)`."""
        scores = self._proxies.scores(x, training=training, shared_input=True)
        return ops.mean(self._relative(scores), axis=0)

    def _relative(self, logits):
        if logits.shape[-1] == 1:
            logits = ops.concatenate([-logits / 2, logits / 2], axis=-1)
        if self._form == "logprob":
            return ops.log_softmax(logits, axis=-1)
        if self._form == "logodds":
            return logits - _others(logits)
        return logits - ops.mean(logits, axis=-1, keepdims=True)


def _others(logits):
    """For each class, the log of the sum of the other classes' exponentials; as the logits."""
    best = ops.one_hot(ops.argmax(logits, axis=-1), logits.shape[-1], dtype=logits.dtype)
    # Shifts by a maximum have no gradient of their own.
    top = ops.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
    below = ops.where(best > 0, -1e30, logits)
    second = ops.stop_gradient(ops.max(below, axis=-1, keepdims=True))
    of_best = second + ops.log(ops.sum(ops.exp(below - second), axis=-1, keepdims=True))
    powers = ops.exp(logits - top)
    rest = ops.sum(powers, axis=-1, keepdims=True) - powers
    return ops.where(best > 0, of_best, top + ops.log(ops.where(best > 0, 1.0, rest)))


def find_evidence(
    difference, features, y, doi="point", n=50, baseline=0.0, matching=None, batch_size=256
):
    """`Evidence` of a function of features, from its gradients; see `BayesWB.evidence`."""
    if doi not in DOIS:
        raise ValueError(f"`doi` must be one of {DOIS}. Received: doi={doi!r}")
    check_counts(1, n=n)
    baseline = _baseline(baseline, features.shape[1:])
    if not len(features):
        return Evidence(np.zeros(features.shape), np.zeros(0), np.zeros(0))
    if matching is not None:
        difference.slope = matching.slope
    gradient = gradient_function(difference, of_class, compiled=False)
    classes = np.eye(difference.classes, dtype="float32")
    parts = []
    for start in range(0, len(features), batch_size):
        z = np.asarray(features[start : start + batch_size], "float32")
        rows, origin = classes[y[start : start + batch_size]], np.broadcast_to(baseline, z.shape)
        parts.append(_of_batch(gradient, z, rows, np.asarray(origin, "float32"), doi, n))
    terms, bias, gap = (np.concatenate(part) for part in zip(*parts, strict=True))
    if matching is not None:
        bias = bias - matching.offsets[y]
    return Evidence(terms, bias, gap)


def _baseline(baseline, shape):
    """Finite numbers that broadcast to the features' shape."""
    values = np.asarray(baseline)
    fits = values.dtype.kind in "biuf" and np.isfinite(values).all()
    if not fits or values.shape not in ((), shape):
        raise ValueError(
            f"`baseline` must be a finite number or an array of shape {shape}. Received: shape "
            f"{values.shape}, dtype {values.dtype}"
        )
    return values.astype("float32")


def influences(function, z, rows, origin, doi="point", n=50):
    """The mean gradient `(n, ...)` at the point, or on the line from the origin to it; float64."""
    if doi == "point":
        return function(z, rows)[1].astype("float64")
    at, weights = np.polynomial.legendre.leggauss(n)
    total = 0.0
    for position, weight in zip((at + 1) / 2, weights / 2, strict=True):
        point = (origin + position * (z - origin)).astype("float32")
        total = total + weight * function(point, rows)[1].astype("float64")
    return total


def _of_batch(gradient, z, rows, origin, doi, n):
    terms = influences(gradient, z, rows, origin, doi, n) * (z - origin)
    score, base = (gradient(at, rows)[0].astype("float64") for at in (z, origin))
    bias = score - terms.reshape(len(z), -1).sum(axis=1)
    return terms, bias, bias - base


def of_class(outputs, rows):
    """The outputs of the classes that `rows` marks with a 1, `(n,)`."""
    return ops.sum(outputs * ops.cast(rows, outputs.dtype), axis=-1)
