"""Attributions of ensembles: which inputs the members' scores depend on, on average."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from gloro_tf.ops import gradient_function, input_dtype
from gloro_tf.types import Array, ArrayLike

METHODS = ("saliency", "integrated_gradients")


def attributions(
    models: Any,
    x: ArrayLike,
    method: str = "saliency",
    *,
    target: ArrayLike | None = None,
    steps: int = 32,
    baseline: ArrayLike = 0.0,
    average: bool = True,
    batch_size: int = 256,
) -> Array:
    """How much each input contributes to the score of a class, as the mean over the members.

    - `"saliency"`: the gradient of the class score in the input.
    - `"integrated_gradients"`: its mean on the way from `baseline` to the input, times the way. It
      adds up to the difference of the scores at both ends, as far as `steps` resolve it.

    A vote is piecewise constant and has no useful gradient; the mean over the members is the
    attribution of the mean score.

    Args:
        models: a `SelectiveEnsemble`, a list of Keras models, a `gloro_tf.training.ManyModels`, or
            one Keras model. Their outputs are taken as they are, usually logits; of a
            `GloroModel`, those of its `logits_model`.
        x: array `(points, ...)`.
        method: see above.
        target: int, or `(points,)` integers: the class whose score is attributed. Defaults to the
            class that most members predict (the lowest of equal ones).
        steps: int. Points on the way, for `"integrated_gradients"`.
        baseline: number or array of the shape of `x[0]`. Where the way begins.
        average: bool. Whether to return the mean over the members or each member's own.
        batch_size: int.

    Returns:
        float64 array of the shape of `x`, or `(members, *x.shape)` with `average=False`.

    Raises:
        ValueError: naming the argument.

    Reference:
        [Black et al., Selective Ensembles for Consistent Predictions](
        https://arxiv.org/abs/2111.08230), section 5.3;
        [Sundararajan et al., Axiomatic Attribution for Deep Networks](
        https://arxiv.org/abs/1703.01365).
    """
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {METHODS}. Received: method={method!r}")
    if not isinstance(steps, int) or steps < 1:
        raise ValueError(f"`steps` must be an integer of at least 1. Received: steps={steps}")
    members, x = _Members(models), np.asarray(x)
    parts = [slice(s, s + batch_size) for s in range(0, len(x), batch_size)]
    if not parts or x.ndim < 2:
        raise ValueError(f"`x` must be points of shape (points, ...). Received: shape {x.shape}")
    x = x.astype(members.compute_dtype)
    outputs = np.concatenate([members.numpy(x[part]) for part in parts], axis=1)
    rows = _one_hot(_targets(target, outputs), outputs.shape[-1])
    start = np.broadcast_to(np.asarray(baseline, x.dtype), x.shape)
    compiled = len(parts) * (steps if method == "integrated_gradients" else 1) > 8
    gradient = gradient_function(members, _score, compiled)
    found = []
    for part in parts:
        if method == "saliency":
            found.append(gradient(members.repeat(x[part]), rows[part])[1].astype("float64"))
            continue
        way, total = x[part] - start[part], 0.0
        for step in range(steps):
            at = start[part] + np.asarray((step + 0.5) / steps, x.dtype) * way
            total += gradient(members.repeat(at), rows[part])[1].astype("float64")
        found.append(total / steps * way)
    found = np.concatenate(found, axis=1)
    return found.mean(axis=0) if average else found


def _score(outputs, rows):
    """The scores of the targets, `(members, points)`."""
    return ops.sum(outputs * ops.cast(rows, outputs.dtype), axis=-1)


class _Members:
    """Members as one function of an input for each, `(members, points, ...)`."""

    def __init__(self, models):
        if hasattr(models, "scores") and hasattr(models, "subset"):
            self.call, self.count, one = models.scores, len(models), models._model
        else:
            models = getattr(models, "members", models)
            models = [models] if isinstance(models, keras.Model) else list(models)
            models = [getattr(m, "logits_model", m) for m in models]
            if not models or not all(isinstance(m, keras.Model) for m in models):
                raise ValueError(
                    "`models` must be an ensemble, a Keras model or a list of them. Received: "
                    f"{[type(m).__name__ for m in models]}"
                )
            self.models, self.count, one = models, len(models), models[0]
            self.call = self._stacked
        self.compute_dtype = input_dtype(one)

    def _stacked(self, x, training=False):
        return ops.stack([m(x[i], training=training) for i, m in enumerate(self.models)])

    def __call__(self, x, training=False):
        return self.call(x, training=training)

    def repeat(self, x):
        """One copy of the points for each member."""
        return np.broadcast_to(x, (self.count, *x.shape))

    def numpy(self, x):
        """Outputs `(members, points, classes)` as NumPy."""
        return ops.convert_to_numpy(self(ops.convert_to_tensor(np.array(self.repeat(x)))))


def _targets(target, outputs):
    """Classes, one for each point."""
    classes, points = outputs.shape[-1], outputs.shape[1]
    if target is None:
        votes = _one_hot(outputs.argmax(axis=-1), classes).sum(axis=0)
        return votes.argmax(axis=-1)
    target = np.asarray(target)
    if target.shape not in ((), (points,)) or target.dtype.kind not in "iu":
        raise ValueError(
            f"`target` must be an integer or {points} of them. Received: shape {target.shape}, "
            f"dtype {target.dtype}"
        )
    if target.min() < 0 or target.max() >= classes:
        raise ValueError(
            f"`target` must lie in [0, {classes}). Received: {target.min()} to {target.max()}"
        )
    return np.broadcast_to(target, (points,))


def _one_hot(labels, classes):
    return np.eye(classes, dtype="float32")[labels]
