"""
Title: Certify a digit classifier
Description: Train on the embedded 8x8 digits, then ask how far each prediction can be trusted.
"""

"""
## Setup
"""

import keras
import numpy as np

import gloro_tf

keras.utils.set_random_seed(0)

"""
## Prepare the data
"""

data = gloro_tf.data.load("digits")
x_train, x_test = gloro_tf.data.to_float(data.x_train), gloro_tf.data.to_float(data.x_test)

"""
## Build a model of logits, and wrap it

Bottom, the last score, is what any rival class can reach within `epsilon`.
"""

net = gloro_tf.models.CholeskyMLP(3, 128, data.input_shape, data.num_classes)
model = gloro_tf.GloroModel(model=net, epsilon=0.3)

"""
## Train with plain `fit`
"""

model.compile(keras.optimizers.Adam(3e-3), loss="emma.0.25", metrics=["clean_accuracy", "vra"])
model.fit(
    x_train,
    data.y_train,
    batch_size=64,
    epochs=30,
    callbacks=[gloro_tf.callbacks.EpsilonSchedule("0.1 linear 50% 1.3")],
    verbose=2,
)

"""
## Freeze and certify

`freeze` replaces the estimate that training used by a guaranteed bound.
"""

label, radius, certified = model.freeze().certify(x_test)
right = label == data.y_test
print(model.lipschitz_report())
print(f"clean accuracy {right.mean():.1%}, mean certified radius {np.mean(radius * right):.3f}")
print(f"verified robust accuracy at {model.epsilon:.2f}: {np.mean(right & certified):.1%}")
