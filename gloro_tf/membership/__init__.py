"""Calibrated white-box membership inference: does this model leak its training data?

Larger scores mean *member*, in every attack.
"""

from gloro_tf.membership import curves
from gloro_tf.membership.audit import audit
from gloro_tf.membership.baselines import LossThreshold, Naive
from gloro_tf.membership.bayes_wb import BayesWB
from gloro_tf.membership.calibrator import Calibrator
from gloro_tf.membership.evaluate import Evaluation, evaluate, interval_over_targets
from gloro_tf.membership.evidence import Evidence
from gloro_tf.membership.general_wb import GeneralWB
from gloro_tf.membership.lira import LiRA
from gloro_tf.membership.privacy import (
    Guarantee,
    account,
    advantage_bound,
    guarantee,
    noise_for,
)
from gloro_tf.membership.recipe import TrainingRecipe
from gloro_tf.membership.references import References, fit_proxies
from gloro_tf.membership.report import AuditReport
from gloro_tf.membership.rmia import RMIA
from gloro_tf.membership.shadow_black_box import ShadowBlackBox
from gloro_tf.membership.split import (
    MembershipSplit,
    balanced_masks,
    random_masks,
    three_parts,
    two_camps,
)
from gloro_tf.training import PrivateSGD

__all__ = [
    "AuditReport",
    "BayesWB",
    "Calibrator",
    "Evaluation",
    "Evidence",
    "GeneralWB",
    "Guarantee",
    "LiRA",
    "LossThreshold",
    "MembershipSplit",
    "Naive",
    "PrivateSGD",
    "RMIA",
    "References",
    "ShadowBlackBox",
    "TrainingRecipe",
    "account",
    "advantage_bound",
    "audit",
    "balanced_masks",
    "curves",
    "evaluate",
    "fit_proxies",
    "guarantee",
    "interval_over_targets",
    "noise_for",
    "random_masks",
    "three_parts",
    "two_camps",
]
