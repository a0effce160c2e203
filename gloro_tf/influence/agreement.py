"""Sets of sentences that ask for the number of a verb, and files that hold them."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gloro_tf.influence.lines import NeutralLine
from gloro_tf.influence.quantities import NumberAgreement
from gloro_tf.types import Array, ArrayLike, Node, PathLike

if TYPE_CHECKING:
    from gloro_tf.influence.trace import LSTMTrace

_LETTER = {"singular": "S", "plural": "P"}


@dataclasses.dataclass(frozen=True, eq=False)
class AgreementSet:
    """Contexts of one template, with the verb in the right and in the wrong number.

    - `task` (str).
    - `ids` (`(n, length)` int64): contexts up to the word before the verb.
    - `correct`, `wrong` (`(n,)` int64): the two forms of the verb.
    - `condition` (`(n,)` str): number of the subject, and of the noun in between if there is one:
      `"S"`, `"P"`, `"SS"`, `"SP"`, `"PS"`, `"PP"`.
    - `counterpart` (`(n,)` int64): the subject's other form.
    - `intervening_counterpart` (`(n,)` int64 or `None`): that of the noun in between.
    - `subject`, `intervening` (int, or `None`): their positions.
    """

    task: str
    ids: np.ndarray
    correct: np.ndarray
    wrong: np.ndarray
    condition: np.ndarray
    counterpart: np.ndarray
    intervening_counterpart: np.ndarray | None = None
    subject: int = 1
    intervening: int | None = None

    def __len__(self):
        return len(self.ids)

    @property
    def conditions(self) -> list[str]:
        """list of str, singular subjects first."""
        return sorted(set(self.condition.tolist()), key=lambda c: ["SP".index(x) for x in c])

    @property
    def quantity(self) -> NumberAgreement:
        """`NumberAgreement` of all sentences, for the batched functions."""
        return NumberAgreement(self.correct, self.wrong)

    def line(
        self, noun: Literal["subject", "intervening"] = "subject", **options: Any
    ) -> NeutralLine:
        """`NeutralLine` of all sentences, for one of the nouns.

        Args:
            noun: `"subject"` or `"intervening"`.
            **options: `steps`, `tolerance` and `max_steps` of `Line`.

        Raises:
            ValueError: for a `noun` that the task does not have.
        """
        if noun == "subject":
            return NeutralLine(self.subject, self.counterpart, **options)
        if (
            noun != "intervening"
            or self.intervening is None
            or self.intervening_counterpart is None
        ):
            raise ValueError(
                "`noun` must be 'subject', or 'intervening' where the task has such a noun. "
                f"Received: noun={noun!r} for {self.task!r}."
            )
        return NeutralLine(self.intervening, self.intervening_counterpart, **options)

    def select(self, condition: str | None = None, number: int | None = None) -> AgreementSet:
        """The sentences of a condition, or the first few of them.

        Args:
            condition: str. Defaults to all.
            number: int. How many at most. Defaults to all.

        Raises:
            ValueError: for a `condition` that does not occur.
        """
        rows = np.arange(len(self))
        if condition is not None:
            rows = np.flatnonzero(self.condition == condition)
            if not len(rows):
                raise ValueError(
                    f"`condition` must be one of {self.conditions}. Received: {condition!r}."
                )
        return self[rows[:number]]

    def __getitem__(self, rows):
        """Some of the sentences, as an `AgreementSet`."""
        rows = np.atleast_1d(np.arange(len(self))[rows])
        fields = ("ids", "correct", "wrong", "condition", "counterpart", "intervening_counterpart")
        values = {name: getattr(self, name) for name in fields}
        taken = {name: None if v is None else v[rows] for name, v in values.items()}
        return dataclasses.replace(self, **taken)


def agreement_margins(
    trace: LSTMTrace, data: AgreementSet, fill: Mapping[Node, ArrayLike] | None = None
) -> Array:
    """By how much the right form's logit exceeds the wrong one's, `(n,)` float64.

    Args:
        trace: `LSTMTrace`.
        data: `AgreementSet`.
        fill: optional dict of gates to hold, as for `LSTMTrace.run`.
    """
    top = trace.run(data.ids, fill)[len(trace.layers) - 1, data.ids.shape[1] - 1].h
    covector, constant = data.quantity.head(trace)
    return np.sum(top * covector, axis=1) + constant


def agreement_accuracy(
    trace: LSTMTrace, data: AgreementSet, fill: Mapping[Node, ArrayLike] | None = None
) -> dict[str, float]:
    """How often the right form of the verb has the larger logit; a tie counts half.

    Args:
        trace: `LSTMTrace`.
        data: `AgreementSet`.
        fill: optional dict of gates to hold, as for `LSTMTrace.run`.

    Returns:
        A dict from conditions to floats.
    """
    margins = agreement_margins(trace, data, fill)
    right = np.where(margins == 0, 0.5, margins > 0)
    return {c: float(right[data.condition == c].mean()) for c in data.conditions}


def read_agreement_set(
    path: PathLike,
    vocabulary: Mapping[str, int] | Sequence[str],
    subject: int = 1,
    intervening: int | None = None,
    lower: bool = False,
    counterparts: Mapping[str, str] | None = None,
    task: str | None = None,
) -> AgreementSet:
    """Reads a tab-separated test set of number agreement.

    Each line holds a sentence that ends with the verb, its condition (`singular`, or
    `singular_plural` with the number of the noun in between), `correct` or `wrong`, and the name of
    the item. Each item has two lines in a condition, which differ in the verb. This is the layout of
    the published number agreement tasks. All sentences of a file must have one length.

    Args:
        path: str. A UTF-8 file without a header; empty lines are left out.
        vocabulary: dict from words to integers, or a sequence of words.
        subject: int. Position of the subject. Defaults to 1.
        intervening: int. Position of the noun in between. Defaults to none.
        lower: bool. Whether to turn words into lower case. Defaults to `False`.
        counterparts: dict from nouns to their other forms, either way round, for those that do not
            simply add an s.
        task: str. Defaults to the file's name.

    Returns:
        `AgreementSet`.

    Raises:
        ValueError: for a line or an item that does not fit, or words that are not in the vocabulary.
    """
    path = pathlib.Path(path)
    if not hasattr(vocabulary, "keys"):
        vocabulary = {word: number for number, word in enumerate(vocabulary)}
    counterparts = dict(counterparts or {})
    counterparts.update({b: a for a, b in counterparts.items()})
    places = [p for p in (subject, intervening) if p is not None]
    rows, conditions = _rows(_items(path, lower), places, vocabulary, counterparts)
    table = _encode(rows, vocabulary, path)
    end = len(rows[0]) - (2 if intervening is None else 3)
    return AgreementSet(
        task or path.stem,
        table[:, : end - 1],
        table[:, end - 1],
        table[:, end],
        np.array(conditions),
        table[:, end + 1],
        None if intervening is None else table[:, end + 2],
        subject,
        intervening,
    )


def _rows(items, places, vocabulary, counterparts):
    """For each item its words, the wrong verb and the nouns' other forms; and its condition."""
    rows, conditions = [], []
    for name, item in items.items():
        if set(item) != {"correct", "wrong"}:
            raise ValueError(f"Item {name!r} must have a correct and a wrong line.")
        (words, condition), (others, _) = item["correct"], item["wrong"]
        if not words or words[:-1] != others[:-1] or words[-1] == others[-1]:
            raise ValueError(f"The lines of item {name!r} must differ in the last word only.")
        if min(places) < 0 or max(places) >= len(words) - 1:
            raise ValueError(
                "`subject` and `intervening` must be positions before the verb. "
                f"Received: {places} for {' '.join(words)!r}."
            )
        if len(condition.split("_")) != len(places):
            raise ValueError(
                "A condition must name the number of the subject and, with `intervening`, of the noun "
                f"in between. Received: {condition!r} for positions {places}."
            )
        pairs = [_other(words[place], vocabulary, counterparts) for place in places]
        rows.append([*words, others[-1], *pairs])
        conditions.append("".join(_LETTER[c] for c in condition.split("_")))
    return rows, conditions


