"""Training the members of selective ensembles: by seed, or each without one example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gloro_tf.ensembles.selective import check_can_answer
from gloro_tf.ensembles.selective_ensemble import SelectiveEnsemble
from gloro_tf.training.many import fit_many
from gloro_tf.types import ArrayLike, Builder

if TYPE_CHECKING:
    from gloro_tf.training import ManyModels

SOURCES = ("seed", "leave_one_out")


def train_selective_ensemble(
    build: Builder,
    x: ArrayLike,
    y: ArrayLike,
    n: int,
    source: str = "seed",
    alpha: float = 0.05,
    seed: int = 0,
    **kwargs: Any,
) -> SelectiveEnsemble:
    """Trains `n` models together and returns the ensemble that abstains where they disagree.

    Args:
        build: callable without arguments that returns a new Keras model with outputs
            `(batch, classes)`, of at least 2 classes; see `gloro_tf.training.fit_many`.
        x: array `(examples, ...)`.
        y: `(examples,)` integers.
        n: int. Number of members; 6 is the least that can answer at `alpha=0.05`.
        source: what the members differ by. `"seed"`: initial weights and order of the examples.
            `"leave_one_out"`: one example, drawn at random and another for each member, is left
            out, and nothing else differs.
        alpha: float in (0, 1). As in `SelectiveEnsemble`.
        seed: int. The whole ensemble follows from it. Ensembles that are compared must have
            different ones.
        **kwargs: passed to `gloro_tf.training.fit_many`: `epochs`, `batch_size`, `optimizer`, ...

    Returns:
        `SelectiveEnsemble`.

    Raises:
        ValueError: naming the argument; also where so few members can never answer at `alpha`.

    Example:

    ```python
    ensemble = gloro_tf.ensembles.train_selective_ensemble(build, x, y, n=20, epochs=30)
    labels = ensemble.predict_selective(x_test)  # -1 where it abstains
    ```

    Reference:
        [Black et al., Selective Ensembles for Consistent Predictions](
        https://arxiv.org/abs/2111.08230), algorithm 1 and section 5.
    """
    check_can_answer(n, alpha)
    many = train_members(build, x, y, n, source, seed, **kwargs)
    return SelectiveEnsemble(many.models(), alpha=alpha)


def train_members(
    build: Builder,
    x: ArrayLike,
    y: ArrayLike,
    n: int,
    source: str = "seed",
    seed: int = 0,
    **kwargs: Any,
) -> ManyModels:
    """The members of `train_selective_ensemble` as `gloro_tf.training.ManyModels`.

    Use it to train many at once and to form several ensembles of disjoint members. The arguments
    are those of `train_selective_ensemble`.

    Args:
        build, x, y, n, source, seed, **kwargs: as for `train_selective_ensemble`.

    Raises:
        ValueError: naming the argument.
    """
    if source not in SOURCES:
        raise ValueError(f"`source` must be one of {SOURCES}. Received: source={source!r}")
    owned = sorted({"seeds", "masks"} & set(kwargs))
    if owned:
        raise ValueError(
            f"`seeds` and `masks` follow from `source` and `seed`. Received: {owned}. Use "
            "`gloro_tf.training.fit_many` to choose them."
        )
    rng, masks = np.random.default_rng([int(seed), SOURCES.index(source)]), None
    if source == "seed":
        seeds = rng.choice(2**32, n, replace=False)
    else:
        count = len(np.asarray(y))
        if n > count:
            raise ValueError(
                f"`n` must be at most the number of examples, {count}, for "
                f"source='leave_one_out'. Received: n={n}"
            )
        seeds, masks = np.full(n, rng.integers(2**32)), np.ones((n, count), "bool")
        masks[np.arange(n), rng.choice(count, n, replace=False)] = False
    many = fit_many(_at_least_two_classes(build), x, y, seeds=seeds, masks=masks, **kwargs)
    return many


def _at_least_two_classes(build):
    """`build`, refusing models with a single output before any is trained."""

    def checked():
        model = build()
        if getattr(model, "output_shape", (2,))[-1] == 1:
            raise ValueError(
                "`build` must return a model with one output for each class. Received: 1 output. "
                "End the model with `Dense(2)`, and use the cross-entropy of integer labels."
            )
        return model

    return checked
