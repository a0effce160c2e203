"""What a card must hold before it is read: nested fields and their types.

In a form, a key that ends in `?` may be missing, and `...` stands for every key.
"""

NUMBER = (int, float)
LARGEST = 1e18
WHAT = {str: "a string", int: "an integer", bool: "true or false", NUMBER: "a number"}
FORM = {
    "name": str,
    "revision": int,
    "summary": str,
    "paper": {"title": str, "url": str},
    "licence": str,
    "authors": str,
    "date": str,
    "architecture": {"parameters": int},
    "input": {"shape": [int], "range": str},
    "labels": [str],
    "recipe": {"dataset": str},
    "epsilon": NUMBER,
    "weights": [{"file": str, "bytes": int, "sha256": str}],
    "golden": {},
    "lipschitz": {},
    "results": [{"dataset": str, "split": str, "examples": int}],
    "environment": {},
    "limits": str,
    "in_package?": bool,
    "unreliable?": str,
    "audit?": {},
    "kind?": str,
}
TRAINED = {
    "recipe": {
        **dict.fromkeys(("file", "hardware", "extra_data"), str),
        "seed": int,
        "seconds": NUMBER,
    },
    "lipschitz": {"bound": NUMBER, "estimate": NUMBER},
}
VOTE = {"architecture": {"members": [str], "weights": [NUMBER]}}
CERTIFIED = {
    **dict.fromkeys(("epsilon", "vra_bound", "vra_estimate"), NUMBER),
    **dict.fromkeys(("relaxed_vra_bound?", "promised_set_size?"), NUMBER),
}
CURVE = dict.fromkeys(("epsilon", "vra_bound", "vra_estimate"), [NUMBER])
RELAXED = ("relaxed_vra_bound", "promised_set_size")
CASCADE = {"examples": int, "claimed_vra": NUMBER, "surviving_vra": NUMBER, "attack": str}
CLASSIFIER = {
    "results": [
        {
            "clean_accuracy": NUMBER,
            "vra": [CERTIFIED],
            "members?": {...: NUMBER},
            "cascade?": CASCADE,
            "curve?": CURVE,
        }
    ]
}
COUNTS = ("active", "changed", "changed_safe", "violated", "violated_after")
CORRECTED = {
    "recipe": {"file": str},
    "architecture": {"properties": {"config": {"score": str, "properties": [{"name": str}]}}},
    "results": [
        {"seed": int, "regions": [{"region": str, **dict.fromkeys(COUNTS, int)}]},
    ],
}
ATTACKED = {
    "audit": {
        "dataset": str,
        "split": str,
        "examples": int,
        "attack": str,
        "tightness": {...: NUMBER},
        "violations": [NUMBER],
        **dict.fromkeys(("epsilon", "clean", "empirical", "vra"), NUMBER),
    }
}


def misfit(card):
    """The first thing that a card lacks, in words, or `None`.

    Args:
        card: dict, as JSON gives it.
    """
    kind = card.get("kind", "classifier")
    if kind not in ("classifier", "self_correcting"):
        return f"kind is neither 'classifier' nor 'self_correcting': {kind!r}"
    forms = [FORM, CORRECTED] if kind == "self_correcting" else [FORM, CLASSIFIER]
    if kind == "classifier":
        ensemble = isinstance(card.get("architecture"), dict) and "members" in card["architecture"]
        forms.append(VOTE if ensemble else TRAINED)
    if card.get("audit"):
        forms.append(ATTACKED)
    found = next(filter(None, (_misfit(card, form, "") for form in forms)), None)
    return found or (_unequal(card) if kind == "classifier" else None)


def _unequal(card):
    """What does not go together, in words, of a classifier's card whose fields are there."""
    network, results = card["architecture"], card["results"]
    if "members" in network and len(network["members"]) != len(network["weights"]):
        return ".architecture has not one weight for each member"
    for i, result in enumerate(results):
        if len({len(values) for values in result.get("curve", {}).values()}) > 1:
            return f".results[{i}].curve has columns of several lengths"
        if len({key in row for key in RELAXED for row in result["vra"]}) > 1:
            return f".results[{i}].vra has {' and '.join(RELAXED)} in some rows only"
    return None


def _misfit(value, form, path):
    if isinstance(form, dict):
        if not isinstance(value, dict):
            return f"{path} is not an object: {value!r}"
        fields = {str(key).rstrip("?"): part for key, part in form.items() if key is not ...}
        missing = [key for key in fields if key not in value and f"{key}?" not in form]
        if missing:
            return f"{path or 'it'} lacks {missing[0]!r}"
        fields |= dict.fromkeys(value, form[...]) if ... in form else {}
        parts = (
            (value[key], part, f"{path}.{key}") for key, part in fields.items() if key in value
        )
    elif isinstance(form, list):
        if not isinstance(value, list):
            return f"{path} is not a list: {value!r}"
        parts = ((item, form[0], f"{path}[{i}]") for i, item in enumerate(value))
    else:
        right = isinstance(value, form) and (form is bool or not isinstance(value, bool))
        if right and form in (int, NUMBER):
            right = abs(value) < LARGEST  # and not NaN
        return None if right else f"{path} is not {WHAT[form]}: {value!r}"
    return next(filter(None, (_misfit(*part) for part in parts)), None)
