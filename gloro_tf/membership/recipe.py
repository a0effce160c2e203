"""How a target is trained, so that proxies and shadows can be trained the same way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from gloro_tf.membership._logits import logits_model
from gloro_tf.membership._one_by_one import OneByOne
from gloro_tf.training import fit_many
from gloro_tf.training._many_checks import check_members
from gloro_tf.types import Array, Builder


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingRecipe:
    """Everything but the data that decides what a training gives: architecture, steps, optimizer.

    Attacks compare the target with models of the same recipe on other data. A proxy that is
    trained longer, or on fewer examples, shifts all scores.

    Many models are trained at once by `gloro_tf.training.fit_many`. What it refuses (dropout, batch
    normalisation, certified models, training loops of one's own) is trained one by one by `fit`.

    Args:
        build: callable without arguments that returns a new Keras model of logits.
        epochs, batch_size, optimizer, loss, jit_compile: as in `fit_many`.
        private: a `gloro_tf.training.PrivateSGD`, to train with differential privacy.
        fit: optional callable `(model, x, y)` that compiles and trains one model; then the options
            above are not used. For proxies at a slice it is given what lies above: a plain Keras
            model of logits, also of a certified model.

    Example:

    ```python
    recipe = gloro_tf.membership.TrainingRecipe(build, epochs=100, batch_size=64)
    model = recipe.train(x[split.members], y[split.members])
    ```
    """

    build: Callable
    epochs: int = 10
    batch_size: int = 32
    optimizer: Any = "adam"
    loss: Any = None
    jit_compile: Any = "auto"
    private: Any = None
    fit: Callable | None = None

    def __post_init__(self):
        for name, value in {"build": self.build, "fit": self.fit}.items():
            if not callable(value) and (name == "build" or value is not None):
                raise ValueError(f"`{name}` must be callable. Received: {name}={value!r}")
        if self.fit is not None and self.private is not None:
            raise ValueError(
                "`private` must be None with a `fit` of one's own, which would not use it. "
                f"Received: private={self.private!r}"
            )

    def train(self, x: Array, y: Array, seed: int = 0) -> keras.Model:
        """One model, a Keras model of its own.

        Args:
            x, y: the examples to train on.
            seed: int. Defaults to 0.

        Returns:
            `keras.Model`.
        """
        return self.train_many(x, y, seeds=[seed])[0]

    def train_many(
        self,
        x: Array,
        y: Array,
        *,
        masks: Array | None = None,
        seeds: Array | Sequence[int] | None = None,
        build: Builder | None = None,
        verbose: int = 0,
    ) -> Any:
        """Models that differ by their seeds and by the examples they see.

        Args:
            x, y: all examples.
            masks: optional `(k, examples)` bools, all with equally many True.
            seeds: optional `(k,)` integers; default to 0 to `k - 1`.
            build: builds another architecture with the same choices; defaults to the recipe's.
            verbose: int. 1 shows progress.

        Returns:
            An object with `len`, `predict(x)` -> `(k, n, classes)`, `scores` and `[i]`: a
            `gloro_tf.training.ManyModels`, or a list of models that answers to the same.

        Raises:
            ValueError: without `masks` and `seeds`, which say how many, or where they do not fit.
        """
        build = build or self.build
        x, y = np.asarray(x), np.asarray(y)
        if self.fit is None:
            _check_logits(build, self.loss)
            names = "epochs", "batch_size", "optimizer", "loss", "jit_compile", "private"
            options = {name: getattr(self, name) for name in names}
            return fit_many(build, x, y, masks=masks, seeds=seeds, verbose=verbose, **options)
        if len(x) != len(y):
            raise ValueError(
                f"`x` and `y` must be of one length. Received: {len(x)} and {len(y)} examples"
            )
        seeds, masks = check_members(None, seeds, masks, len(x))
        if masks is not None and not masks.any(axis=1).all():
            raise ValueError("`masks` must give every model an example. Received: a row of none")
        bar = keras.utils.Progbar(len(seeds), unit_name="model", verbose=verbose)
        models = []
        for i, seed in enumerate(seeds):
            keras.utils.set_random_seed(int(seed))
            rows = slice(None) if masks is None else masks[i]
            models.append(build())
            self.fit(models[-1], x[rows], y[rows])
            bar.update(i + 1)
        return OneByOne(models)


def _check_logits(build, loss):
    """Refuses models of probabilities, which the loss here would take for logits."""
    model = build()
    if isinstance(model, keras.Model) and loss is None and model.output_shape[-1] == 1:
        raise ValueError(
            "`loss` must be given for a model of one logit. Received: None. Pass "
            "`keras.losses.BinaryCrossentropy(from_logits=True)`."
        )
    if isinstance(model, keras.Model) and logits_model(model) is not model:
        raise ValueError(
            "`build` must return a model of logits. Received: one that ends in a softmax or sigmoid, "
            "or a certified one. Leave the activation out, or train with a `fit` of your own."
        )
