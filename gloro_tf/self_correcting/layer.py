"""The layer that corrects outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import keras
import numpy as np
from keras import ops

from gloro_tf.self_correcting._corrector import Corrector
from gloro_tf.self_correcting.analysis import warn_of_findings
from gloro_tf.self_correcting.properties import Property, SafeOrdering, as_safe_ordering
from gloro_tf.types import Config, Shape, Tensor

ON_CONFLICT = ("nan", "keep", "extra_class", "error")
GRADIENTS = ("straight_through", "permutation", "stop")
STATUSES = (
    "nothing active",
    "already safe",
    "corrected, same top class",
    "corrected, another top class",
    "conflict",
    "undecidable",
)
FAR = {"float16": 3e4, "bfloat16": 1e30, "float32": 1e30, "float64": 1e30}


@keras.saving.register_keras_serializable(package="gloro_tf")
class SelfCorrectingLayer(keras.layers.Layer):
    """Reorders the outputs of a model so that safe-ordering properties hold, provably.

    Called on `[x, y]`, with `x` the inputs that the properties speak of and `y` of shape
    `(batch, outputs)`, it returns `z` of the same shape and type as `y`:

    - where all active properties hold already, strictly, `z` is `y`, bit for bit;
    - elsewhere `z` is a permutation of `y` for which they hold, on top of which is the best-scoring
      class that any such order allows: the top class of `y` stays whenever that is possible. Equal
      outputs, which no permutation can put in order, are moved apart by a few units in the last place;
    - where no order satisfies all active properties (a conflict), or an output is NaN or an input not
      finite (undecidable), `z` is what `on_conflict` says.

    Every corrected row is decided again before it is returned. What is promised holds for the inputs
    as given, with no neighbourhood; see `make_self_correcting` for certified models.

    Args:
        properties: `SafeOrdering`, or a list of `Property` (then larger outputs are better).
        on_conflict: `"nan"` (a row of NaN; left alone while training), `"keep"` (the row of `y`),
            `"extra_class"` (a column more, which is best in rows in conflict and worst elsewhere), or
            `"error"` (raises; eager calls only). Defaults to `"nan"`.
        gradient: of corrected rows: `"straight_through"` (the identity), `"permutation"` (the true
            one, which flows to the class that used to hold a value, and so may train the unsafe class
            up), or `"stop"`. Defaults to `"straight_through"`.
        max_combinations: int. More combinations of alternatives than this are refused. Defaults to
            4096.

    Example:

    ```python
    y = Outputs(3)
    left = Property(Box([0.0], [1.0]), y[0] < y[1])
    z, info = SelfCorrectingLayer([left])([x, logits], return_info=True)
    ```

    With `return_info=True` it also returns a dict of tensors: `status`, `(batch,)` int32, an index of
    `STATUSES`; `active` and `violated`, `(batch, properties)` bool, both about `y`; and `chosen`,
    `(batch, properties)` int32, the alternative that a property was corrected by, else -1.

    Raises:
        ValueError: for properties that contradict themselves, need too many combinations or do not fit
            the inputs. Properties that can be in conflict are warned of, with a witness.

    Reference:
        [Leino et al., Self-Correcting Neural Networks for Safe Classification](
        https://arxiv.org/abs/2107.11445), section 3.
    """

    def __init__(
        self,
        properties: SafeOrdering | Sequence[Property],
        on_conflict: Literal["nan", "keep", "extra_class", "error"] = "nan",
        gradient: Literal["straight_through", "permutation", "stop"] = "straight_through",
        max_combinations: int = 4096,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("autocast", False)  # rounding could move an input out of its box
        super().__init__(**kwargs)
        if on_conflict not in ON_CONFLICT:
            raise ValueError(
                f"`on_conflict` must be one of {ON_CONFLICT}. Received: on_conflict={on_conflict!r}"
            )
        if gradient not in GRADIENTS:
            raise ValueError(
                f"`gradient` must be one of {GRADIENTS}. Received: gradient={gradient!r}"
            )
        self.on_conflict, self.gradient = on_conflict, gradient
        self.max_combinations = int(max_combinations)
        self.ordering: SafeOrdering | None = None
        self.corrector: Corrector | None = None
        none = isinstance(properties, (list, tuple)) and not properties
        if not none:
            self._prepare(as_safe_ordering(properties))

    def _prepare(self, ordering):
        self.ordering = ordering
        if len(ordering):
            self.corrector = Corrector(ordering, self.max_combinations)
            warn_of_findings(ordering)

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) != 2 or not isinstance(input_shape[0], (list, tuple)):
            raise ValueError(
                "A `SelfCorrectingLayer` must be called on `[x, y]`: the inputs that the properties "
                f"speak of, and the outputs to correct. Received: shapes {input_shape}"
            )
        shape, outputs = input_shape
        if len(outputs) != 2:
            raise ValueError(f"`y` must be of shape (batch, outputs). Received: {outputs}")
        ordering = self.ordering = as_safe_ordering(self.ordering or [], outputs[-1])
        ordering.check_input(shape[1:] if ordering.reads_x else None)
        self.built = True

    def call(self, inputs: Tensor, training: bool = False, return_info: bool = False) -> Any:
        x, y = (ops.convert_to_tensor(part) for part in inputs)
        if self.corrector is None:
            none, zeros = ops.zeros_like(y[:, :0], "int32"), ops.zeros_like(y[:, 0], "int32")
            found = {"status": zeros, "failed": zeros > 0, "chosen": none}
            found.update(active=none > 0, violated=none > 0)
            z = y
        else:
            found = self.corrector(x, y)
            fixed = self._with_gradient(found, y)
            corrected = found["corrected"]
            z = ops.where(corrected[:, None], fixed, y)
            found["chosen"] = self._chosen(found, corrected) if return_info else None
        z = self._without_answer(z, found["failed"], training)
        if not return_info:
            return z
        return z, {name: found[name] for name in ("status", "active", "violated", "chosen")}

    def _with_gradient(self, found, y):
        """The corrected values, bit for bit, with the gradient asked for."""
        values = ops.stop_gradient(found["values"])
        if self.gradient == "stop":
            return values
        carrier = y
        if self.gradient == "permutation":
            carrier = ops.take_along_axis(y, found["source"], axis=-1)
        nothing = carrier - ops.stop_gradient(carrier)
        return values + ops.where(ops.isfinite(carrier), nothing, ops.zeros_like(nothing))

    def _chosen(self, found, corrected):
        combinations = self.corrector.combinations
        first = np.searchsorted(combinations.owner, np.arange(len(self.ordering)))
        local = (combinations.picks[:-1] - first[:, None]).T.astype("int32")
        chosen = ops.take(ops.convert_to_tensor(local), found["combination"], axis=0)
        return ops.where(ops.logical_and(found["active"], corrected[:, None]), chosen, -1)

    def _without_answer(self, z, failed, training):
        """What is returned for rows in conflict and for undecidable ones."""
        failed = failed[:, None]
        if self.on_conflict == "nan":
            return z if training else ops.where(failed, np.nan, z)
        if self.on_conflict == "extra_class":
            far = FAR[keras.backend.standardize_dtype(z.dtype)]
            sign = 1 if self.ordering.score == "max" else -1
            z = ops.where(failed & ops.logical_not(ops.abs(z) < far), ops.zeros_like(z), z)
            worst = ops.minimum(ops.min(sign * z, axis=-1, keepdims=True), -far)
            extra = ops.cast(sign * ops.where(failed, far, worst), z.dtype)
            return ops.concatenate([z, extra], axis=-1)
        if self.on_conflict == "error":
            _raise_where(failed)
        return z

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        extra = int(self.on_conflict == "extra_class")
        return (*input_shape[1][:-1], input_shape[1][-1] + extra)

    def compute_output_spec(
        self, inputs: Tensor, training: bool = False, return_info: bool = False
    ) -> Any:
        x, y = inputs
        shape = self.compute_output_shape((x.shape, y.shape))
        z = keras.KerasTensor(shape, dtype=y.dtype)
        if not return_info:
            return z
        rows, columns = y.shape[0], len(self.ordering or ())
        spec = {"status": keras.KerasTensor((rows,), "int32")}
        for name, dtype in (("active", "bool"), ("violated", "bool"), ("chosen", "int32")):
            spec[name] = keras.KerasTensor((rows, columns), dtype)
        return z, spec

    def get_config(self) -> Config:
        ordering: Any = [] if self.ordering is None else self.ordering
        return {
            **super().get_config(),
            "properties": ordering and keras.saving.serialize_keras_object(ordering),
            "on_conflict": self.on_conflict,
            "gradient": self.gradient,
            "max_combinations": self.max_combinations,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        given = config.pop("properties")
        return cls(given and keras.saving.deserialize_keras_object(given), **config)


def _raise_where(failed):
    """Raises if any row failed; only possible where values are known."""
    try:
        rows = np.flatnonzero(ops.convert_to_numpy(failed))
    except Exception as error:
        raise ValueError(
            "`on_conflict='error'` needs eager calls. Received: a compiled one. Use 'nan', or "
            "`compile(run_eagerly=True)`."
        ) from error
    if len(rows):
        raise ValueError(
            f"No order of the outputs satisfies all active properties, or the input is not finite, in "
            f"rows {rows[:10].tolist()}"
        )
