"""
Title: Why cascades are unsound
Description: Three sound classifiers of two moons; a cascade of them certifies points that it should
not, a vote does not. The picture shows where.
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

EPSILON = 0.08
rng = np.random.default_rng(0)

"""
## Two moons, in the unit square
"""

angle = rng.uniform(0, np.pi, 600)
label = np.arange(600) % 2
x = np.stack([np.cos(angle) * (1 - 2 * label) + label, np.sin(angle) * (1 - 2 * label)], 1)
x = ((x + rng.normal(0, 0.08, x.shape) + [1.3, 1.3]) / 3.6).astype("float32")

"""
## Three certified members, trained on shifted copies of the data
"""

members = []
for number, shift in enumerate(([0, 0], [0, -0.12], [0.12, 0])):
    keras.utils.set_random_seed(number)
    net = gloro_tf.models.CholeskyMLP(4, 64, (2,), 2)
    model = gloro_tf.GloroModel(model=net, epsilon=EPSILON, name=f"member_{number}")
    model.compile(keras.optimizers.Adam(5e-3), loss="emma.0.05", metrics=[])
    model.fit(x + np.float32(shift), label, batch_size=100, epochs=60, verbose=0)
    members.append(model.freeze())

"""
## Ask them on a grid, and combine the answers in three ways
"""

side = 161
axis = np.linspace(0, 1, side, dtype="float32")
grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
answers = [model.certify(grid, batch_size=4096) for model in members]
labels = np.stack([a.label for a in answers])
certified = np.stack([a.certified for a in answers])

results = {
    "cascade, as published": gloro_tf.ensembles.cascade(labels, certified, "claimed"),
    "cascade, sound": gloro_tf.ensembles.cascade(labels, certified, "sound"),
    "vote": gloro_tf.ensembles.vote(labels, certified, 2),
}

"""
## A certified point is false if a grid point within epsilon has another label
"""

reach = int(EPSILON * (side - 1))
near = [
    (i, j)
    for i in range(-reach, reach + 1)
    for j in range(-reach, reach + 1)
    if i * i + j * j < (EPSILON * (side - 1)) ** 2
]
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for axis_, (name, (answer, holds)) in zip(axes, results.items()):
    plane = answer.reshape(side, side)
    padded = np.pad(plane, reach, mode="edge")
    false = np.zeros((side, side), bool)
    for i, j in near:
        moved = padded[reach + i : reach + i + side, reach + j : reach + j + side]
        false |= moved != plane
    false &= holds.reshape(side, side)
    shown = np.where(holds.reshape(side, side), plane + 1.0, 0.0) + 3 * false
    axis_.imshow(shown, origin="lower", cmap="viridis", extent=(0, 1, 0, 1))
    axis_.set_title(f"{name}: {false.sum():,} false of {holds.sum():,}", fontsize=9)
    print(f"{name:22} certifies {holds.mean():.1%} of the square; {false.sum():5} points falsely")
figure.savefig("cascades.png", dpi=150)
