"""
Title: How far is the boundary, really?
Description: A small ReLU network on the digits, three radii for each image: the global certificate,
the local one by geometric projections, and the distance of a real adversarial image. The local one
meets the last; the picture shows what the global one leaves.
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
from gloro_tf import geometric_projections

EPSILON, REACH, IMAGES = 0.3, 2.0, 50
keras.utils.set_random_seed(0)
data = gloro_tf.data.load("digits")
x_train, x_test = gloro_tf.data.to_float(data.x_train), gloro_tf.data.to_float(data.x_test)

"""
## A certified model with ReLUs, which the projections can take apart
"""

net = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        keras.layers.Flatten(),
        keras.layers.Dense(16, "relu"),
        keras.layers.Dense(16, "relu"),
        keras.layers.Dense(10),
    ]
)
model = gloro_tf.GloroModel(model=net, epsilon=EPSILON)
model.compile(keras.optimizers.Adam(5e-3), loss="crossentropy", metrics=["clean_accuracy", "vra"])
model.fit(x_train, data.y_train, batch_size=64, epochs=30, verbose=0)
model.freeze()

"""
## The same images, certified globally and locally
"""

x = x_test[:IMAGES]
certificate = model.certify(x)
verdicts = geometric_projections.certify(model, x, REACH, lower_bound=True, seconds=40)
print(verdicts.counts(), f"{verdicts.regions.sum():,} regions looked at")

found = np.isfinite(verdicts.distance)
beyond = x[found] + 1.001 * (verdicts.adversarial - x)[found]  # further than float32 can blur
flips = model.predict(beyond.astype("float32"), verbose=0)[:, :-1].argmax(1)
gap = np.abs(verdicts.distance - verdicts.radius)[found]
print(
    f"{found.sum()} boundaries reached; local radius and adversarial image within {gap.max():.1e}"
)
print(
    f"0.1 % further, {np.mean(flips != verdicts.label[found]):.0%} of them change Keras' own label"
)

"""
## The picture: how much of the true distance each certificate gives
"""

order = np.argsort(verdicts.radius)
figure, axes = plt.subplots(figsize=(7.5, 4), layout="constrained")
rank = np.arange(IMAGES)
axes.fill_between(rank, verdicts.radius[order], alpha=0.15, color="#2563a8", step="mid")
axes.plot(rank, verdicts.radius[order], color="#2563a8", label="local, geometric projections")
axes.plot(
    rank, verdicts.distance[order], "o", ms=3.5, color="#c8443a", label="nearest adversarial image"
)
axes.plot(rank, certificate.radius[order], color="#e08a1e", label="global, Lipschitz constants")
axes.axhline(EPSILON, color="#b4b9c0", linestyle="--", linewidth=1)
axes.set(xlabel="images, by distance", ylabel="L2 radius", ylim=0, title="How far is the boundary?")
axes.legend(frameon=False)
figure.savefig("boundary.png", dpi=150)

tightness = certificate.radius[found] / verdicts.radius[found]
print(f"The global radius is {np.median(tightness):.0%} of the true distance in the median")
