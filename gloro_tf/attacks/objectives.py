"""What an attack climbs: tensors `(n, classes)` of logits and labels in, `(n,)` tensors out."""

from keras import ops


def margin(logits, y, rival):
    """The best rival's logit above the label's; positive where the label changed."""
    own = ops.one_hot(y, logits.shape[-1], dtype="bool")
    best = ops.max(ops.where(own, -1e30, logits), axis=-1)
    return best - ops.sum(ops.where(own, logits, 0.0), axis=-1)


def targeted_margin(logits, y, rival):
    """The logit of class `rival` above the label's."""
    return _at(logits, rival) - _at(logits, y)


def crossentropy(logits, y, rival):
    """The cross-entropy of the label."""
    return -_at(ops.log_softmax(logits, axis=-1), y)


def dlr(logits, y, rival):
    """The difference of logits ratio (Croce and Hein, 2020, eq. 6): a margin without scale."""
    order = _sorted(logits)
    return margin(logits, y, rival) / (order[:, 0] - order[:, 2] + 1e-12)


def targeted_dlr(logits, y, rival):
    """The difference of logits ratio for a class (Croce and Hein, 2020, eq. 7)."""
    order = _sorted(logits)
    scale = order[:, 0] - 0.5 * (order[:, 2] + order[:, 3]) + 1e-12
    return targeted_margin(logits, y, rival) / scale


def _at(rows, labels):
    own = ops.one_hot(labels, rows.shape[-1], dtype="bool")
    return ops.sum(ops.where(own, rows, 0.0), axis=-1)


def _sorted(logits):
    return ops.flip(ops.sort(logits, axis=-1), axis=-1)


OBJECTIVES = {"margin": margin, "crossentropy": crossentropy, "dlr": dlr}
TARGETED = {"margin": targeted_margin, "dlr": targeted_dlr}
NEEDS = {dlr: 3, targeted_dlr: 4}


def chosen_objective(name, targets):
    """The objective of a name, towards one class at a time where `targets` is positive."""
    known = TARGETED if targets else OBJECTIVES
    if name not in known:
        raise ValueError(
            f"`objective` must be one of {sorted(known)} with targets={targets}. "
            f"Received: objective={name!r}"
        )
    return known[name]
