"""
Title: Promise a set of classes
Description: Top-k and affinity robustness on the embedded digits: what relaxing the promise buys.
"""

"""
## Setup
"""

import matplotlib

matplotlib.use("Agg")
import keras
import matplotlib.pyplot as plt
import numpy as np

import gloro_tf

data = gloro_tf.data.load("digits")
x_train, x_test = gloro_tf.data.to_float(data.x_train), gloro_tf.data.to_float(data.x_test)

"""
## The same network, trained four times: strict, top-2, top-3, and with sets of like shapes
"""

SHAPES = {"round": [0, 6, 8, 9], "straight": [1, 4, 7], "open": [2, 3, 5]}
EPSILON = 0.6


def wrap(kind, net):
    if kind == "strict":
        return gloro_tf.GloroModel(model=net, epsilon=EPSILON)
    if kind == "affinity":
        return gloro_tf.AffinityModel(model=net, epsilon=EPSILON, affinity_sets=SHAPES)
    return gloro_tf.RTKModel(model=net, epsilon=EPSILON, k=int(kind[-1]))


print("model     clean   rejected  label in the promised set  mean size of it")
for kind in ("strict", "affinity", "top-2", "top-3"):
    keras.utils.set_random_seed(0)
    model = wrap(kind, gloro_tf.models.CholeskyMLP(2, 128, data.input_shape, data.num_classes))
    metrics = ["clean_accuracy", "rejection_rate", "top_k_vra", "promised_set_size"]
    model.compile(keras.optimizers.Adam(3e-3), loss="crossentropy.0.2", metrics=metrics)
    model.fit(x_train, data.y_train, batch_size=64, epochs=25, verbose=0)
    found = model.freeze().evaluate(x_test, data.y_test, verbose=0, return_dict=True)
    print(
        f"{kind:9} {found['clean_accuracy']:.1%}   {found['rejection_rate']:5.1%}"
        f"     {found['relaxed_vra']:.1%}                      {found['promised_set_size']:.2f}"
    )

"""
## A picture: test images whose label alone could not be promised, and the set that is
"""

certificate = model.certify(x_test)
chosen = np.flatnonzero(certificate.strictest > 1)[:10]
figure, axes = plt.subplots(2, 5, figsize=(7, 3.4), layout="constrained")
for axis in axes.flat:
    axis.axis("off")
for axis, index in zip(axes.flat, chosen):
    members = ", ".join(str(c) for c in np.flatnonzero(certificate.members[index]))
    axis.imshow(x_test[index, :, :, 0], cmap="gray_r")
    axis.set_title(f"{{{members}}}  r = {certificate.radius[index]:.2f}", fontsize=9)
figure.savefig("promised_sets.png", dpi=150)
print(f"{len(chosen)} images and their promised sets in promised_sets.png")
