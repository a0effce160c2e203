"""
Title: Fine-tune a model of the zoo on another data set
Description: A model that was trained on MNIST learns the embedded 8x8 digits, and is certified again.
"""

"""
## Setup
"""

import keras
import numpy as np

import gloro_tf
import zoo

keras.utils.set_random_seed(0)

"""
## Prepare the data

The embedded digits have 8x8 pixels, the model takes 28x28: each pixel becomes a 3x3 square.
"""


def enlarge(images):
    large = np.kron(images[..., 0], np.ones((1, 3, 3)))
    return (np.pad(large, ((0, 0), (2, 2), (2, 2)))[..., None] / 255).astype("float32")


data = gloro_tf.data.load("digits")
x_train, x_test = enlarge(data.x_train), enlarge(data.x_test)

"""
## Load, and see what it knows already
"""

model = zoo.load("convnet_2c2f.mnist")


def measure(model):
    label, radius, certified = model.certify(x_test)
    right = label == data.y_test
    return f"clean accuracy {right.mean():.1%}, VRA at 0.3 {np.mean(right & certified):.1%}"


print("before:", measure(model))

"""
## Fine-tune with plain `fit`, and freeze again

`fit` ends the frozen state, because the weights change; only `freeze` makes certificates valid.
"""

model.compile(keras.optimizers.Adam(5e-4), loss="trades_kl.1.5", metrics=["clean_accuracy", "vra"])
model.fit(x_train, data.y_train, batch_size=64, epochs=10, verbose=2)
print("after:", measure(model.freeze()))
