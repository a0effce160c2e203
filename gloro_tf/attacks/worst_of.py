"""Several attacks in turn, each on what the ones before left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from gloro_tf.attacks._checks import between
from gloro_tf.attacks.apgd import APGD
from gloro_tf.attacks.base import Attack, Attacked
from gloro_tf.attacks.boundary_distance import BoundaryDistance
from gloro_tf.attacks.square import Square
from gloro_tf.types import Array, Norm

if TYPE_CHECKING:
    from gloro_tf.attacks.target import Target


class WorstOf(Attack):
    """Runs attacks in turn; each input keeps the first break found.

    Args:
        attacks: list of attacks of one norm and box.

    Raises:
        ValueError: if they differ in norm or bounds, or there are none.
    """

    def __init__(self, attacks: Sequence[Attack]) -> None:
        attacks = list(attacks) if isinstance(attacks, Iterable) else [attacks]
        if not all(isinstance(attack, Attack) for attack in attacks):
            raise ValueError(f"`attacks` must be attacks. Received: {attacks}")
        kinds = {(attack.norm, attack.bounds) for attack in attacks}
        if len(kinds) != 1:
            raise ValueError(
                "`attacks` must be one or more attacks of the same norm and bounds. Received: "
                f"{attacks}"
            )
        first = attacks[0]
        super().__init__(norm=first.norm, bounds=first.bounds, batch_size=first.batch_size)
        self.attacks = attacks

    def __repr__(self):
        return f"WorstOf({self.attacks!r})"

    def attack(
        self,
        target: Target,
        x: Array,
        y: Array,
        radius: Array,
        earlier: Sequence[Attacked] = (),
        verbose: int = 0,
    ) -> Attacked:
        known = [*earlier]
        for attack in self.attacks:
            found = attack.attack(target, x, y, radius, known)
            known.append(found)
            if verbose:
                print(f"{attack!r}: {found.broken.mean():.2%} broken so far")
            if found.broken.all():
                break
        return found


def standard(norm: Norm = "l2", strength: float = 1.0, **kwargs: Any) -> WorstOf:
    """Four attacks in AutoAttack's manner: APGD on the cross-entropy and on the margins of the nine
    nearest classes in turn, the boundary distance, and random squares.

    Args:
        norm: `"l2"` or `"linf"`.
        strength: float. Multiplies steps and queries; 1 is 100 steps and 1,000 queries.
        **kwargs: `bounds`, `seed`, `batch_size`, passed to each.

    Returns:
        `WorstOf`.
    """
    strength = between("strength", strength, 0.0, float("inf"))
    kwargs = {"norm": norm, **kwargs}
    steps = max(5, round(100 * strength))
    return WorstOf(
        [
            APGD(steps=steps, objective="crossentropy", **kwargs),
            APGD(steps=steps, objective="margin", targets=9, **kwargs),
            BoundaryDistance(steps=max(3, round(30 * strength)), **kwargs),
            Square(queries=max(10, round(1000 * strength)), **kwargs),
        ]
    )
