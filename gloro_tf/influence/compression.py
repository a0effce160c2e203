"""What is left of a model when only some of its gates may follow the sentence."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gloro_tf.influence.agreement import AgreementSet, agreement_accuracy
from gloro_tf.influence.graph import GATES
from gloro_tf.types import Node

if TYPE_CHECKING:
    from gloro_tf.influence.trace import LSTMTrace

FILLS = ("mean", "zero")


def compress(
    trace: LSTMTrace,
    data: AgreementSet,
    keep: Collection[Node] | None = None,
    drop: Collection[Node] | None = None,
    fill: Literal["mean", "zero"] = "mean",
) -> dict[str, float]:
    """Agreement accuracy with gates held at their mean over the sentences.

    Args:
        trace: `LSTMTrace`.
        data: `AgreementSet`. The means are taken over all its sentences, whatever their condition,
            separately for each gate, layer, step and neuron.
        keep: gates `(kind, layer, step)`, kind one of i, f, g, o, that still follow the sentence;
            all others are held.
        drop: the other way round: gates that are held. Give one of the two.
        fill: `"mean"`, or `"zero"`, which shuts the gates it is put in and so tests little.

    Returns:
        A dict from conditions to accuracies; a tie counts half. With nothing kept, all sentences
        have the same logits, and each verb is right in one number only.

    Raises:
        ValueError: naming the argument.

    Example:

    ```python
    subject = data.subject
    compress(trace, data, keep={("g", 0, subject), ("g", 1, subject)})
    ```

    Reference:
        [Lu et al., Influence Paths for Characterizing Subject-Verb Number Agreement in LSTM
        Language Models](https://arxiv.org/abs/2005.01190), on compression.
    """
    if (keep is None) == (drop is None):
        raise ValueError(f"One of `keep` and `drop` must be given. Received: {keep=}, {drop=}.")
    if fill not in FILLS:
        raise ValueError(f"`fill` must be one of {FILLS}. Received: fill={fill!r}.")
    layers, steps = range(len(trace.layers)), range(data.ids.shape[1])
    gates = {(kind, layer, step) for step in steps for layer in layers for kind in GATES}
    named = {
        (kind, layer, step) for kind, layer, step in (keep if keep is not None else drop or ())
    }
    if named - gates:
        raise ValueError(
            f"`keep` and `drop` must hold gates (kind, layer, step), kind one of {GATES}, of the "
            f"{len(trace.layers)} layers and {len(steps)} steps. "
            f"Received: {sorted(map(str, named - gates))}."
        )
    held = named if keep is None else gates - named
    cells = trace.run(data.ids)
    means = {(k, n, s): getattr(cells[n, s], k).mean(axis=0) for k, n, s in held}
    if fill == "zero":
        means = {node: np.zeros_like(value) for node, value in means.items()}
    return agreement_accuracy(trace, data, means)


def primary_gates(trace: LSTMTrace, position: int) -> set[Node]:
    """The gates that the primary path of a word uses: the candidate cells of every layer.

    Args:
        trace: `LSTMTrace`.
        position: int. Of the word, counted from 0.
    """
    return {("g", layer, position) for layer in range(len(trace.layers))}


def compression_schemes(trace: LSTMTrace, data: AgreementSet) -> dict[str, dict[str, Any]]:
    """The six published experiments, by name, as keyword arguments of `compress`.

    `C_s` keeps the two candidate cells of the subject alone, `C_i` those of the noun in between,
    `C_si` both; `not ...` holds them and keeps everything else; `full` is the model itself.

    Args:
        trace: `LSTMTrace`.
        data: `AgreementSet` with a noun in between.

    Raises:
        ValueError: for `data` without a noun in between.
    """
    if data.intervening is None:
        raise ValueError(
            "`data` must have a noun in between. Received: a task without one, "
            f"{data.task!r}. Pass one whose `intervening` is a position."
        )
    subject, between = (primary_gates(trace, p) for p in (data.subject, data.intervening))
    parts = {"C_si": subject | between, "C_s": subject, "C_i": between}
    schemes = {f"not {name}": {"drop": gates} for name, gates in parts.items()}
    schemes.update({name: {"keep": gates} for name, gates in parts.items()})
    return {**schemes, "full": {"drop": ()}}
