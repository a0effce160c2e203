"""One file of weights on TensorFlow, JAX and PyTorch: logits, radii and certified sets compared.

A GloroModel is trained briefly on the embedded digits (TensorFlow), frozen and saved. Each backend
loads the `.keras` file in a process of its own and certifies the test images and 2,000 random
ones. The band holds the images whose best score lies within 2e-4 of bottom, where two logits that
are each 1e-4 off may decide either way.

    python benchmarks/backends.py
"""

import argparse
import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import numpy as np  # noqa: E402

BACKENDS = ("tensorflow", "jax", "torch")
LOGIT_BAR = 1e-4


def train(path, epochs=20):
    """Trains 2C2F on the digits, freezes it and saves it."""
    import keras

    import gloro_tf

    keras.utils.set_random_seed(0)
    data = gloro_tf.data.load("digits")
    images, labels = gloro_tf.data.to_float(data.x_train), data.y_train
    net = gloro_tf.models.ConvNet("2C2F", data.input_shape, 10)
    model = gloro_tf.GloroModel(model=net, epsilon=0.3)
    model.compile(keras.optimizers.Adam(2e-3), loss="crossentropy")
    model.fit(images, labels, batch_size=128, epochs=epochs, verbose=0)
    model.freeze().save(path)


def certify(path, answer_path):
    """Loads the model and stores what it says about the images."""
    import keras

    import gloro_tf

    data = gloro_tf.data.load("digits")
    images = gloro_tf.data.to_float(data.x_test)
    rng = np.random.default_rng(0)
    images = np.concatenate([images, rng.random((2000, *data.input_shape), dtype=np.float32)])
    model = keras.saving.load_model(path)
    scores = model.predict(images, verbose=0)
    label, radius, certified = model.certify(images)
    np.savez(
        answer_path,
        logits=scores[:, :-1],
        surplus=scores[:, :-1].max(axis=1) - scores[:, -1],
        label=label,
        radius=radius,
        certified=certified,
        bound=gloro_tf.lipschitz.bound(model.logits_model),
    )


def compare(one, other):
    """A row of the table from the answers of two backends."""
    outside = np.abs(one["surplus"]) > 2 * LOGIT_BAR
    differs = one["certified"] != other["certified"]
    differs |= one["certified"] & other["certified"] & (one["label"] != other["label"])
    return [
        f"{np.abs(one['logits'] - other['logits']).max():.1e}",
        f"{np.abs(one['radius'] - other['radius']).max():.1e}",
        int(other["certified"].sum()),
        f"{int((differs & outside).sum())} of {int(outside.sum())}",
        f"{int((differs & ~outside).sum())} of {int((~outside).sum())}",
        f"{np.abs(one['bound'] / other['bound'] - 1):.1e}",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worker", choices=("train", "certify"))
    parser.add_argument("--model")
    parser.add_argument("--answer")
    args = parser.parse_args()
    if args.worker == "train":
        return timing.answer(train(args.model))
    if args.worker == "certify":
        return timing.answer(certify(args.model, args.answer))
    timing.print_machine("keras", "tensorflow", "jax", "torch")
    with tempfile.TemporaryDirectory() as folder:
        model, answers = pathlib.Path(folder, "model.keras"), {}
        call = [__file__, "--worker", "train", "--model", model]
        timing.worker(call, KERAS_BACKEND="tensorflow")
        for backend in BACKENDS:
            file = pathlib.Path(folder, f"{backend}.npz")
            call = [__file__, "--worker", "certify", "--model", model, "--answer", file]
            timing.worker(call, KERAS_BACKEND=backend)
            answers[backend] = dict(np.load(file))
    first = answers["tensorflow"]
    print(f"\n{len(first['label'])} images, largest |logit| {np.abs(first['logits']).max():.2f}")
    timing.print_table(
        f"Against TensorFlow (bars: logits within {LOGIT_BAR:g}, 0 decisions outside the band)",
        ["backend", "logit difference", "radius difference", "certified"]
        + ["decided otherwise outside the band", "inside", "relative difference of bounds"],
        [[backend, *compare(first, answers[backend])] for backend in BACKENDS],
    )


if __name__ == "__main__":
    main()
