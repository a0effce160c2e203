"""What is measured of an entry that is a vote of others, beside its own VRA."""

import numpy as np

import gloro_tf

ATTACKED = 1000
ATTACK = gloro_tf.ensembles.CascadeAttack(steps=100, restarts=2)


def ensemble_figures(model, card, x, y):
    """VRA of each member at the vote's radius; what a cascade of the members claims, and how much of
    it survives an attack, on the first images.

    Returns:
        dict for JSON: `members`, `{name: vra}`, and `cascade`.
    """
    x = gloro_tf.data.to_float(x)
    labels, radii = model.member_radii(x)
    held = (labels == y) & (radii > model.epsilon)
    cascade = gloro_tf.ensembles.CascadeEnsemble(model.members, certificate="claimed")
    found = ATTACK(cascade, x[:ATTACKED], y[:ATTACKED])
    claimed = found.attacked & found.certified
    return {
        "members": dict(zip(card.members, held.mean(axis=1).tolist(), strict=True)),
        "cascade": {
            "examples": len(claimed),
            "claimed_vra": float(np.mean(claimed)),
            "surviving_vra": float(np.mean(claimed & ~found.broken)),
            "attack": repr(ATTACK),
        },
    }
