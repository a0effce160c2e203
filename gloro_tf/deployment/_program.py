"""A frozen model as one float32 program: logits, label, radius, with the bound as constants."""

import math

import keras
import numpy as np
from keras import ops

from gloro_tf.margins import STRICT, loosest, relaxed_radii
from gloro_tf.models.checks import float32_up

U = 2.0**-24
LOGIT_ROUNDINGS = 32
LARGEST = 1e12
_TINY = 2.0**-62
_DOUBLED = 2.5


class Program(keras.Model):
    """Answers a dict of `logits`, `label`, `radius`, `certified`; `members` for a promise of sets.

    Every step of the arithmetic from logits to radius is rounded so that the radius is at most what
    `certify` computes in float64 from the same logits: with `u = 2^-24`, sums of squares grow by a
    factor `1 + (n + 16) 2u`, slacks by `1 + 16u` and by `32u` times the largest logit, constants by
    `1 + 32u`. NaN, infinity and values past 1e12 are found by a comparison, which every runtime has.
    Elsewhere no infinity occurs: converters write a selection as `mask * a + (1 - mask) * b`, where
    it would make NaN, unless a side of it is a constant infinity.

    Args:
        model: a frozen `GloroModel`.
        strict: bool. Whether the slack for the execution of the network counts twice, so that two
            executions of it, each within its error, cannot put the radius above that of `certify`.
    """

    def __init__(self, model, strict=False):
        super().__init__(name=model.name, dtype="float32")
        self.net, self._execute = model.logits_model, model._execute
        self._relaxation = model.relaxation
        self._epsilon = float(float32_up(np.float64(model.epsilon)))
        tables = model.frozen_tables()
        self._centre = float(tables["centre"])
        factor = _DOUBLED if strict else 1.0
        slacks = {k: tables[k] for k in ("slope", "offset", "forms") if k in tables}
        scaled = {k: float32_up(factor * v.astype("float64")) for k, v in slacks.items()}
        growth = np.maximum(tables["growth"].astype("float64"), 1 / LARGEST)
        self._growth = float32_up(growth * (1 + 32 * U))
        self._slope, self._offset = scaled["slope"], scaled["offset"]
        self._forms = scaled.get("forms")

    def call(self, inputs):
        logits, norms = self._execute(inputs)
        length = self._length(inputs)
        size, extra = (length, 0.0) if norms is None else self._measured(norms)
        magnitudes = ops.sum(ops.abs(logits), axis=-1, keepdims=True)
        valid = length + size + extra + magnitudes < LARGEST  # NaN is not; in ONNX it were `<=`
        allowance = ops.max(ops.abs(logits), axis=-1, keepdims=True) * (LOGIT_ROUNDINGS * U)

        def rows(winner):
            slack = size * ops.take(self._slope, winner, axis=0)
            slack = slack + ops.take(self._offset, winner, axis=0) + extra
            slack = slack * (1 + 16 * U) + allowance
            return ops.take(self._growth, winner, axis=0), slack

        radii, order = relaxed_radii(logits, rows, self._relaxation)
        return self._answers(logits, ops.where(valid, radii, -np.inf), order)

    def _answers(self, logits, radii, order):
        radius = ops.maximum(ops.max(radii, axis=-1), 0.0)
        found = {
            "logits": logits,
            "label": ops.cast(order[:, 0], "int32"),
            "radius": radius,
            "certified": radius > self._epsilon,
        }
        if self._relaxation is not STRICT:
            found["members"] = self._members(radii, order, logits.shape[-1])
        return found

    def _members(self, radii, order, classes):
        """The largest promised set, `(batch, classes)` bool."""
        most, members = loosest(radii, self._epsilon), None
        for rank in range(self._relaxation.k):
            own = ops.equal(ops.arange(classes)[None], order[:, rank : rank + 1])
            own = ops.logical_and(own, (most > rank)[:, None])
            members = own if members is None else ops.logical_or(members, own)
        return members

    def _length(self, inputs):
        size = math.prod(inputs.shape[1:])
        squares = ops.square(ops.reshape(inputs, (-1, size)) - self._centre)
        length = ops.sqrt(ops.sum(squares, axis=-1, keepdims=True))
        return length * (1 + (size + 16) * 2 * U) + math.sqrt(size) * _TINY

    def _measured(self, norms):
        outward = 1 + (norms.shape[-1] + 8) * 2 * U
        size, extra = (
            (ops.sum(norms * form[1:], axis=-1, keepdims=True) + form[0]) * outward + _TINY
            for form in self._forms
        )
        return size, extra

    def compute_output_shape(self, input_shape):
        batch, classes = input_shape[0], len(self._growth)
        shapes = {"logits": (batch, classes), "label": (batch,), "radius": (batch,)}
        shapes["certified"] = (batch,)
        if self._relaxation is not STRICT:
            shapes["members"] = (batch, classes)
        return shapes
