"""What target and proxies differ in on examples that neither of them saw."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Matching:
    """`slope * proxies + offsets[class]`: what to expect of the target on a non-member.

    Attributes:
        slope: float; 1 without a population.
        offsets: `(classes,)` float64; 0 without a population.
    """

    slope: float
    offsets: np.ndarray

    def excess(self, own, proxies, y):
        """The target's class scores `(n,)` over what is expected of them."""
        return own - self.slope * proxies - self.offsets[y]


def unmatched(classes):
    """Expects of the target what the proxies give."""
    return Matching(1.0, np.zeros(classes))


def fit_matching(own, proxies, y, classes):
    """A `Matching` by least squares, from class scores of non-members.

    One slope, a common offset, and for each class a deviation from it that is drawn to 0 as by one
    more example; so a class without examples takes the common offset. So is the slope drawn to
    1.

    Args:
        own, proxies: `(n,)` class scores of the target and the mean of the proxies'.
        y: `(n,)` int64 classes.
        classes: int.
    """
    middle, width = proxies.mean(), proxies.std() + 1e-12
    columns = [np.ones(len(y)), (proxies - middle) / width]
    design = np.column_stack([*columns, np.eye(classes)[y]])
    pull = np.diag([0.0, *np.ones(classes + 1)])
    found = np.linalg.solve(design.T @ design + pull, design.T @ (own - proxies))
    slope = found[1] / width
    return Matching(1.0 + slope, found[0] - slope * middle + found[2:])
