"""A model card as HTML."""

from zoo._html import breakable, join, link, table, tag


def card_html(card):
    """One card, folded away below its name."""
    parts = [tag("p", card.summary)]
    if card.unreliable:
        parts.append(tag("p", tag("strong", "Unreliable: "), card.unreliable, class_="warning"))
    parts.append(tag("pre", tag("code", f'model = zoo.load("{card.full_name}")')))
    facts = [pair for pair in _facts(card) if pair]
    parts.append(tag("dl", *(tag("div", tag("dt", k), tag("dd", v)) for k, v in facts)))
    for result in card.results:
        parts += _measured(card, result)
    parts += [*_audit(card), tag("p", card.limits, class_="quiet")]
    name = tag(
        "summary", tag("h3", breakable(card.full_name)), tag("span", card.dataset, class_="quiet")
    )
    return tag("details", name, *parts, id=f"card-{card.full_name}", data_dataset=card.dataset)


def other_card_html(card):
    """The card of an entry without radii: its text as it stands."""
    name = tag(
        "summary", tag("h3", breakable(card.full_name)), tag("span", card.dataset, class_="quiet")
    )
    text = tag("pre", card.to_markdown(), class_="text")
    return tag("details", name, text, id=f"card-{card.full_name}", data_dataset=card.dataset)


def promise(card):
    """What an entry certifies: its label, or that the set of classes stays."""
    relaxed = any("relaxed_vra_bound" in row for row in card.result()["vra"])
    return "a set of labels" if relaxed else "the label"


def _facts(card):
    recipe = card.recipe
    yield "paper", link(card.paper["title"], card.paper["url"])
    yield "promises", promise(card)
    yield "parameters", f"{card.architecture['parameters']:,}"
    yield "input", f"{tuple(card.input['shape'])}, {card.input['range']}"
    yield "trained for radius", f"{card.epsilon:.4g}"
    if card.members:
        votes = zip(card.members, card.architecture["weights"], strict=True)
        yield "vote of", ", ".join(f"{name} (weight {weight:g})" for name, weight in votes)
    else:
        yield "recipe", join([tag("code", recipe["file"]), f", seed {recipe['seed']}"])
        yield "training", f"{recipe['seconds'] / 60:.0f} minutes on {recipe['hardware']}"
        found = card.lipschitz
        yield (
            "largest margin constant",
            f"{found['bound']:.6g} by the bound, {found['estimate']:.6g} by the estimate",
        )
    yield "extra data", recipe["extra_data"]
    for weight in card.weights:
        size = f"{weight['bytes'] / 2**20:.2f} MiB, SHA-256 "
        yield "weights", join([size, tag("code", weight["sha256"])])
    yield "licence", f"{card.licence}; {card.authors}, {card.date}"


def _measured(card, result):
    head = ["radius", "VRA, bound", "estimate"]
    rows = [
        [f"{r['epsilon']:.4f}", _percent(r["vra_bound"]), _percent(r["vra_estimate"])]
        for r in result["vra"]
    ]
    if any("relaxed_vra_bound" in row for row in result["vra"]):
        head += ["label in the set", "mean size"]
        for line, row in zip(rows, result["vra"], strict=True):
            line += [_percent(row["relaxed_vra_bound"]), f"{row['promised_set_size']:.2f}"]
    caption = (
        f"{result['dataset']}, {result['split']}, {result['examples']:,} images: clean "
        f"{_percent(result['clean_accuracy'])}"
    )
    yield tag("p", tag("code", f"python -m zoo evaluate {card.full_name}"))
    yield tag("p", caption)
    yield tag(
        "div", table(head, rows), class_="scroll", tabindex=0, role="region", aria_label=head[1]
    )
    members = result.get("members", {})
    if members:
        lines = [tag("li", f"member {name}: VRA {_percent(vra)}") for name, vra in members.items()]
        yield tag("ul", *lines)
    cascade = result.get("cascade")
    if cascade:
        yield tag(
            "p",
            f"A cascade of the same members claims {_percent(cascade['claimed_vra'])} of the first "
            f"{cascade['examples']:,} images; {_percent(cascade['surviving_vra'])} survive ",
            tag("code", cascade["attack"]),
            ".",
        )


def _audit(card):
    found = card.audit
    if not found:
        return
    tightness = ", ".join(f"{name} {value:.2f}" for name, value in found["tightness"].items())
    yield tag(
        "p",
        f"Attacked on {found['dataset']} {found['split']} at radius {found['epsilon']:.4f}: clean "
        f"{_percent(found['clean'])}, right under attack {_percent(found['empirical'])}, verified "
        f"{_percent(found['vra'])}; {len(found['violations'])} certificates broken. Certified radius "
        f"over the nearest point found: {tightness}. ",
        tag("code", found["attack"]),
    )


def _percent(share):
    return f"{share:.2%}"
