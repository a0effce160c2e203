"""Code as users write it, which a type checker must accept. Nothing here is run."""

import pathlib

import keras
import numpy as np

import gloro_tf
import zoo
from gloro_tf.types import Array, Tensor

x: Array = np.zeros((8, 28, 28, 1), "float32")
y = np.arange(8)

network = gloro_tf.models.ConvNet("2C2F", (28, 28, 1), 10)
model = gloro_tf.GloroModel(model=network, epsilon=0.3)
model.compile("adam", loss="emma", metrics=["clean_accuracy", gloro_tf.metrics.VRA()])
model.fit(x, y, epochs=2, callbacks=[gloro_tf.callbacks.EpsilonSchedule("0.1 linear 50% 1.5")])
model.epsilon = 0.25
label, radius, certified = model.freeze().certify(x)
constants: Array = model.margin_lipschitz(kind="estimate")
share: float = float(certified.mean())

relaxed = gloro_tf.RTKModel(model=network, epsilon=0.3, k=3)
members: Array = relaxed.certify(x).members
sets = gloro_tf.AffinityModel(model=network, epsilon=0.3, affinity_sets=[[0, 1], [2]])

bound: float = gloro_tf.lipschitz.bound(network)


@gloro_tf.lipschitz.register(keras.layers.Layer)
def rule(layer: keras.layers.Layer, input_shape: tuple[int | None, ...]) -> float:
    return 1.0


def sampled(task: gloro_tf.attacks.Task) -> Array:
    return task.ball.project(task.ball.sample(task.rng))


class Sampled(gloro_tf.attacks.Attack):
    def search(self, task: gloro_tf.attacks.Task) -> Array:
        return sampled(task)


found = Sampled(norm="linf", bounds=None)(model, x.tolist(), [0] * 8, epsilons=[0.1, 0.3])
broken: int = int(found.broken.sum())
report = gloro_tf.audit.certificate(model, x, y)

votes, sure = gloro_tf.ensembles.vote([[0, 1]], [[True, False]], num_classes=2, weights=[1.0])
answers: Array = gloro_tf.ensembles.selective_vote(np.zeros((6, 8), int), num_classes=10)
verdicts = gloro_tf.geometric_projections.certify(network, x, epsilon=0.1, norm="l2")
counts: dict[str, int] = verdicts.counts()

outputs = gloro_tf.self_correcting.Outputs(3, names=["stay", "left", "right"])
box = gloro_tf.self_correcting.Box(0.0, [1.0, None])
order = gloro_tf.self_correcting.Property(box, outputs["stay"] < outputs["left"])
safe: keras.Model = gloro_tf.self_correcting.make_self_correcting(network, [order])

recipe = gloro_tf.training.Recipe(dataset="digits")
results = gloro_tf.training.run(recipe, pathlib.Path("run"), time_budget=3)
written: pathlib.Path = gloro_tf.export(model, "model.onnx", format="onnx")

names: list[str] = zoo.list("*.mnist*")
accuracy = zoo.evaluate(names[0])["clean_accuracy"]
paths: list[pathlib.Path] = zoo.fetch(names[0])


def smooth(logits: Tensor) -> Tensor:
    return keras.ops.tanh(logits)


gloro_tf.lipschitz.register_activation(smooth, constant=1.0)
