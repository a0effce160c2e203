"""The certified wrapper around a model of logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import keras
import numpy as np
from keras import ops

from gloro_tf import losses as losses_module
from gloro_tf import metrics as metrics_module
from gloro_tf.lipschitz import api, graph, margin, measured, report
from gloro_tf.lipschitz.rules_activations import refuse_softmax
from gloro_tf.margins import STRICT, relaxed_radii, with_bottom
from gloro_tf.models import checks
from gloro_tf.models._certifying import TABLES, Certifying
from gloro_tf.models._guards import Guards
from gloro_tf.models._saving import Saving
from gloro_tf.models.certificate import (
    full_precision,
    layer_arguments,
)
from gloro_tf.models.measuring import Measuring
from gloro_tf.models.power_iterates import PowerIterates
from gloro_tf.types import Array, Shape, Tensor


@keras.saving.register_keras_serializable(package="gloro_tf")
class GloroModel(Certifying, Guards, Saving, keras.Model):
    """A classifier that carries proofs: `classes + 1` scores, the last of them bottom.

    Bottom is the best score any rival class can reach within `epsilon` (L2): with `j` the predicted
    class, `max_{i != j} logit_i + epsilon * K[j, i]`, where `K[j, i]` bounds the Lipschitz constant
    of `logit_i - logit_j`. Where a class is the strict maximum of a row, no input within `epsilon`
    is labelled otherwise.

    While training, `K` is an *estimate* from power iterates that the model keeps. `freeze()`
    replaces it by a *bound*; only a frozen model certifies, and a change of weights ends that.

    Args:
        inputs, outputs: tensors of a functional model that ends in logits.
        epsilon: float. The radius, in L2 and in the units of the input.
        model: instead of `inputs` and `outputs`, a functional or sequential model of logits.
        power_iterations: int. Power iterations in each training step. Defaults to 2.
        name: str.

    Example:

    ```python
    net = gloro_tf.models.ConvNet("2C2F", (28, 28, 1), 10)
    model = gloro_tf.GloroModel(model=net, epsilon=0.3)
    model.compile("adam", loss="trades_kl.1.5", metrics=["clean_accuracy", "vra"])
    model.fit(x_train, y_train, epochs=10)
    labels, radii, certified = model.freeze().certify(x_test)
    ```

    Raises:
        UnsupportedLayerError: if a layer has no Lipschitz rule.
        ValueError: if `epsilon` is not positive, or the model does not end in logits.

    Reference:
        [Leino et al., Globally-Robust Neural Networks](https://arxiv.org/abs/2102.08452).
    """

    relaxation = STRICT

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        epsilon: float | None = None,
        *,
        model: keras.Model | None = None,
        power_iterations: int = 2,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("dtype", None)
        epsilon = checks.check_epsilon(epsilon)
        super().__init__(dtype="float32", **kwargs)
        self.logits_model = checks.as_logits_model(inputs, outputs, model)
        self.classes = int(self.logits_model.output_shape[-1])
        self.power_iterations = power_iterations
        self._trace = graph.trace(self.logits_model)
        self._arguments = layer_arguments(self.logits_model)
        refuse_softmax(self._trace)
        self._is_frozen, self._is_measured, self._warned = False, False, False
        self._constant_metrics: list[keras.metrics.Metric] = []
        self._make_variables(epsilon)
        self.built = True

    def _make_variables(self, epsilon):
        table = (self.classes, self.classes)
        self._epsilon = self._state("epsilon", (), epsilon)
        self.epsilon_scale = self._state("epsilon_scale", (), 1.0)
        self.trades_weight = self._state("trades_weight", (), 1.0)
        self._frozen_flag = self._state("frozen", (), 0, "int32")
        self._fingerprint = self._state("fingerprint", (8,), 0, "int32")
        self._tables = [self._state(f"frozen_{name}", table, np.inf) for name in TABLES[:3]]
        self._tables.append(self._state("frozen_centre", (), 0.0))
        self._values = measured.measured_values(self._trace)
        self._measuring = Measuring(self.logits_model, self._trace, self._values)
        self._tables.append(self._state("frozen_forms", (2, 1 + len(self._values)), np.inf))
        self._power = PowerIterates(self._trace, self.classes, self._state)

    def _state(self, name, shape, value, dtype="float32"):
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(
                np.array(np.broadcast_to(value, shape)), dtype
            ),
            dtype=dtype,
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )

    def build(self, input_shape: Shape) -> None:
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        epsilon = self._epsilon
        if self._is_frozen and not training:
            logits, norms = self._execute(inputs)
            tables = self._frozen_tables()
            return tables.with_bottom(logits, inputs, epsilon, self.relaxation, norms)
        logits = ops.cast(self.logits_model(inputs, training=training), "float32")
        if training:
            self._power.advance(self.power_iterations)
            epsilon = epsilon * self.epsilon_scale
        return with_bottom(logits, self._power.margins(), epsilon, self.relaxation)

    def _execute(self, inputs):
        """The logits and, where the certificate takes them, the measured norms, else None."""
        if self._is_measured:
            shape = self.logits_model.input_shape[1:]
            return measured.execute(self._trace, self._values, inputs, shape)
        return ops.cast(self.logits_model(inputs, training=False), "float32"), None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.classes + 1)

    # ---- the estimate, for training

    def refresh_iterates(self, iterations: int = 50) -> Self:
        """Moves the power iterates on, so that the estimate converges; returns self.

        Args:
            iterations: int. Defaults to 50.
        """
        self._power.refresh(iterations, self.variables)
        return self

    def layer_estimates(self) -> dict[str, float]:
        """Returns `{layer name: estimate}` at the current iterates, and `"model"`; floats."""
        return self._power.by_layer()

    # ---- training, plain Keras

    @property
    def epsilon(self) -> float:
        """The radius at which the bottom column decides (float, assignable)."""
        return float(str(np.float32(ops.convert_to_numpy(self._epsilon))))

    @epsilon.setter
    def epsilon(self, value: float) -> None:
        self._epsilon.assign(checks.check_epsilon(value))

    def compile(
        self,
        optimizer: Any = "adam",
        loss: str | Callable[..., Tensor] = "crossentropy",
        metrics: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Configures training; see `keras.Model.compile`.

        Args:
            optimizer: as in Keras.
            loss: a name (`gloro_tf.losses.get`), one of `gloro_tf.losses`, or any Keras loss, which
                then sees the `classes + 1` scores.
            metrics: list of names (`gloro_tf.metrics.get`), metrics of `gloro_tf.metrics`, or Keras
                metrics. Defaults to clean accuracy and VRA.
        """
        metrics = ["clean_accuracy", "vra"] if metrics is None else metrics
        loss, metrics = losses_module.get(loss), [metrics_module.get(m) for m in metrics]
        for metric in self._constant_metrics:
            self._tracker.untrack(metric)
        plain = [m for m in metrics if not getattr(m, "needs_constants", False)]
        self._constant_metrics = [m for m in metrics if getattr(m, "needs_constants", False)]
        if isinstance(loss, losses_module.Trades):
            self.trades_weight.assign(loss.weight)
            loss.bind(self.trades_weight)
        super().compile(optimizer=optimizer, loss=loss, metrics=plain, **kwargs)
        self._margin_loss = isinstance(loss, losses_module.MarginLoss)
        self._compile_config.config["metrics"] = metrics

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        """Keras' own, with the margin constants for the losses and metrics that need them."""
        logits = y_pred[:, :-1]
        if self._constant_metrics:
            radii, order = self._radii(logits, x, training)
            for metric in self._constant_metrics:
                metric.update_state(
                    y, metric.select(logits, radii, order, self._epsilon), sample_weight
                )
        if self._margin_loss:
            scale = self.epsilon_scale if training else 1.0
            labels = losses_module.label_matrix(y, self.classes)
            constants = (
                self._tables[0] if self._is_frozen and not training else self._power.margins()
            )
            growth = self._epsilon * scale * ops.matmul(labels, constants)
            growth = self._asked(labels, growth)
            y_pred = ops.concatenate([logits, growth], axis=-1)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def _asked(self, labels, growth):
        """The margins that a `MarginLoss` asks for, `(batch, classes)`."""
        return growth

    def _radii(self, logits, inputs, training):
        if self._is_frozen and not training:
            norms = self._execute(inputs)[1] if self._is_measured else None
            rows = self._frozen_tables().rows(logits, inputs, norms)
        else:
            constants, zeros = self._power.margins(), ops.zeros_like(logits)
            rows = lambda j: (ops.take(constants, j, axis=0), zeros)  # noqa: E731
        return map(ops.stop_gradient, relaxed_radii(logits, rows, self.relaxation))

    def fit(
        self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any
    ) -> keras.callbacks.History:
        """Trains as `keras.Model.fit` does; ends a frozen state first, and checks arrays."""
        checks.check_arrays(x, y, self.classes, training=True)
        self.unfreeze()
        self._build_optimizer()
        return super().fit(x, y, *args, **kwargs)

    def _build_optimizer(self):
        # TensorFlow would trace the step a second time after one that creates variables.
        if keras.backend.backend() == "tensorflow" and not getattr(self.optimizer, "built", True):
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Evaluates as `keras.Model.evaluate` does: with the bound if frozen, else the estimate."""
        checks.check_arrays(x, y, self.classes, training=False)
        self._check_fresh()
        if not self._is_frozen:
            self.refresh_iterates()
        with full_precision():
            return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Array:
        """Returns `(n, classes + 1)` scores; see the class. Warns once if they are estimates."""
        self._check_fresh()
        if not self._is_frozen and not self._warned:
            self._warned = True
            checks.warn_unfrozen()
        with full_precision():
            return super().predict(x, *args, **kwargs)

    # ---- the bound; certificates are in `_certifying`

    def margin_lipschitz(self, kind: Literal["bound", "estimate"] = "bound") -> Array:
        """Returns `K`, `(classes, classes)` float64: `K[i, j]` is for `logit_i - logit_j`.

        Args:
            kind: `"bound"` (guaranteed) or `"estimate"` (converged power iteration, from below).

        Raises:
            ValueError: for another `kind`, or weights with NaN or infinity.
        """
        self._check_arguments()
        if kind == "bound":
            values = api.bounds_of(self._trace)
            return margin.margin_bound(self._trace, self.classes, lambda f: values[id(f)])
        if kind != "estimate":
            raise ValueError(f"`kind` must be 'bound' or 'estimate'. Received: kind={kind!r}")
        self.refresh_iterates()
        return ops.convert_to_numpy(self._power.margins()).astype("float64")

    def lipschitz_report(self, iterations: int = 200, verbose: int = 0) -> report.Report:
        """Returns a `gloro_tf.lipschitz.Report`: per layer, estimate, bound and gap.

        Args:
            iterations: int. Power iterations for each layer. Defaults to 200.
            verbose: int. 1 shows a progress bar over the layers. Defaults to 0.
        """
        self._check_arguments()
        estimates = api.estimates_of(self._trace, iterations)
        bounds = api.bounds_of(self._trace, verbose)
        return report.make_report(self._trace, estimates, bounds)
