"""How a certified model is frozen, and what a frozen one certifies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from keras import ops

from gloro_tf.data import check_images
from gloro_tf.lipschitz import api, margin, measured, reference
from gloro_tf.margins import FrozenMargins
from gloro_tf.models import checks
from gloro_tf.models._part import Part
from gloro_tf.models.certificate import Certificate, check_precision, full_precision
from gloro_tf.types import Array, ArrayLike

TABLES = ("growth", "slope", "offset", "centre", "forms")
MEASURED_ABOVE = 0.05


class Certifying(Part):
    """The part of `GloroModel` that stores a bound and certifies by it."""

    @property
    def is_frozen(self) -> bool:
        """Whether a bound is stored."""
        return self._is_frozen

    def freeze(self, verbose: int = 0) -> Self:
        """Computes the guaranteed bound and stores it; returns self.

        Args:
            verbose: int. 1 shows a progress bar over the layers. Defaults to 0.

        Raises:
            ValueError: if a weight is NaN or infinite, or a layer computes in 16 bits.
        """
        check_precision(self.logits_model)
        self._check_arguments()
        values = api.bounds_of(self._trace, verbose)
        bound_of = lambda f: values[id(f)]  # noqa: E731
        shape = self.logits_model.input_shape[1:] if len(self._trace.inputs) == 1 else None
        constants = margin.margin_bound(self._trace, self.classes, bound_of)
        middle = reference.centre(self._trace)
        slope, offset = margin.rounding_slack(self._trace, self.classes, bound_of, shape, middle)
        tables = FrozenMargins.from_bound(constants, slope, offset, middle)
        if self._should_measure(tables, shape):
            forms = measured.error_forms(self._trace, self._values, self.classes, bound_of)
            narrow = tables.with_forms(*forms)
            if np.all(np.isfinite(checks.float32_up(narrow.forms))):
                tables = narrow  # else the stored table could not be told from none
        return self.restore_frozen(
            {n: checks.float32_up(t) for n, t in vars(tables).items() if t is not None}
        )

    def _should_measure(self, tables, shape):
        """Whether rounding takes enough of the margins that each input's own norms, which cost a
        pass over the values in the network, are worth measuring."""
        if not self._values:
            return False
        usual = 0.25 * np.sqrt(np.prod(shape))
        slack = np.max(tables.slope * usual + tables.offset)
        return bool(slack > MEASURED_ABOVE * self.epsilon * np.max(tables.growth))

    def frozen_tables(self) -> dict[str, Array]:
        """Returns what `freeze` stored: `{"growth", "slope", "offset"}`, `(classes, classes)`
        float32 arrays, `"centre"`, a scalar, and, where rounding is bounded from measured norms,
        `"forms"`; see `gloro_tf.margins.FrozenMargins`."""
        tables = zip(TABLES, self._tables, strict=True)
        found = {name: ops.convert_to_numpy(table) for name, table in tables}
        if not np.all(np.isfinite(found["forms"])):
            del found["forms"]
        return found

    def restore_frozen(self, tables: Mapping[str, ArrayLike]) -> Self:
        """Stores tables that an earlier `freeze` of the same weights gave; returns self.

        Nothing here checks that they belong to these weights: it is for files whose SHA-256 is
        known. `margin_lipschitz("bound")` computes the bound again.

        Args:
            tables: dict, as `frozen_tables` returns it.
        """
        tables = {"forms": np.full(self._tables[-1].shape, np.inf), **tables}
        for name, variable in zip(TABLES, self._tables, strict=True):
            variable.assign(tables[name])
        self._fingerprint.assign(self._current_fingerprint())
        self._set_frozen(True)
        return self

    def unfreeze(self) -> Self:
        """Forgets the stored bound; returns self."""
        if self._is_frozen:
            self._set_frozen(False)
        return self

    def _set_frozen(self, value):
        self._frozen_flag.assign(int(value))
        self._is_frozen = value
        self._is_measured = value and self._has_forms()
        # Compiled functions hold the branch that `call` took when they were traced.
        self.train_function = self.test_function = self.predict_function = None

    def _has_forms(self):
        return bool(np.all(np.isfinite(ops.convert_to_numpy(self._tables[-1]))))

    def _frozen_tables(self):
        return FrozenMargins(*self._tables[:-1], self._tables[-1] if self._is_measured else None)

    def certify(self, x: ArrayLike, batch_size: int = 256, verbose: int | str = 0) -> Certificate:
        """Certifies a batch of inputs.

        Args:
            x: `(n, ...)` array in the units of the training data; rounded to float32 first.
            batch_size: int. Defaults to 256.
            verbose: int or str. As in `keras.Model.predict`.

        Returns:
            `Certificate(label, radius, certified)`. No input within `radius` of `x` (L2, strictly
            positive for any promise) gets another label when executed in float32. An input with
            NaN or infinity has radius 0.

        Raises:
            RuntimeError: if the model is not frozen, or its weights changed since.
            ValueError: if a layer computes in 16 bits, or for inputs of another shape.
        """
        radii, order = self._certified_radii(x, batch_size, verbose)
        return Certificate(order[:, 0], radii[:, 0], radii[:, 0] > self.epsilon)

    def _certified_radii(self, x, batch_size, verbose):
        """`(radii, order)` of `FrozenMargins.radii` for a batch of inputs."""
        if not self._is_frozen:
            raise RuntimeError(
                "Only a frozen model certifies: an estimate is no proof. Call `freeze()` first."
            )
        self._check_fresh()
        check_precision(self.logits_model)
        if getattr(x, "dtype", None) == np.uint8:
            check_images(x, uint8_ok=False)
        x = checks.fitted(np.asarray(x, "float32"), self.logits_model)
        if not len(x):
            return np.zeros((0, self.relaxation.k)), np.zeros((0, self.relaxation.k), "int64")
        tables = FrozenMargins(*[t.astype("float64") for t in self.frozen_tables().values()])
        arguments = {"batch_size": batch_size, "verbose": verbose}
        with full_precision():
            if self._is_measured:
                logits, norms = self._measuring.predict(x, **arguments)
                return tables.radii(logits, None, self.relaxation, norms)
            logits = self.logits_model.predict(x, **arguments)
        return tables.radii(logits, checks.lengths(x, tables.centre), self.relaxation)