def _items(path, lower):
    """A dict from items to a dict from "correct" and "wrong" to words and condition."""
    items = {}
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            fields = [field.strip() for field in line.split("\t")]
            numbers = fields[1].split("_") if len(fields) == 4 else []
            if not numbers or fields[2] not in ("correct", "wrong") or set(numbers) - set(_LETTER):
                raise ValueError(
                    "A line must hold a sentence, singular or plural (two joined by _), correct or "
                    f"wrong, and an item, with tabs between. Received: line {number}, {line[:200]!r}."
                )
            words = (fields[0].lower() if lower else fields[0]).split()
            item = items.setdefault((fields[3], fields[1]), {})
            if fields[2] in item:
                raise ValueError(
                    "An item must have one correct and one wrong line in each condition. "
                    f"Received: line {number}, another {fields[2]} line of {fields[3]!r}."
                )
            item[fields[2]] = words, fields[1]
    if not items:
        raise ValueError(f"The file must hold at least one item. Received: {path}, empty.")
    return items


def _other(noun, vocabulary, counterparts):
    """The other form of a noun."""
    if noun in counterparts:
        return counterparts[noun]
    forms = [noun + "s", noun + "es"] + [noun[:-1]] * noun.endswith("s")
    known = [form for form in forms if form in vocabulary]
    if not known:
        raise ValueError(
            f"The other form of {noun!r} must be known. Received: none of {forms} in the "
            f"vocabulary. Remedy: pass counterparts={{{noun!r}: ...}}."
        )
    return known[0]


def _encode(rows, vocabulary, path):
    if len({len(row) for row in rows}) > 1:
        raise ValueError(
            f"All sentences of a file must have one length. Received: several in {path}. Remedy: "
            "split the file by length."
        )
    unknown = sorted({word for row in rows for word in row if word not in vocabulary})
    if unknown:
        raise ValueError(
            f"All words must be in the vocabulary. Received: {len(unknown)} that are not, such as "
            f"{unknown[:5]}. Remedy: lower=True, or leave out their items."
        )
    return np.array([[vocabulary[word] for word in row] for row in rows], "int64")
