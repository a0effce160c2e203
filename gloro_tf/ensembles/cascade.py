"""Cascades of certified classifiers: as published, and what of their certificates is sound."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gloro_tf.ensembles._tables import check_labels, check_like
from gloro_tf.types import Array, ArrayLike

CERTIFICATES = ("sound", "claimed", "lipschitz")


def cascade(
    labels: ArrayLike,
    certified: ArrayLike | None = None,
    certificate: Literal["sound", "claimed", "lipschitz"] = "sound",
    *,
    radii: ArrayLike | None = None,
    epsilon: float | None = None,
) -> tuple[Array, Array]:
    """Lets the first member that is certified answer, else the last.

    - `"sound"`: certified where all members agree and the last is certified. Sound, and the
      tightest rule that these tables allow.
    - `"claimed"`: certified where any member is, as published. **Not sound.**
    - `"lipschitz"`: certified where some member `j` has a radius of at least `2 epsilon` and
      members 0 to `j` agree. Sound if each radius is 1-Lipschitz in the input.

    The published certificate fails because a member that is uncertified at an input may be
    certified, with another label, at an input nearby, and then answers first.

    Args:
        labels: `(members, n)` integers, in the order in which members are asked.
        certified: `(members, n)` bools. For `"lipschitz"` it follows from `radii >= epsilon`.
        certificate: see above.
        radii: `(members, n)` floats, for `"lipschitz"`: those of global Lipschitz margins are
            1-Lipschitz, those of linear relaxations are not.
        epsilon: float, for `"lipschitz"`.

    Returns:
        `(labels, certified)`, `(n,)` int64 and bool.

    Raises:
        ValueError: naming the argument.

    Reference:
        [Mangal et al., On the Perils of Cascading Robust Classifiers](
        https://arxiv.org/abs/2206.00278), definition 2.7 (`"claimed"`); the sound rules are derived in
        `tests/ensembles` by exhaustive search.
    """
    if certificate not in CERTIFICATES:
        raise ValueError(
            f"`certificate` must be one of {CERTIFICATES}. Received: certificate={certificate!r}"
        )
    labels = check_labels(labels)
    if certificate == "lipschitz":
        if radii is None or epsilon is None or not epsilon > 0:
            raise ValueError(
                "`radii` and a positive `epsilon` must be given for certificate='lipschitz'. "
                f"Received: radii={radii if radii is None else 'given'}, epsilon={epsilon}"
            )
        lengths = check_like("radii", radii, labels, "radius")
        certified, doubled = lengths >= epsilon, lengths >= 2 * epsilon
    elif certified is None:
        raise ValueError(f"`certified` must be given for certificate={certificate!r}.")
    certified = check_like("certified", certified, labels, "bool")
    answers = np.where(certified.any(axis=0), certified.argmax(axis=0), len(labels) - 1)
    chosen = labels[answers, np.arange(labels.shape[1])].astype("int64")
    if certificate == "claimed":
        return chosen, certified.any(axis=0)
    if certificate == "sound":
        return chosen, (labels == labels[0]).all(axis=0) & certified[-1]
    agree = np.logical_and.accumulate(labels == labels[0], axis=0)
    return chosen, (agree & doubled).any(axis=0)
