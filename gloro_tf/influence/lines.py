"""Distributions of interest: the uniform one on a line from a baseline to the word itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gloro_tf.types import Array, ArrayLike

if TYPE_CHECKING:
    from gloro_tf.influence.trace import LSTMTrace


class Line:
    """The segment from a baseline to the embedding of the word at one position.

    Integrals are taken by the midpoint rule. The number of points starts at `steps` and is doubled
    until the influences add up to the change of the quantity along the line, within `tolerance`.

    Args:
        position: int. Of the word, counted from 0.
        baseline: `(embedding,)` floats, or `(batch, embedding)`.
        steps: int. Points to begin with. Defaults to 50.
        tolerance: float. The largest completeness error, relative to the change of the quantity,
            or `None` for exactly `steps` points. Defaults to 0.01.
        max_steps: int. Where doubling ends; a result beyond the tolerance then says so. Defaults
            to 6400.

    Raises:
        ValueError: for a `position`, `steps` or `tolerance` out of range.
    """

    def __init__(
        self,
        position: int,
        baseline: ArrayLike | None,
        steps: int = 50,
        tolerance: float | None = 0.01,
        max_steps: int = 6400,
    ) -> None:
        if not (isinstance(position, (int, np.integer)) and position >= 0):
            raise ValueError(
                f"`position` must be an integer from 0 on. Received: position={position!r}."
            )
        if not (isinstance(steps, (int, np.integer)) and 1 <= steps <= max_steps):
            raise ValueError(
                "`steps` must be an integer, at least 1 and at most `max_steps`. "
                f"Received: steps={steps}, max_steps={max_steps}."
            )
        if tolerance is not None and not tolerance > 0:
            raise ValueError(
                f"`tolerance` must be positive, or None. Received: tolerance={tolerance!r}."
            )
        self.position, self.steps = int(position), int(steps)
        self.tolerance, self.max_steps = tolerance, int(max_steps)
        self.baseline = baseline

    def start(self, trace: LSTMTrace, ids: Array) -> Array:
        """The baselines, `(batch, embedding)` float64, for `ids` of shape `(batch, length)`.

        Args:
            trace: `LSTMTrace`, whose embeddings it moves among.
            ids: `(batch, length)` integers.

        Raises:
            ValueError: for a `baseline` of another shape than an embedding.
        """
        width = trace.embedding.shape[1]
        baseline = np.atleast_2d(np.asarray(self.baseline, "float64"))
        if baseline.shape not in ((1, width), (len(ids), width)):
            shape = getattr(self.baseline, "shape", baseline.shape)
            raise ValueError(
                f"`baseline` must have shape ({width},), as an embedding. Received: {shape}."
            )
        return np.broadcast_to(baseline, (len(ids), width))


class NeutralLine(Line):
    """The segment from between singular and plural to the noun itself.

    The neutral embedding is the mean of the noun's two forms: it has the meaning, not the number.

    Args:
        position: int. Of the noun, counted from 0.
        counterpart_id: int. The noun's other form; or `(batch,)` integers.
        **options: `steps`, `tolerance` and `max_steps` of `Line`.

    Reference:
        [Lu et al., Influence Paths for Characterizing Subject-Verb Number Agreement in LSTM
        Language Models](https://arxiv.org/abs/2005.01190), definition 3.
    """

    def __init__(self, position: int, counterpart_id: ArrayLike, **options: Any) -> None:
        super().__init__(position, None, **options)
        self.counterpart_id = np.atleast_1d(np.asarray(counterpart_id))

    def start(self, trace: LSTMTrace, ids: Array) -> Array:
        """The neutral embeddings, `(batch, embedding)` float64."""
        trace.check_ids("counterpart_id", self.counterpart_id)
        if self.counterpart_id.shape not in ((1,), (len(ids),)):
            raise ValueError(
                f"`counterpart_id` must be one integer, or one for each of {len(ids)} sentences. "
                f"Received: shape {self.counterpart_id.shape}."
            )
        words = trace.embed(ids[:, self.position])
        return (words + trace.embed(self.counterpart_id)) / 2
