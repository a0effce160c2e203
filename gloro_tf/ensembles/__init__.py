"""Ensembles that keep the promises of their members, and ensembles that abstain."""

from gloro_tf.ensembles.cascade import cascade
from gloro_tf.ensembles.models import CascadeEnsemble, VotingEnsemble
from gloro_tf.ensembles.selective import (
    binomial_p_values,
    disagreement_bound,
    selective_vote,
    smallest_ensemble,
)
from gloro_tf.ensembles.selective_ensemble import SelectiveEnsemble
from gloro_tf.ensembles.vote import vote, vote_radius
from gloro_tf.ensembles.weights import fit_weights

__all__ = [
    "CascadeEnsemble",
    "SelectiveEnsemble",
    "VotingEnsemble",
    "binomial_p_values",
    "cascade",
    "disagreement_bound",
    "fit_weights",
    "selective_vote",
    "smallest_ensemble",
    "vote",
    "vote_radius",
]
