"""The white-box attack whose displacement is learned, over several slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import keras
import numpy as np

from gloro_tf.membership._checks import check_counts, check_labels, check_recipe
from gloro_tf.membership._displacement import DISPLACEMENTS
from gloro_tf.membership._logistic import decide, fit_logistic
from gloro_tf.membership._logits import logits_model
from gloro_tf.membership.evidence import Difference, influences, of_class
from gloro_tf.membership.references import fit_proxies
from gloro_tf.membership.slices import Cut
from gloro_tf.membership.split import three_parts
from gloro_tf.ops import gradient_function
from gloro_tf.types import Array, ArrayLike

if TYPE_CHECKING:
    from gloro_tf.membership.recipe import TrainingRecipe


class GeneralWB:
    """Learns, on shadow models, what a difference of weights says about membership.

    Where `BayesWB` subtracts, the weight of a feature is `D(W_j, W~_j)` of the target's influence
    and the mean of the proxies', and the bias `D_b(b, b~)`; `D` is shared by all features of a
    slice and begins at subtraction, so an untrained attack scores as `BayesWB`. A logistic
    regression combines the slices.

    In each round, three disjoint parts of the attacker's data serve: the shadow is trained on one,
    its proxies on the second, and the third are the non-members. Were they taken from the
    second, the attack would learn from scores that the proxies have pushed down.

    Args:
        target: a Keras classifier.
        slices: layers, as for `Cut`; None is the input.
        rounds: int. Shadow targets to learn from.
        displacement: `"linear"`, or `"mlp"` with a hidden layer.
        proxies: int. For the target, and for each shadow.
        seed: int.

    Raises:
        ValueError: for another `displacement`, no `slices`, or counts out of range.

    Example:

    ```python
    attack = gloro_tf.membership.GeneralWB(model, slices=[None, 0])
    attack.fit(recipe, x_attacker, y_attacker, size=400).score(x, y)
    ```

    Reference:
        [Leino and Fredrikson, Stolen Memories](https://arxiv.org/abs/1906.11798); the form of `D`
        and its beginning are this package's.
    """

    def __init__(
        self,
        target: keras.Model,
        slices: Sequence[Any] = (None,),
        rounds: int = 8,
        displacement: Literal["linear", "mlp"] = "linear",
        proxies: int = 4,
        seed: int = 0,
    ) -> None:
        if displacement not in DISPLACEMENTS:
            raise ValueError(
                f"`displacement` must be one of {tuple(DISPLACEMENTS)}. Received: "
                f"displacement={displacement!r}"
            )
        check_counts(0, rounds=rounds, seed=seed)
        check_counts(1, proxies=proxies)
        if isinstance(slices, str) or not isinstance(slices, Sequence):
            raise ValueError(f"`slices` must be a list of layers. Received: slices={slices!r}")
        self.target, self.rounds, self.proxies, self.seed = target, rounds, proxies, seed
        self.slices = [Cut(target, slice).layer for slice in slices]
        if not self.slices:
            raise ValueError("`slices` must name at least one slice; [None] is the input.")
        self.displacement = displacement

    def fit(
        self,
        recipe: TrainingRecipe,
        x: ArrayLike,
        y: ArrayLike,
        size: int | None = None,
        verbose: int = 0,
    ) -> Self:
        """Trains proxies and shadows on the attacker's examples, and learns; returns itself.

        Args:
            recipe: `TrainingRecipe` of the target.
            x, y: the attacker's examples.
            size: int. Examples of a model, as many as the target's; at most a third of all, which
                is the default.
            verbose: int. 1 shows progress.

        Raises:
            ValueError: naming the argument, before anything is trained.
        """
        check_recipe(recipe)
        x, classes = np.asarray(x), logits_model(self.target).output_shape[-1]
        y = check_labels(y, max(2, classes), len(x))
        if len(x) < 3:
            raise ValueError(f"`x` must hold at least 3 examples. Received: {len(x)}")
        if size is not None:
            check_counts(1, size=size)
        size = min(len(x) // 3, len(x) if size is None else size)
        parts = [three_parts(len(x), size, [self.seed, r, 3]) for r in range(self.rounds)]
        shadows = []
        if parts:
            seeds = np.random.default_rng([self.seed, 4]).choice(2**32, len(parts), replace=False)
            masks = np.stack([part[0] for part in parts])
            shadows = recipe.train_many(x, y, masks=masks, seeds=seeds, verbose=verbose)
        bar = keras.utils.Progbar(len(parts) + 1, unit_name="round", verbose=verbose)
        found = []
        for number, part in enumerate(parts):
            judged = part[0] | part[2]
            masks = np.repeat(part[1:2], self.proxies, axis=0)
            sides = self._against(recipe, shadows[number], x, y, masks, number + 1)
            found.append(([side(x[judged], y[judged]) for side in sides], part[0][judged]))
            bar.update(number + 1)
        self._sides = self._against(recipe, self.target, x, y, None, 0, size)
        self._learned, self._combination = self._learn(found)
        self._found = found
        bar.update(len(parts) + 1)
        return self

    def score(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Log-odds of membership, `(n,)` float64; larger means *member*.

        Args:
            x, y: examples and their labels.

        Returns:
            float64 array.

        Raises:
            ValueError: before `fit`.
        """
        if not hasattr(self, "_sides"):
            raise ValueError("`score` must come after `fit`. Received: an attack not fitted")
        sides = [side(x, y) for side in self._sides]
        return decide(_columns(self._learned, sides), self._combination)

    def held_out(self) -> list[tuple[Array, Array]]:
        """Scores to calibrate with: of each shadow, by what the other shadows taught.

        Returns:
            A list of `(scores, is_member)`, float64 and bools, one for each round; empty with
            fewer than 2 rounds.

        Raises:
            ValueError: before `fit`.
        """
        if not hasattr(self, "_found"):
            raise ValueError("`held_out` must come after `fit`. Received: an attack not fitted")
        rounds = range(len(self._found)) if len(self._found) > 1 else ()
        parts = []
        for number in rounds:
            learned, weights = self._learn(self._found[:number] + self._found[number + 1 :])
            sides, inside = self._found[number]
            parts.append((decide(_columns(learned, sides), weights), inside))
        return parts

    def _against(self, recipe, model, x, y, masks, number, size=None):
        """For each slice, a function of examples that describes both sides of the comparison."""
        sides = []
        for slice in self.slices:
            lower = {} if slice is None else {"slice": slice, "frozen_from": model}
            seed = 1000 * self.seed + number
            proxies = fit_proxies(recipe, x, y, self.proxies, size, masks=masks, seed=seed, **lower)
            sides.append(_Sides(Cut(model, slice), proxies))
        return sides

    def _learn(self, found):
        """A displacement for each slice, and the weights that combine them."""
        slices = [DISPLACEMENTS[self.displacement]() for _ in self.slices]
        weights = np.append(np.full(len(self.slices), 1 / len(self.slices)), 0.0)
        if found:
            inside = np.concatenate([known for _, known in found])
            for i, learned in enumerate(slices):
                learned.fit(_joined([sides[i] for sides, _ in found]), inside)
            columns = np.concatenate([_columns(slices, sides) for sides, _ in found])
            weights = fit_logistic(columns, inside, weights)
        return slices, weights


class _Sides:
    """Weights and biases of target and proxies at examples, as influences on the class score."""

    def __init__(self, cut, proxies):
        self.cut, self.proxies = cut, proxies
        self.difference = Difference(cut.top, proxies.models)

    def __call__(self, x, y):
        """`(features, weights, biases)`: `(n, d)`, `(2, n, d)` and `(2, n)` float64."""
        z = np.asarray(self.cut.features(x), "float32")
        flat, classes = z.reshape(len(z), -1).astype("float64"), self.difference.classes
        rows = np.eye(classes, dtype="float32")[check_labels(y, classes, len(z))]
        weights, biases = [], []
        for part in (self.difference.target, self.difference.proxies):
            function = gradient_function(part, of_class, compiled=False)
            found = influences(function, z, rows, np.zeros_like(z)).reshape(flat.shape)
            biases.append(function(z, rows)[0].astype("float64") - (found * flat).sum(axis=1))
            weights.append(found)
        return flat, np.stack(weights), np.stack(biases)


def _columns(learned, sides):
    """The score of each slice, `(n, slices)`."""
    return np.column_stack([one.score(side) for one, side in zip(learned, sides, strict=True)])


def _joined(sides):
    features, weights, biases = zip(*sides, strict=True)
    return (
        np.concatenate(features),
        np.concatenate(weights, axis=1),
        np.concatenate(biases, axis=1),
    )
