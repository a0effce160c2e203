"""
Title: Attack your own certificate
Description: Train a certified classifier, put what attacks leave of its accuracy beside what it
proves, and see the audit catch a bound that is 20 % too small.
"""

"""
## Setup
"""

import keras
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import gloro_tf

data = gloro_tf.data.load("digits")
x, y = gloro_tf.data.to_float(data.x_train), data.y_train
x_test, y_test = gloro_tf.data.to_float(data.x_test), data.y_test

"""
## A certified classifier of embedded digits
"""

keras.utils.set_random_seed(0)
net = gloro_tf.models.CholeskyMLP(3, 128, (8, 8, 1), 10)
model = gloro_tf.GloroModel(model=net, epsilon=0.3)
model.compile(keras.optimizers.Nadam(5e-3), loss="emma.0.1", metrics=[])
model.fit(x, y, batch_size=128, epochs=30, verbose=0)
model.freeze()

"""
## Proof and attack side by side

No attack may fall below the proof. Between the two curves lies what is neither proved nor refuted.
"""

attack = gloro_tf.attacks.WorstOf(
    [gloro_tf.attacks.PGD(steps=30, restarts=1, targets=4), gloro_tf.attacks.APGD(steps=30)]
)
radii = [0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3]
broken = attack(model, x_test, y_test, epsilons=radii).broken
found = model.certify(x_test)
proved = [np.mean((found.label == y_test) & (found.radius > r)) for r in radii]
empirical = 1 - broken.mean(axis=1)

figure, axis = plt.subplots(figsize=(5, 3.4), layout="constrained")
axis.plot(radii, empirical, "o-", label="right under attack")
axis.plot(radii, proved, "s-", label="right and proved")
axis.fill_between(radii, proved, empirical, alpha=0.15)
axis.set(xlabel="L2 radius (pixels in [0, 1])", ylabel="share of test images", ylim=(0, 1))
axis.legend(frameon=False)
figure.savefig("attacked.png", dpi=150)

"""
## The audit, on a right bound and on one that is 20 % too small
"""

report = gloro_tf.audit.certificate(model, x_test, y_test)
print(report)
print(gloro_tf.audit.lipschitz(model, x_test))
print(gloro_tf.audit.rounding(model, x_test))

tables = model.frozen_tables()
model.restore_frozen({**tables, "growth": 0.8 * tables["growth"]})
try:
    gloro_tf.audit.certificate(model, x_test, y_test)
    caught = 0
except gloro_tf.audit.UnsoundCertificate as error:
    caught = len(error.report.violations)
print(f"gap at 0.3: {empirical[2] - proved[2]:.4f}; violations of the planted bound: {caught}")
