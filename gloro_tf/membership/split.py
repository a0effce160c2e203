"""Who is a member, who is not, and what the attacker has: three disjoint sets of examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gloro_tf.membership._checks import check_counts
from gloro_tf.types import Array, ArrayLike

PARTS = ("members", "attacker", "nonmembers")


class MembershipSplit:
    """Divides the examples of an audit into three disjoint parts.

    - `members`: what the target was trained on.
    - `nonmembers`: what it was not trained on; only used to judge attacks.
    - `attacker`: from the same population, for proxies, shadows and calibration.

    A model that saw a non-member, or a proxy that saw a member, makes every figure wrong without an
    error; so the parts are checked here once, and all masks come from here.

    Args:
        n: int. Number of examples.
        members, attacker, nonmembers: each an int, how many to draw at random, or `(k,)` integers
            or `(n,)` bools, which. `attacker` and `nonmembers` default to what the others leave:
            `nonmembers` to as many as there are members, `attacker` to the rest.
        seed: int. Of what is drawn.

    Attributes:
        members, attacker, nonmembers: sorted `(k,)` int64 positions.
        candidates: positions of the members, then of the non-members: whom attacks are judged on.
        is_member: `(candidates,)` bools.

    Raises:
        ValueError: if parts overlap, are empty, or hold more than there is.

    Example:

    ```python
    split = gloro_tf.membership.MembershipSplit(len(x), members=400, seed=0)
    model.fit(x[split.members], y[split.members])
    ```
    """

    def __init__(
        self,
        n: int,
        *,
        members: ArrayLike,
        attacker: ArrayLike | None = None,
        nonmembers: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        if not isinstance(n, int | np.integer) or n < 3:
            raise ValueError(f"`n` must be an integer of at least 3. Received: n={n!r}")
        check_counts(0, seed=seed)
        self.n = int(n)
        given: dict[str, Any] = {
            "members": members,
            "attacker": attacker,
            "nonmembers": nonmembers,
        }
        fixed = {
            k: _positions(k, v, n)
            for k, v in given.items()
            if isinstance(v, Sequence | np.ndarray) and not isinstance(v, str)
        }
        free = np.setdiff1d(np.arange(n), np.concatenate([np.empty(0, int), *fixed.values()]))
        free = np.random.default_rng(seed).permutation(free)
        count = len(fixed["members"]) if "members" in fixed else members
        if members is None:
            raise ValueError("`members` must say who the target was trained on. Received: None")
        if nonmembers is None:
            given["nonmembers"] = count
        for part in ("members", "nonmembers", "attacker"):
            if part not in fixed:
                size = len(free) if given[part] is None else given[part]
                fixed[part], free = _draw(part, size, free)
        self.members, self.attacker, self.nonmembers = (np.sort(fixed[p]) for p in PARTS)
        self._check_disjoint()
        self.candidates = np.concatenate([self.members, self.nonmembers])
        self.is_member = np.arange(len(self.candidates)) < len(self.members)

    def _check_disjoint(self):
        for one, other in (PARTS[:2], PARTS[1:], PARTS[::2]):
            common = np.intersect1d(getattr(self, one), getattr(self, other))
            if len(common):
                raise ValueError(
                    f"`{one}` and `{other}` must be disjoint. Received: {len(common)} examples in "
                    f"both, the first at {common[0]}"
                )

    def __repr__(self):
        sizes = ", ".join(f"{part}={len(getattr(self, part))}" for part in PARTS)
        return f"MembershipSplit({self.n}, {sizes})"

    def mask(self, part: str) -> Array:
        """`(n,)` bools: which examples are in `"members"`, `"attacker"` or `"nonmembers"`.

        Args:
            part: str, one of the three.

        Raises:
            ValueError: for another `part`.
        """
        if part not in PARTS:
            raise ValueError(f"`part` must be one of {PARTS}. Received: part={part!r}")
        return np.isin(np.arange(self.n), getattr(self, part))

    def redraw(self, seed: int) -> MembershipSplit:
        """Another split of the same sizes, at random: for another target of the same recipe.

        Args:
            seed: int. Of what is drawn.

        Returns:
            `MembershipSplit`.
        """
        sizes = {part: len(getattr(self, part)) for part in PARTS}
        return MembershipSplit(self.n, **sizes, seed=seed)


def random_masks(k: int, n: int, size: int, seed: int = 0) -> Array:
    """Random subsets of one size: `(k, n)` bools with `size` of each row True.

    Args:
        k: int. How many subsets.
        n: int. How many examples.
        seed: int. Defaults to 0.
        size: int. Members of each subset.

    Returns:
        bool array.

    Raises:
        ValueError: for a `size` out of range.
    """
    check_counts(1, k=k, n=n)
    check_counts(0, size=size, seed=seed)
    if not 1 <= size <= n:
        raise ValueError(f"`size` must lie between 1 and {n}. Received: size={size}")
    order = np.random.default_rng(seed).random((k, n)).argsort(axis=1)
    return order < size


def balanced_masks(k: int, n: int, seed: int = 0) -> Array:
    """Half of the examples for each of `k` models, and half of the models for each example.

    `(k, n)` bools, `k` even: models come in pairs that divide the examples between them.

    Args:
        k: int. Models, an even number.
        n: int. Examples.
        seed: int. Defaults to 0.

    Returns:
        `(k, n)` bools.

    Raises:
        ValueError: for an odd `k`.
    """
    check_counts(0, k=k, seed=seed)
    check_counts(2, n=n)
    if k < 2 or k % 2:
        raise ValueError(f"`k` must be an even number of models. Received: k={k}")
    half = random_masks(k // 2, n, n // 2, seed)
    both = np.stack([half, ~half], axis=1).reshape(k, n)
    if n % 2:  # Of an odd number, the larger half gives one example up.
        for row in both[1::2]:
            row[np.flatnonzero(row)[0]] = False
    return both


def two_camps(k: int, n: int, size: int, seed: int = 0) -> tuple[Array, Array]:
    """Models whose training data lie in one of two disjoint halves of the examples.

    Those of one half can be attacked with those of the other as references, which saw neither
    their members nor the rest of their half: as an attacker's references see nothing of the target's.

    Args:
        k: int. Models, at least 2.
        n: int. Examples.
        size: int. Training examples of each model.
        seed: int. Defaults to 0.

    Returns:
        `(masks, camps)`: `(k, n)` bools with `size` of each row True, and `(n,)` integers, which
        half an example is in; model `i` trains on half `i % 2`.

    Raises:
        ValueError: for a `k` or `size` out of range.
    """
    check_counts(0, k=k, n=n, size=size, seed=seed)
    if k < 2:
        raise ValueError(f"`k` must be at least 2 models, one for each half. Received: k={k}")
    if not 1 <= size < n // 2:
        raise ValueError(
            f"`size` must be at least 1 and less than half of the {n} examples. Received: "
            f"size={size}"
        )
    rng = np.random.default_rng(seed)
    camps = rng.permutation(n) % 2
    masks = np.zeros((k, n), bool)
    for i, row in enumerate(masks):
        row[rng.permutation(np.flatnonzero(camps == i % 2))[:size]] = True
    return masks, camps


def three_parts(n: int, size: int, seed: int | Sequence[int] = 0) -> Array:
    """Three disjoint random subsets of one size of `n`, `(3, n)` bools.

    Args:
        n: int. How many examples.
        size: int. Members of each subset.
        seed: int, or a sequence of int. Defaults to 0.

    Returns:
        bool array.

    Raises:
        ValueError: for a `size` below 1 or of more than a third.
    """
    check_counts(1, n=n, size=size)
    if 3 * size > n:
        raise ValueError(f"`size` must be at most {n // 3}, a third of {n}. Received: size={size}")
    order = np.random.default_rng(seed).permutation(n)
    masks = np.zeros((3, n), bool)
    for part in range(3):
        masks[part, order[part * size : (part + 1) * size]] = True
    return masks


def _positions(part, values, n):
    """Integers or bools as unique positions."""
    try:
        values = np.asarray(values)
    except ValueError:  # Lists of several lengths.
        values = np.asarray(values, object)
    if values.dtype == bool and values.shape == (n,):
        values = np.flatnonzero(values)
    whole = values.ndim == 1 and values.dtype.kind in "iu" and len(values)
    if (
        not whole
        or values.min() < 0
        or values.max() >= n
        or len(set(values.tolist())) < len(values)
    ):
        raise ValueError(
            f"`{part}` must be different positions in [0, {n}), or {n} bools. Received: shape "
            f"{values.shape}, dtype {values.dtype}"
        )
    return values.astype("int64")


def _draw(part, size, free):
    whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
    if not whole or not 1 <= size <= len(free):
        raise ValueError(
            f"`{part}` must be between 1 and the {len(free)} examples that are left. Received: "
            f"{part}={size!r}. Ask for fewer, or pass more examples."
        )
    return free[:size], free[size:]
