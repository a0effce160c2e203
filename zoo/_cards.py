"""Model cards: what is known about an entry, as JSON and as markdown."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Self

from zoo import _card_form, _corrected_card

RADII = (36 / 255, 72 / 255, 108 / 255, 0.3, 1.0, 1.58)


@dataclasses.dataclass(frozen=True)
class Card:
    """What is known about one revision of one model.

    Args:
        name: str. `<architecture>.<dataset>[_<recipe>]`.
        revision: int. Files of a revision never change; a mended model is a new revision.
        summary: str. One sentence.
        paper: dict. `title`, `url`.
        licence, authors, date: str.
        architecture: dict. `config` (what builds the model), `parameters`.
        input: dict. `shape`, `range`, `preprocessing`.
        labels: list of class names.
        recipe: dict. The training choices, `file`, `extra_data`, `hardware`, `seconds`, `seed`.
        epsilon: float. The L2 radius that the model was trained for.
        weights: list of `{"file", "bytes", "sha256"}`, `in_package` whether a wheel holds them.
        golden: dict. `logits` and `radii` of the eight inputs that `golden_inputs` makes.
        lipschitz: dict. Largest margin constant by `estimate` and by `bound`.
        results: list of dicts, one for each data set: see `zoo.evaluate`.
        environment: dict. Versions.
        limits: str. What is not promised.
        unreliable: str. Empty, or why the numbers should not be trusted.
        audit: dict. Empty, or what attacks found: see `zoo.audit`.
        kind: str. `"classifier"`, which certifies, or `"self_correcting"`, a network whose outputs
            obey properties: `architecture` holds them, `input` the domain, `results` counts of random
            points, and there is no radius.
    """

    name: str
    revision: int
    summary: str
    paper: dict
    licence: str
    authors: str
    date: str
    architecture: dict
    input: dict
    labels: list
    recipe: dict
    epsilon: float
    weights: list
    golden: dict
    lipschitz: dict
    results: list
    environment: dict
    limits: str
    in_package: bool = True
    unreliable: str = ""
    audit: dict = dataclasses.field(default_factory=dict)
    kind: str = "classifier"

    @classmethod
    def from_json(cls, text: str, where: str = "the card") -> Self:
        """Reads a card; raises `ValueError` for anything that is not one.

        Args:
            text: str. What `to_json` returned.
            where: str. What the message calls it.

        Returns:
            `Card`.
        """
        try:
            fields = json.loads(text)
            card = cls(**fields)
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"{where} cannot be read: {error}") from error
        wrong = _card_form.misfit(fields)
        if wrong:
            raise ValueError(f"{where} cannot be read: {wrong}")
        for weight in card.weights:
            if not isinstance(weight, dict) or not _plain(weight.get("file", "")):
                raise ValueError(f"{where} names a file outside of its folder: {weight!r}")
        return card

    def to_json(self) -> str:
        """Returns the card as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"

    @property
    def members(self) -> list[str]:
        """The full names of the entries that an ensemble is a vote of; empty for other entries."""
        return self.architecture.get("members", [])

    @property
    def full_name(self) -> str:
        """The name with its revision, `name@revision`."""
        return f"{self.name}@{self.revision}"

    @property
    def dataset(self) -> str:
        """The data set it was trained for."""
        return self.recipe["dataset"]

    def result(self) -> dict[str, Any] | None:
        """The measurement on its own data set, or `None` before `zoo.evaluate` wrote one."""
        found = [r for r in self.results if r["dataset"] == self.dataset]
        return found[-1] if found else None

    def to_markdown(self) -> str:
        """Returns the card as a page."""
        weights = sum(w["bytes"] for w in self.weights)
        lines = [f"# {self.full_name}", "", self.summary, ""]
        if self.unreliable:
            lines += [f"**Unreliable:** {self.unreliable}", ""]
        lines += [
            f"- paper: [{self.paper['title']}]({self.paper['url']})",
            f"- parameters: {self.architecture['parameters']:,}; weights {weights / 2**20:.2f} MiB",
            f"- input: {tuple(self.input['shape'])}, {self.input['range']}",
            *self._origin(),
            f"- licence: {self.licence}; {self.authors}, {self.date}",
            "",
        ]
        for result in self.results:
            if self.kind == "self_correcting":
                lines += _corrected_card.measured(self, result)
                continue
            lines += [*_ensemble_lines(result)]
            lines += [
                f"`python -m zoo evaluate {self.full_name}`: {result['dataset']} "
                f"({result['split']}, {result['examples']:,} images), clean "
                f"{result['clean_accuracy']:.2%}",
                "",
                "| epsilon (L2) | VRA, by the bound | VRA, by the estimate |",
                "|---|---|---|",
            ]
            lines += [
                f"| {r['epsilon']:.4f} | {r['vra_bound']:.2%} | {r['vra_estimate']:.2%} |"
                for r in result["vra"]
            ]
            lines.append("")
            relaxed = [r for r in result["vra"] if "relaxed_vra_bound" in r]
            if relaxed:
                lines += [
                    "| epsilon (L2) | label in the promised set, by the bound | mean size of it |",
                    "|---|---|---|",
                ]
                lines += [
                    f"| {r['epsilon']:.4f} | {r['relaxed_vra_bound']:.2%} | "
                    f"{r['promised_set_size']:.2f} |"
                    for r in relaxed
                ]
                lines.append("")
        return "\n".join([*lines, *self._attacks(), self.limits, ""])

    def _origin(self):
        if self.kind == "self_correcting":
            return _corrected_card.origin(self)
        if self.members:
            votes = zip(self.members, self.architecture["weights"], strict=True)
            return [f"- vote of {', '.join(f'{n} (weight {w:g})' for n, w in votes)}"]
        recipe = self.recipe
        return [
            f"- recipe: `{recipe['file']}`, seed {recipe['seed']}, "
            f"{recipe['seconds'] / 60:.0f} min on {recipe['hardware']}; extra data: "
            f"{recipe['extra_data']}",
            f"- largest margin constant: {self.lipschitz['bound']:.6g} by the bound, "
            f"{self.lipschitz['estimate']:.6g} by the estimate",
        ]

    def _attacks(self):
        if not self.audit:
            return []
        found = self.audit
        quotients = ", ".join(f"{name} {value:.2f}" for name, value in found["tightness"].items())
        return [
            f"`python -m zoo audit {self.full_name} --limit={found['examples']}` "
            f"({found['dataset']} {found['split']}, radius "
            f"{found['epsilon']:.4f}): clean {found['clean']:.2%}, right under attack "
            f"{found['empirical']:.2%}, verified {found['vra']:.2%}; "
            f"{len(found['violations'])} certificates broken. Certified radius over the nearest "
            f"point found: {quotients}. Attack: {found['attack']} and `BoundaryDistance`.",
            "",
        ]

    def __str__(self):
        return self.to_markdown()


def _ensemble_lines(result):
    """What a vote's result says beside its own VRA, at its epsilon."""
    lines = [f"- member {name}: VRA {vra:.2%}" for name, vra in result.get("members", {}).items()]
    cascade = result.get("cascade")
    if cascade:
        lines.append(
            f"- a cascade of the same members claims {cascade['claimed_vra']:.2%} of the first "
            f"{cascade['examples']:,} images; {cascade['surviving_vra']:.2%} survive "
            f"{cascade['attack']}"
        )
    return [*lines, ""] if lines else []


def _plain(name):
    """Whether a file name stays in its folder and is harmless in a URL."""
    allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@"
    return bool(name) and not name.startswith(".") and all(c in allowed for c in name)
