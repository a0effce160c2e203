"""Reference models of the attacker, and who was in their training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from gloro_tf.membership._checks import check_counts, check_recipe
from gloro_tf.membership._logits import two_columns
from gloro_tf.membership._one_by_one import OneByOne
from gloro_tf.membership.slices import Cut
from gloro_tf.membership.split import random_masks
from gloro_tf.types import Array, ArrayLike

if TYPE_CHECKING:
    from gloro_tf.membership.recipe import TrainingRecipe


class References:
    """Models that the attacker trained, and which example each of them saw.

    Args:
        models: a `gloro_tf.training.ManyModels` or a list of Keras models.
        masks: optional `(k, examples)` bools: which of the examples that they were trained from
            each of them saw.
        cut: the `Cut` of the target whose lower layers they share; by default they have their own.

    Raises:
        ValueError: for no models, or `masks` that are not bools with a row for each.

    Attributes:
        masks: as above, or None.
        slice: position of the layer at which they join the target, or None.
    """

    def __init__(self, models: Any, masks: ArrayLike | None = None, cut: Cut | None = None) -> None:
        if isinstance(models, keras.Model):
            models = [models]
        if not hasattr(models, "predict") and not isinstance(models, list | tuple):
            raise ValueError(
                "`models` must be a list of Keras models, or what a recipe's `train_many` returns. "
                f"Received: {type(models).__name__}"
            )
        self.models = models if hasattr(models, "predict") else OneByOne(models)
        if not len(self.models):
            raise ValueError("`models` must hold at least one model. Received: none")
        self.cut = cut
        self.masks = None if masks is None else _checked_masks(masks, len(self.models))

    @property
    def slice(self) -> int | None:
        """The position of the layer they join the target at, or None."""
        return None if self.cut is None else self.cut.layer

    def __len__(self):
        return len(self.models)

    def __getitem__(self, index):
        return self.models[index]

    def predict(self, x: ArrayLike) -> Array:
        """Logits `(k, n, classes)`, float64.

        Args:
            x: examples.

        Returns:
            float64 array.
        """
        x = np.asarray(x) if self.cut is None else self.cut.features(x)
        return two_columns(self.models.predict(x))


def fit_proxies(
    recipe: TrainingRecipe,
    x: ArrayLike,
    y: ArrayLike,
    k: int = 8,
    size: int | None = None,
    *,
    slice: Any = None,
    frozen_from: keras.Model | None = None,
    masks: ArrayLike | None = None,
    seed: int = 0,
    verbose: int = 0,
) -> References:
    """Trains proxies of a target: the same recipe on the attacker's data.

    Without a slice, proxies are trained from scratch. With one, they keep the target's layers up
    to it and only the layers above are trained anew, on its features: the hidden units of
    networks that were trained apart could not be compared.

    Args:
        recipe: `TrainingRecipe` of the target.
        x, y: the attacker's examples; none of them a member.
        k: int. Number of proxies.
        size: int. Examples that each proxy sees, a random subset; as many as the target saw, so
            that logits have the same scale. Defaults to all.
        slice: None, or a layer of the target: see `Cut`.
        frozen_from: the target; needed with a slice.
        masks: `(k, examples)` bools instead of `k` and `size`: which examples each one sees.
        seed: int.
        verbose: int. 1 shows progress.

    Returns:
        `References`.

    Raises:
        ValueError: naming the argument.

    Reference:
        [Leino and Fredrikson, Stolen Memories](https://arxiv.org/abs/1906.11798).
    """
    x, y = np.asarray(x), np.asarray(y)
    check_recipe(recipe)
    check_counts(0, seed=seed)
    if frozen_from is not None and slice is None:
        raise ValueError(
            "`slice` must name the layer up to which the proxies keep `frozen_from`. Received: None"
        )
    if masks is None:
        masks = random_masks(k, len(x), len(x) if size is None else size, seed)
    masks = np.asarray(masks)
    seeds = np.random.default_rng([int(seed), 1]).choice(2**32, len(masks), replace=False)
    given: dict[str, Any] = {"masks": masks, "seeds": seeds, "verbose": verbose}
    if slice is None:
        return References(recipe.train_many(x, y, **given), masks)
    if frozen_from is None:
        raise ValueError(
            "`frozen_from` must be the target whose lower layers the proxies keep. Received: None "
            f"with slice={slice!r}"
        )
    cut = Cut(frozen_from, slice)

    def build():
        return Cut(recipe.build(), cut.layer).top

    models = recipe.train_many(cut.features(x), y, build=build, **given)
    return References(models, masks, cut)


def _checked_masks(masks, models):
    masks = np.asarray(masks)
    if masks.ndim != 2 or len(masks) != models or masks.dtype != bool:
        raise ValueError(
            f"`masks` must be bools with one row for each model, {models}. Received: shape "
            f"{masks.shape}, dtype {masks.dtype}"
        )
    return masks


def as_references(models):
    """`References` of what a user may pass: those, a `ManyModels`, a list of models, or one."""
    return models if isinstance(models, References) else References(models)
