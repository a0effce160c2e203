"""Runs ART's black-box attacks on saved outputs, in the interpreter that has ART."""

import sys

import numpy as np
from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
from art.estimators.classification import BlackBoxClassifier

data = np.load(sys.argv[1])
classes = data["target"].shape[1]
answers = {}
for kind in ("rf", "lr"):
    estimator = BlackBoxClassifier(lambda x: np.eye(classes)[: len(x)], (1,), classes)
    attack = MembershipInferenceBlackBox(estimator, attack_model_type=kind)
    attack.fit(
        None, data["y_in"], None, data["y_out"], pred=data["pred_in"], test_pred=data["pred_out"]
    )
    found = attack.infer(None, data["y"], pred=data["target"], probabilities=True)
    answers[kind] = np.asarray(found)[:, -1]
np.savez(sys.argv[2], **answers)
