"""What the card of a self-corrected network says beside what all cards say."""


def origin(card):
    """Lines on where it comes from."""
    config = card.architecture["properties"]["config"]
    best = "least" if config["score"] == "min" else "largest"
    names = ", ".join(prop["name"] for prop in config["properties"])
    return [
        f"- recipe: `{card.recipe['file']}`, nothing trained",
        f"- properties enforced: {names}; the {best} output decides",
    ]


def measured(card, result):
    """Lines on one measurement."""
    lines = [
        f"`python -m zoo evaluate {card.full_name}`: {result['examples']:,} random points, seed "
        f"{result['seed']}, in each row",
        "",
        "| points | active | violated before | after | decision changed | safe rows changed |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["regions"]:
        numbers = ("active", "violated", "violated_after", "changed", "changed_safe")
        lines.append(f"| {row['region']} | {' | '.join(f'{row[n]:,}' for n in numbers)} |")
    return [*lines, ""]
