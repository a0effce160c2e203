"""The models of a data set, best first."""

from __future__ import annotations

import math
from typing import Any, Literal

from zoo import _registry

COLUMNS = ("rank", "model", "promise", "parameters", "clean", "VRA", "VRA by estimate")
COLUMNS += ("extra data", "sha256")


def leaderboard(
    dataset: str,
    epsilon: float | None = None,
    format: Literal["text", "markdown", "csv", "rows"] = "text",
) -> Any:
    """Ranks the models of a data set by VRA, by the guaranteed bound.

    The column `promise` says what is certified: the label, or only that a set of classes stays.

    Args:
        dataset: str.
        epsilon: float. A radius that the cards hold; defaults to the one most of the models were
            trained for.
        format: `"text"`, `"markdown"`, `"csv"` or `"rows"` (list of dicts).

    Returns:
        str, or a list of dicts for `"rows"`.

    Raises:
        ValueError: for a data set without models, or a radius that no card holds.
    """
    cards = measured(dataset)
    if not cards:
        known = sorted({_registry.card(n).dataset for n in _registry.names()})
        raise ValueError(
            f"`dataset` must be one that the zoo has models for, {known}. Received: "
            f"dataset={dataset!r}"
        )
    epsilon = usual_radius(cards) if epsilon is None else epsilon
    rows = [row for card in cards if (row := _row(card, epsilon))]
    if not rows:
        held = sorted({round(row["epsilon"], 4) for card in cards for row in card.result()["vra"]})
        raise ValueError(
            f"`epsilon` must be a radius that the cards hold, one of {held}. Received: "
            f"epsilon={epsilon}"
        )
    rows.sort(key=lambda row: -row["VRA"])
    rows = [{"rank": rank, **row} for rank, row in enumerate(rows, start=1)]
    return rows if format == "rows" else _formatted(rows, epsilon, format)


def measured(dataset=None):
    """The newest cards that hold accuracies at radii, in the order of their names."""
    cards = [_registry.card(name) for name in _registry.names(dataset=dataset)]
    return [card for card in cards if "vra" in (card.result() or {})]


def usual_radius(cards):
    """The radius that most of the models were trained for."""
    trained = [card.epsilon for card in cards]
    return max(trained, key=trained.count)


def _row(card, epsilon):
    result = card.result()
    for row in result["vra"]:
        if math.isclose(row["epsilon"], epsilon, rel_tol=1e-3):
            return {
                "model": card.full_name,
                "promise": "a set" if "relaxed_vra_bound" in row else "the label",
                "parameters": card.architecture["parameters"],
                "clean": result["clean_accuracy"],
                "VRA": row["vra_bound"],
                "VRA by estimate": row["vra_estimate"],
                "extra data": card.recipe["extra_data"],
                "sha256": card.weights[0]["sha256"][:8] if card.weights else "members'",
            }
    return None


def _formatted(rows, epsilon, format):
    head = [f"{c} at {epsilon:.4g}" if c == "VRA" else c for c in COLUMNS]
    table = [[_cell(row[column]) for column in COLUMNS] for row in rows]
    if format == "csv":
        return "\n".join(",".join(line) for line in [head, *table]) + "\n"
    if format == "markdown":
        lines = [head, ["---"] * len(head), *table]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
    if format != "text":
        raise ValueError(
            f"`format` must be 'text', 'markdown', 'csv' or 'rows'. Received: format={format!r}"
        )
    widths = [max(map(len, column)) for column in zip(head, *table, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in [head, *table]
    )


def _cell(value):
    if isinstance(value, float):
        return f"{value:.2%}"
    return str(value)
