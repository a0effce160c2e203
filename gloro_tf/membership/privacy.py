"""What differential privacy promises against any membership attack."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gloro_tf.membership._checks import as_scores, check_counts, check_numbers, check_probability
from gloro_tf.types import ArrayLike

if TYPE_CHECKING:
    from gloro_tf.membership.recipe import TrainingRecipe

RELATIONS = {"add_or_remove": "ADD_OR_REMOVE_ONE", "replace": "REPLACE_ONE"}


def advantage_bound(epsilon: ArrayLike, delta: ArrayLike = 0.0) -> Any:
    """The most that true minus false positive rate can be, of any attack; broadcasts.

    `(e^epsilon - 1 + 2 delta) / (e^epsilon + 1)`, for training data that differ as the privacy
    guarantee says. `tanh(epsilon / 2)` at `delta = 0`.

    Args:
        epsilon, delta: numbers of at least 0.

    Returns:
        float64, at most 1.

    Raises:
        ValueError: for negative numbers.

    Reference:
        [Humphries et al., Investigating Membership Inference Attacks under Data Dependencies](
        https://arxiv.org/abs/2010.12112), theorem 3.
    """
    epsilon, delta = as_scores(epsilon, "epsilon"), as_scores(delta, "delta")
    if (epsilon < 0).any() or (delta < 0).any():
        raise ValueError(
            f"`epsilon` and `delta` must be at least 0. Received: {epsilon} and {delta}"
        )
    bound = np.tanh(epsilon / 2) + 2 * delta / (np.exp(np.minimum(epsilon, 700)) + 1)
    return np.minimum(1.0, bound)[()]


@dataclasses.dataclass(frozen=True)
class Guarantee:
    """What a private training guarantees.

    Attributes:
        epsilon, delta: of differential privacy.
        advantage: float. The bound on any attack's advantage that follows from them.
        tightest: float. The same from the whole privacy profile (the `delta` at `epsilon = 0`, a
            total variation distance), where the accountant has it.
    """

    epsilon: float
    delta: float
    advantage: float
    tightest: float


def guarantee(
    recipe: TrainingRecipe,
    examples: int,
    delta: float | None = None,
    neighbours: Literal["replace", "add_or_remove"] = "replace",
) -> Guarantee:
    """The privacy of a `TrainingRecipe` that has a `private` part, on so many examples.

    The attack's game takes a member of the training set, or a stranger in whose place another was
    trained on: training sets that differ in one replaced example, hence the default.

    Args:
        recipe: `TrainingRecipe`.
        examples: int. Training examples.
        delta: float in (0, 1); 1 / (10 examples) by default.
        neighbours: `"replace"` one example by another, or `"add_or_remove"` one, which most
            published figures are for.

    Returns:
        `Guarantee`.

    Raises:
        ImportError: without `dp-accounting`.
        ValueError: naming the argument.

    Reference:
        [Doroshenko et al., Connect the Dots](https://arxiv.org/abs/2207.04380), the accountant.
    """
    if recipe.private is None:
        raise ValueError("`recipe` must train with `private=PrivateSGD(...)`. Received: None")
    check_counts(1, examples=examples)
    delta = 0.1 / examples if delta is None else delta
    size = min(recipe.batch_size, examples)
    steps = recipe.epochs * -(-examples // size)
    return account(recipe.private.noise_multiplier, size / examples, steps, delta, neighbours)


def account(
    noise_multiplier: float,
    sampling: float,
    steps: int,
    delta: float,
    neighbours: Literal["replace", "add_or_remove"] = "replace",
) -> Guarantee:
    """As `guarantee`, from the noise, the probability that a step takes an example, and steps.

    Args:
        noise_multiplier: float. Standard deviation of the noise, in clipping norms.
        sampling: float. The probability that a step takes an example.
        steps: int.
        delta: float in (0, 1).
        neighbours: as in `guarantee`.

    Returns:
        `Guarantee`.

    Raises:
        ImportError: without `dp-accounting`.
        ValueError: naming the argument.
    """
    _check(noise_multiplier, sampling, steps, delta, neighbours)
    if noise_multiplier == 0:
        return Guarantee(math.inf, delta, 1.0, 1.0)
    accountant = _compose(noise_multiplier, sampling, steps, delta, neighbours)
    epsilon = float(accountant.get_epsilon(delta))
    tightest = float(accountant.get_delta(0.0))
    return Guarantee(epsilon, delta, float(advantage_bound(epsilon, delta)), min(1.0, tightest))


def noise_for(
    epsilon: float,
    sampling: float,
    steps: int,
    delta: float,
    neighbours: Literal["replace", "add_or_remove"] = "replace",
) -> float:
    """The least noise multiplier, to 1 %, whose training is `(epsilon, delta)`-private.

    Args:
        epsilon: float above 0.
        sampling: float. The probability that a step takes an example.
        steps: int.
        delta: float in (0, 1).
        neighbours: as in `guarantee`.

    Raises:
        ValueError: for an `epsilon` that no noise reaches.
    """
    check_numbers(0, epsilon=epsilon)
    if epsilon == 0:
        raise ValueError(f"`epsilon` must be a number above 0. Received: epsilon={epsilon!r}")
    _check(1.0, sampling, steps, delta, neighbours)

    def enough(noise):
        accountant = _compose(noise, sampling, steps, delta, neighbours)
        return accountant.get_epsilon(delta) <= epsilon

    low, high = 0.2, 0.4
    while not enough(high):
        low, high = high, 2 * high
        if high > 1e5:
            raise ValueError(f"`epsilon` must be one that noise can reach. Received: {epsilon}")
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _check(noise_multiplier, sampling, steps, delta, neighbours):
    check_numbers(0, noise_multiplier=noise_multiplier, sampling=sampling)
    check_counts(1, steps=steps)
    check_probability(delta=delta)
    if neighbours not in RELATIONS:
        raise ValueError(
            f"`neighbours` must be one of {tuple(RELATIONS)}. Received: neighbours={neighbours!r}"
        )
    if not 0 < sampling <= 1:
        raise ValueError(f"`sampling` must lie in (0, 1]. Received: sampling={sampling!r}")


def _compose(noise_multiplier, sampling, steps, delta, neighbours):
    try:
        import dp_accounting
        from dp_accounting.pld import PLDAccountant
    except ImportError as error:
        raise ImportError(
            'Privacy accounting needs dp-accounting: `pip install "gloro_tf[privacy]"`.'
        ) from error
    relation = dp_accounting.NeighboringRelation[RELATIONS[neighbours]]
    event = dp_accounting.GaussianDpEvent(noise_multiplier)
    if sampling < 1:
        event = dp_accounting.PoissonSampledDpEvent(sampling, event)
    accountant = PLDAccountant(relation, value_discretization_interval=1e-3)
    return accountant.compose(event, int(steps))
