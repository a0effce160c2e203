"""Mistakes that a type checker must find; each line says by which of its rules. Never run."""

import keras
import numpy as np

import gloro_tf
import zoo

x, y = np.zeros((8, 28, 28, 1), "float32"), np.arange(8)
network = gloro_tf.models.ConvNet("2C2F", (28, 28, 1), 10)
model = gloro_tf.GloroModel(model=network, epsilon="0.3")  # error: arg-type
model.margin_lipschitz(kind="exact")  # error: arg-type
radii = model.certify(x).radii  # error: attr-defined
first, second = model.certify(x)  # error: misc
gloro_tf.RTKModel(model=network, epsilon=0.3)  # error: call-arg
gloro_tf.models.ConvNet("2C2F", 28, 10)  # error: arg-type
gloro_tf.models.LiResNet(4, 32, variant="chords")  # error: arg-type
bound: str = gloro_tf.lipschitz.bound(network)  # error: assignment
gloro_tf.lipschitz.register_activation(keras.ops.relu)  # error: call-arg
gloro_tf.attacks.standard(norm="l1")  # error: arg-type
gloro_tf.attacks.PGD(steps=40)(model, x, y, epsilon=0.3)  # error: call-arg
gloro_tf.ensembles.vote(y, num_classes=10)  # error: call-arg
gloro_tf.ensembles.cascade(y, y, certificate="fast")  # error: arg-type
gloro_tf.geometric_projections.certify(network, x, 0.3, norm="l3")  # error: arg-type
gloro_tf.export(model, "model.tflite", format="tflite")  # error: arg-type
gloro_tf.training.run("recipe.py", "run")  # error: arg-type
zoo.load("liresnet_small.mnist", weights="random")  # error: arg-type
zoo.fetch("liresnet_small.mnist", offline="yes")  # error: arg-type
