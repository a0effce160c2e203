"""A small grammar of English in which verbs agree with their subject, in seven tasks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from gloro_tf.influence.agreement import AgreementSet
from gloro_tf.types import Array

PEOPLE = (
    "baker captain clerk cousin driver editor gardener hunter judge miner neighbor painter pilot "
    "plumber potter sailor weaver tailor waiter writer"
).split()
THINGS = "barn bench boat bridge candle fence ladder lamp piano statue".split()
VERBS = "call follow help join meet paint phone please thank trust visit warn".split()
SLOTS = {
    "PREP": "by opposite past".split(),
    "NAME": "alice bruno clara david emma felix".split(),
    "ADV": "often rarely seldom".split(),
    "TIME": "soon still today".split(),
    "WAY": "calmly kindly slowly".split(),
}
# Each task with its share of the training sentences; N is the subject, M the noun in between.
TASKS = {
    "simple": ("the N", 0.30),
    "adv": ("the N ADV", 0.12),
    "2adv": ("the N TIME ADV", 0.08),
    "coadv": ("the N WAY and WAY", 0.08),
    "namepp": ("the N PREP NAME", 0.12),
    "nounpp": ("the N PREP the M", 0.20),
    "nounppadv": ("the N PREP the M ADV", 0.10),
}
LENGTH = 11
END = "<eos>"


class AgreementGrammar:
    """Sentences such as "the baker by the boats often calls the pilot ." with known statistics.

    A sentence is a prefix of one of seven tasks, a verb, "the", a noun and a full stop. The verb
    agrees with the first noun; in the tasks with a noun in between, it agrees in a fraction
    `attraction` of the training sentences with that one instead, so that for such contexts the
    ideal margin is known: `log((1 - attraction) / attraction)` where the two nouns differ.

    Args:
        nouns: `"disjoint"` (subjects are people; the nouns in between, and objects, are things) or
            `"shared"` (people in all places). Only with shared nouns can a noun in between attract
            the verb: a model learns by heart that things never govern it.
        attraction: float from 0 to below 1. Defaults to 0.

    Raises:
        ValueError: for other `nouns`, or an `attraction` that these cannot show.

    Example:

    ```python
    grammar = AgreementGrammar(nouns="shared", attraction=0.25)
    sentences = grammar.sentences(20_000, seed=0)  # (20000, 11)
    data = grammar.agreement_set("nounpp", number=200, seed=1)  # 200 for each of SS, SP, PS, PP
    ```
    """

    def __init__(
        self, nouns: Literal["disjoint", "shared"] = "disjoint", attraction: float = 0.0
    ) -> None:
        if nouns not in ("disjoint", "shared"):
            raise ValueError(f"`nouns` must be 'disjoint' or 'shared'. Received: nouns={nouns!r}.")
        if not 0 <= attraction < 1:
            raise ValueError(
                f"`attraction` must be from 0 to below 1. Received: attraction={attraction!r}."
            )
        if attraction and nouns == "disjoint":
            raise ValueError(
                "`attraction` must be 0 with disjoint nouns, which cannot show it. "
                f"Received: attraction={attraction}. Remedy: nouns='shared'."
            )
        self.nouns, self.attraction = nouns, attraction
        self._between = PEOPLE if nouns == "shared" else THINGS
        lemmas = PEOPLE + ([] if nouns == "shared" else THINGS) + VERBS
        words = [END, ".", "the", "and", *(form for w in lemmas for form in (w, w + "s"))]
        self.words = (*words, *(word for slot in SLOTS.values() for word in slot))
        self.index = {word: number for number, word in enumerate(self.words)}

    def __repr__(self):
        return f"AgreementGrammar(nouns={self.nouns!r}, attraction={self.attraction})"

    def encode(self, sentence: str) -> Array:
        """The numbers of the words of a string, int64.

        Args:
            sentence: str. Words with spaces between them.

        Raises:
            ValueError: for a word that the grammar does not have.
        """
        unknown = [word for word in sentence.split() if word not in self.index]
        if unknown:
            raise ValueError(f"`sentence` must be of words of the grammar. Received: {unknown}.")
        return np.array([self.index[word] for word in sentence.split()], "int64")

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The words of a sequence of numbers, as a list.

        Args:
            ids: sequence of int.
        """
        return [self.words[number] for number in ids]

    def sentences(self, number: int, seed: int = 0) -> Array:
        """Training sentences, `(number, 11)` int32, filled up with the end of sentence.

        Args:
            number: int. How many.
            seed: int. Defaults to 0.

        Returns:
            int32 array.
        """
        rng = np.random.default_rng(seed)
        shares = np.array([share for _, share in TASKS.values()])
        table = np.full((number, LENGTH), self.index[END], "int32")
        for row, task in zip(table, rng.choice(list(TASKS), number, p=shares)):
            words, plural, between = self._prefix(rng, TASKS[task][0], rng.integers(2, size=2))
            if between is not None and rng.random() < self.attraction:
                plural = between
            words += [_verb(_draw(rng, VERBS), plural), "the"]
            words += [_noun(_draw(rng, self._between), rng.integers(2)), "."]
            row[: len(words)] = self.encode(" ".join(words))
        return table

    def agreement_set(self, task: str, number: int = 200, seed: int = 0) -> AgreementSet:
        """Sentences of a task, `number` for each condition.

        Args:
            task: one of `TASKS`.
            number: int. Defaults to 200.
            seed: int. Not that of the training sentences, which are drawn from the same words.

        Returns:
            `AgreementSet`.

        Raises:
            ValueError: for another `task`.
        """
        if task not in TASKS:
            raise ValueError(f"`task` must be one of {list(TASKS)}. Received: task={task!r}.")
        rng, template = np.random.default_rng([seed, list(TASKS).index(task)]), TASKS[task][0]
        places = [template.split().index(slot) for slot in "NM" if slot in template.split()]
        rows, conditions = [], []
        for condition in ["S", "P"] if len(places) == 1 else ["SS", "SP", "PS", "PP"]:
            plurals = ["SP".index(letter) for letter in condition] + [0]
            for _ in range(number):
                words, plural, _ = self._prefix(rng, template, plurals)
                verb = _draw(rng, VERBS)
                words += [_verb(verb, plural), _verb(verb, not plural)]
                words += [_flip(words[place]) for place in places]
                rows.append(self.encode(" ".join(words)))
                conditions.append(condition)
        table, end = np.stack(rows), len(template.split())
        return AgreementSet(
            task=task,
            ids=table[:, :end],
            correct=table[:, end],
            wrong=table[:, end + 1],
            condition=np.array(conditions),
            counterpart=table[:, end + 2],
            intervening_counterpart=table[:, end + 3] if len(places) == 2 else None,
            subject=places[0],
            intervening=places[1] if len(places) == 2 else None,
        )

    def _prefix(self, rng, template, plurals):
        """The words up to the verb, and the numbers of the two nouns; `None` for no second one."""
        nouns = [_draw(rng, PEOPLE), _draw(rng, self._between)]
        while nouns[1] == nouns[0]:
            nouns[1] = _draw(rng, self._between)
        words, between = [], None
        for slot in template.split():
            if slot == "N":
                words.append(_noun(nouns[0], plurals[0]))
            elif slot == "M":
                words.append(_noun(nouns[1], plurals[1]))
                between = plurals[1]
            else:
                words.append(_draw(rng, SLOTS[slot]) if slot in SLOTS else slot)
        return words, plurals[0], between


def _draw(rng, words):
    return words[rng.integers(len(words))]


def _noun(lemma, plural):
    return lemma + "s" * bool(plural)


def _verb(lemma, plural):
    return lemma + "s" * (not plural)


def _flip(noun):
    return noun[:-1] if noun.endswith("s") else noun + "s"
