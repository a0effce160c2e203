"""The tables of the paper for any model: primary paths, and compression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from gloro_tf.influence.compression import compress, compression_schemes
from gloro_tf.influence.lines import NeutralLine
from gloro_tf.influence.neurons import refine
from gloro_tf.influence.paths import PathInfluences, path_influences
from gloro_tf.influence.quantities import NumberAgreement
from gloro_tf.influence.statistics import (
    exceedance,
    mean_rank,
    negative_share,
    positive_share,
    t_value,
)

if TYPE_CHECKING:
    from gloro_tf.influence.agreement import AgreementSet
    from gloro_tf.influence.trace import LSTMTrace

NOUNS: tuple[Literal["subject", "intervening"], ...] = ("subject", "intervening")


class Row(NamedTuple):
    """The primary path of one noun in one condition, over a sample of sentences.

    - `positive` (float): fraction of sentences in which the noun's influence is positive.
    - `paths` (int): number of paths.
    - `share` (float): the primary path's mean part of all positive influence; of all negative
      influence, with a minus, where its mean influence is negative.
    - `t`, `rank` (float): its t-value and mean rank.
    - `total`, `primary` (float): mean influence of the noun and of the path.
    - `neurons` (tuple of int): the two of the top cell that carry most of the path.
    - `neuron_t` (tuple of float): how often each exceeds another neuron.
    - `neuron_part` (float): their part of the absolute influence of all neurons.
    - `completeness_error` (float): the largest of the sentences.
    """

    task: str
    condition: str
    noun: str
    sentences: int
    positive: float
    paths: int
    share: float
    t: float
    rank: float
    total: float
    primary: float
    neurons: tuple[int, ...]
    neuron_t: tuple[float, ...]
    neuron_part: float
    completeness_error: float


def sample_paths(
    trace: LSTMTrace,
    data: AgreementSet,
    noun: Literal["subject", "intervening"] = "subject",
    **options: Any,
) -> list[PathInfluences]:
    """`PathInfluences` of every sentence of an `AgreementSet`, as a list.

    Args:
        trace: `LSTMTrace`.
        data: `AgreementSet`, of few sentences where there are many paths.
        noun: `"subject"` or `"intervening"`.
        **options: `steps`, `tolerance` and `max_steps` of `Line`.
    """
    line, result = data.line(noun, **options), []
    for row, ids in enumerate(data.ids):
        quantity = NumberAgreement(data.correct[row], data.wrong[row])
        own = NeutralLine(line.position, line.counterpart_id[row], **options)
        result.append(path_influences(trace, ids, quantity, own))
    return result


def primary_path_row(task: str, condition: str, noun: str, sample: Sequence[PathInfluences]) -> Row:
    """The `Row` of a sample of `PathInfluences`.

    Args:
        task, condition, noun: str. What the row is called.
        sample: list of `PathInfluences`, one for each sentence.
    """
    path, totals = sample[0].primary, np.array([p.influence.total for p in sample])
    primary = np.mean([p.primary.value for p in sample])
    share = positive_share if primary >= 0 else negative_share
    parts = np.stack([refine(p.primary, ("c", p.graph.layers - 1)) for p in sample])
    size = np.abs(parts).mean(axis=0)
    leaders = np.argsort(-size, kind="stable")[:2]
    return Row(
        task,
        condition,
        noun,
        len(sample),
        float(np.mean(totals > 0)),
        len(sample[0]),
        float(np.copysign(share(path, sample), primary)),
        t_value(path, sample),
        mean_rank(path, sample),
        float(totals.mean()),
        float(primary),
        tuple(int(j) for j in leaders),
        tuple(float(np.mean([exceedance(row, j) for row in parts])) for j in leaders),
        float(size[leaders].sum() / size.sum()),
        max(p.influence.completeness_error for p in sample),
    )


def primary_path_table(
    trace: LSTMTrace, sets: Sequence[AgreementSet], number: int = 20, many: int = 5, **options: Any
) -> list[Row]:
    """One `Row` for every noun of every condition.

    Args:
        trace: `LSTMTrace`.
        sets: list of `AgreementSet`.
        number: int. Sentences for each condition. Defaults to 20.
        many: int. Sentences where there are more than 10,000 paths. Defaults to 5.
        **options: `steps`, `tolerance` and `max_steps` of `Line`.

    Returns:
        A list of `Row`; print it with `format_rows`.
    """
    rows = []
    for data in sets:
        for condition in data.conditions:
            for noun in NOUNS if data.intervening is not None else NOUNS[:1]:
                part = data.select(condition, number)
                sample = sample_paths(trace, part[:many], noun, **options)
                if len(sample[0]) <= 10_000:
                    sample += sample_paths(trace, part[many:], noun, **options)
                rows.append(primary_path_row(data.task, condition, noun, sample))
    return rows


def format_rows(rows: Iterable[Row]) -> str:
    """Rows as a markdown table.

    Args:
        rows: `Row`s, as from `primary_path_table`.

    Returns:
        str.
    """
    head = ["task", "C", "noun", "P+", "paths", "share", "t", "rank", "total", "primary"]
    head += ["two neurons", "their t", "their part", "completeness"]
    table = []
    for r in rows:
        numbers = [f"{r.positive:.2f}", f"{r.paths:,}", f"{r.share:+.2f}", f"{r.t:.2f}"]
        numbers += [f"{r.rank:.1f}", f"{r.total:+.2f}", f"{r.primary:+.3f}"]
        neurons = [", ".join(map(str, r.neurons)), ", ".join(f"{t:.2f}" for t in r.neuron_t)]
        last = [f"{r.neuron_part:.2f}", f"{r.completeness_error:.2%}"]
        table.append([r.task, r.condition, r.noun, *numbers, *neurons, *last])
    return markdown(head, table)


def compression_table(
    trace: LSTMTrace, sets: Sequence[AgreementSet]
) -> dict[tuple[str, str], dict[str, float]]:
    """Accuracies of the six compression schemes and the full model.

    Args:
        trace: `LSTMTrace`.
        sets: list of `AgreementSet` with a noun in between.

    Returns:
        A dict from `(task, condition)`, and from `(task, "mean")`, to a dict from schemes to floats.
    """
    result = {}
    for data in sets:
        schemes = compression_schemes(trace, data)
        found = {name: compress(trace, data, **scheme) for name, scheme in schemes.items()}
        for condition in data.conditions:
            result[data.task, condition] = {name: v[condition] for name, v in found.items()}
        means = {name: float(np.mean(list(v.values()))) for name, v in found.items()}
        result[data.task, "mean"] = means
    return result


def format_compression(table: Mapping[tuple[str, str], Mapping[str, float]]) -> str:
    """A compression table as markdown.

    Args:
        table: what `compression_table` returns.
    """
    schemes = list(next(iter(table.values())))
    rows = [[*key, *(f"{row[name]:.2f}" for name in schemes)] for key, row in table.items()]
    return markdown(["task", "C", *schemes], rows)


def markdown(head, rows):
    """A markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
