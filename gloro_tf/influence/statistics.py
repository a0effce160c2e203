"""How a path stands out from the others, over a sample of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gloro_tf.influence.graph import primary_path
from gloro_tf.types import Node

if TYPE_CHECKING:
    from gloro_tf.influence.paths import Path, PathInfluences


def t_value(path: str | Path | Sequence[Node], sample: Sequence[PathInfluences]) -> float:
    """How often a path's influence exceeds that of another path of the same sentence.

    The other path is drawn uniformly from those of a uniformly drawn sentence; a tie counts half.
    A path drawn at random has 0.5.

    Args:
        path: nodes, a `Path`, or `"primary"` for the published primary path.
        sample: list of `PathInfluences` for sentences of one length, with the word at one position.

    Returns:
        float from 0 to 1.

    Raises:
        ValueError: if the sample is empty or its graphs differ.

    Reference:
        [Lu et al., Influence Paths for Characterizing Subject-Verb Number Agreement in LSTM
        Language Models](https://arxiv.org/abs/2005.01190), section 4.
    """
    index, values = _table(path, sample)
    return float(np.mean([exceedance(row, index) for row in values]))


def exceedance(values, index):
    """The fraction of the other entries that one exceeds; ties count half; 0.5 if it is alone."""
    if len(values) < 2:
        return 0.5
    own = values[index]
    ties = np.sum(values == own) - 1
    return (np.sum(values < own) + 0.5 * ties) / (len(values) - 1)


def mean_rank(path: str | Path | Sequence[Node], sample: Sequence[PathInfluences]) -> float:
    """The mean rank of a path, 1 where it is the most positive of its sentence.

    Args:
        path, sample: as for `t_value`.
    """
    index, values = _table(path, sample)
    return float(np.mean([1 + np.sum(row > row[index]) for row in values]))


def positive_share(path: str | Path | Sequence[Node], sample: Sequence[PathInfluences]) -> float:
    """A path's mean part of all positive influence; 0 in sentences where it is not positive.

    Args:
        path, sample: as for `t_value`.
    """
    return _share(path, sample, 1)


def negative_share(path: str | Path | Sequence[Node], sample: Sequence[PathInfluences]) -> float:
    """A path's mean part of all negative influence, as a positive number.

    Args:
        path, sample: as for `t_value`.
    """
    return _share(path, sample, -1)


def _share(path, sample, sign):
    index, values = _table(path, sample)
    parts = np.maximum(sign * values, 0)
    totals = parts.sum(axis=1)
    return float(np.mean(parts[:, index] / np.where(totals > 0, totals, 1)))


def _table(path, sample):
    sample = list(sample)
    if not sample:
        raise ValueError("`sample` must hold at least one `PathInfluences`. Received: none.")
    graphs = {(p.graph.layers, p.graph.first, p.graph.last) for p in sample}
    if len(graphs) > 1:
        raise ValueError(
            "`sample` must be of sentences of one length, with the word at one position. Received: "
            f"graphs (layers, first, last) {sorted(graphs)}."
        )
    if isinstance(path, str) and path == "primary":
        path = primary_path(*graphs.pop())
    return sample[0].index(path), np.stack([p.values for p in sample])
