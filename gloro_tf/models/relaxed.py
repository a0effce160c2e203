"""Models that promise a set of classes: top-k and affinity robustness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import ops

from gloro_tf.margins import Relaxation
from gloro_tf.models.affinity_sets import affinity_matrix
from gloro_tf.models.gloro_model import GloroModel
from gloro_tf.types import Array, ArrayLike, Config


class RelaxedCertificate(NamedTuple):
    """Certified sets of classes, NumPy arrays for `n` inputs.

    - `label` (int64): the best class.
    - `radius` (float64): the L2 radius of the relaxed property: the largest of `radii`, within which
      there is one `k` whose set of best classes does not change.
    - `certified` (bool): whether `radius` exceeds the model's epsilon.
    - `strictest`, `loosest` (int64): the smallest and the largest `k` promised at epsilon; 0 for none.
    - `members` (bool, `(n, classes)`): the set promised with `loosest`; empty where nothing is.
    - `radii` (float64, `(n, K)`): for each `k`, the radius within which the set of the `k` best classes
      stays; 0 where none is promised, -1 where the relaxation does not allow that set.
    """

    label: Array
    radius: Array
    certified: Array
    members: Array
    strictest: Array
    loosest: Array
    radii: Array


class _RelaxedModel(GloroModel):
    """What the relaxed models share."""

    def certify(  # type: ignore[override]  # the result has more fields
        self, x: ArrayLike, batch_size: int = 256, verbose: int | str = 0
    ) -> RelaxedCertificate:
        """Certifies sets of classes; see `GloroModel.certify` for the arguments and errors.

        Returns:
            `RelaxedCertificate(label, radius, certified, members, strictest, loosest, radii)`.
        """
        radii, order = self._certified_radii(x, batch_size, verbose)
        radius = np.maximum(radii.max(axis=1, initial=0.0), 0.0)
        promised = radii > self.epsilon
        ranks = np.arange(1, self.relaxation.k + 1)
        most = np.where(promised, ranks, 0).max(axis=1, initial=0)
        least = np.where(promised, ranks, len(ranks) + 1).min(axis=1, initial=len(ranks) + 1)
        members = np.zeros((len(order), self.classes), "bool")
        rows, columns = np.nonzero(ranks[None] <= most[:, None])
        members[rows, order[rows, columns]] = True
        least = np.where(most > 0, least, 0)
        return RelaxedCertificate(
            order[:, 0], radius, radius > self.epsilon, members, least, most, radii
        )


@keras.saving.register_keras_serializable(package="gloro_tf")
class RTKModel(_RelaxedModel):
    """Promises that for some `k <= K` the set of the `k` best classes stays (relaxed top-K).

    With `m_k = min over j among the k best, i not, of logit_j - logit_i - epsilon * K[j, i]`, a row is
    certified where some `m_k` is positive; bottom is `max_i logit_i - max_k m_k`. The order within
    the set is free, and `k` may differ from input to input. `k=1` is `GloroModel`, bit for bit.

    Args:
        inputs, outputs, epsilon, model, power_iterations, name: as in `GloroModel`.
        k: int. The largest set, `1 <= k < classes`.

    Raises:
        ValueError: for a `k` out of range; the set of all classes never changes, so `k = classes`
            would promise nothing.

    Reference:
        [Leino and Fredrikson, Relaxing Local Robustness](https://arxiv.org/abs/2106.06624),
        section 3.
    """

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        epsilon: float | None = None,
        *,
        k: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(inputs, outputs, epsilon, **kwargs)
        if isinstance(k, bool) or int(k) != k or not 1 <= k < self.classes:
            raise ValueError(
                f"`k` must be an integer from 1 to {self.classes - 1}, below the number of classes. "
                f"Received: k={k!r}"
            )
        self.k = int(k)
        self.relaxation = Relaxation(self.k)

    def get_config(self) -> Config:
        return {**super().get_config(), "k": self.k}


@keras.saving.register_keras_serializable(package="gloro_tf")
class AffinityModel(_RelaxedModel):
    """Promises that for some `k` the `k` best classes stay, all in one given set of labels.

    As `RTKModel`, but only sets of best classes that lie within a set of `affinity_sets` count.

    Args:
        inputs, outputs, epsilon, model, power_iterations, name: as in `GloroModel`.
        affinity_sets: the name of a shipped collection (`"cifar100_superclasses"`,
            `"cifar10_animals_vehicles"`, `"cifar10_fine"`, `"eurosat_land_use"`); lists of indices or
            class names; a bool matrix; or `{name: members}`. Sets may overlap.
        class_names: list of str, where members are given by name.
        uncovered: `"singleton"` gives a class in no set a set of its own (so that the model promises
            whatever a `GloroModel` would), `"refuse"` raises. Defaults to `"singleton"`.

    With a margin loss such as EMMA, no margin is asked between a label and classes that share a set
    with it.

    Raises:
        ValueError: see `gloro_tf.models.affinity_sets.affinity_matrix`.

    Reference:
        [Leino and Fredrikson, Relaxing Local Robustness](https://arxiv.org/abs/2106.06624),
        section 4.
    """

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        epsilon: float | None = None,
        *,
        affinity_sets: str | Sequence[Sequence[int | str]] | Mapping[str, Sequence[int | str]],
        class_names: Sequence[str] | None = None,
        uncovered: Literal["singleton", "refuse"] = "singleton",
        **kwargs: Any,
    ) -> None:
        super().__init__(inputs, outputs, epsilon, **kwargs)
        if isinstance(affinity_sets, list) and affinity_sets and _is_matrix(affinity_sets):
            affinity_sets = np.array(affinity_sets)
        matrix, names = affinity_matrix(affinity_sets, self.classes, class_names, uncovered)
        self.sets, self.set_names = matrix, names
        self.relaxation = Relaxation(int(matrix.sum(axis=1).max()), matrix)
        shared = matrix.T.astype("int64") @ matrix.astype("int64") > 0
        self._apart = (~shared).astype("float32")

    def _asked(self, labels, growth):
        return growth * ops.matmul(labels, ops.convert_to_tensor(self._apart))

    def get_config(self) -> Config:
        sets = {
            name: np.flatnonzero(row).tolist()
            for name, row in zip(_distinct(self.set_names), self.sets, strict=True)
        }
        return {**super().get_config(), "affinity_sets": sets}


def _is_matrix(rows):
    """Whether nested lists are a table of booleans."""
    return all(
        isinstance(row, (list, tuple)) and row and all(isinstance(v, (bool, np.bool_)) for v in row)
        for row in rows
    )


def _distinct(names):
    found = []
    for name in names:
        while name in found:
            name = f"{name}'"
        found.append(name)
    return found
