"""Ensembles that keep the promises of their members, and ensembles that abstain."""

from gloro_tf.ensembles.attributions import attributions
from gloro_tf.ensembles.cascade import cascade
from gloro_tf.ensembles.cascade_attack import CascadeAttack, CascadeBreaks
from gloro_tf.ensembles.consistency import ConsistencyReport, consistency_report
from gloro_tf.ensembles.models import CascadeEnsemble, VotingEnsemble
from gloro_tf.ensembles.selective import (
    binomial_p_values,
    disagreement_bound,
    selective_vote,
    smallest_ensemble,
)
from gloro_tf.ensembles.selective_ensemble import SelectiveEnsemble
from gloro_tf.ensembles.similarity import attribution_similarity
from gloro_tf.ensembles.train_selective import train_members, train_selective_ensemble
from gloro_tf.ensembles.vote import vote, vote_radius
from gloro_tf.ensembles.weights import fit_weights

__all__ = [
    "CascadeAttack",
    "CascadeBreaks",
    "CascadeEnsemble",
    "ConsistencyReport",
    "SelectiveEnsemble",
    "VotingEnsemble",
    "attribution_similarity",
    "attributions",
    "binomial_p_values",
    "cascade",
    "consistency_report",
    "disagreement_bound",
    "fit_weights",
    "selective_vote",
    "smallest_ensemble",
    "train_members",
    "train_selective_ensemble",
    "vote",
    "vote_radius",
]
