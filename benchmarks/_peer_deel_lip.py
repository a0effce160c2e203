"""Train a certified classifier of the embedded digits with the PyPI package ``deel-lip`` 1.5.0.

The other side of ``peer_deel_lip.py``. It does not import this repository: ``deel-lip`` 1.5.0 needs
Keras 2, so it runs in an environment of its own, made with (Python 3.11)::

    python3.11 -m venv .deel
    .deel/bin/pip install deel-lip==1.5.0 "tensorflow<2.16" "numpy<2"

Two hidden SpectralDense layers with GroupSort2, one spectral output layer, Adam, the loss that does
best on held-out training images out of the package's own. The last line of standard output is one
JSON object; the weights as a plain Keras network (``vanilla_export``) go to a file.
"""

import argparse
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import deel.lip as lip  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

CLASSES = 10
LOSSES = {
    **{f"tau {tau:g}": lip.losses.TauCategoricalCrossentropy(tau) for tau in (1.0, 2.0, 5.0, 20.0)},
    **{f"HKR {a:g}": lip.losses.MulticlassHKR(a, min_margin=0.6) for a in (10.0,)},
}


def build(width):
    return lip.model.Sequential(
        [
            tf.keras.Input((8, 8, 1)),
            tf.keras.layers.Flatten(),
            lip.layers.SpectralDense(width),
            lip.activations.GroupSort2(),
            lip.layers.SpectralDense(width),
            lip.activations.GroupSort2(),
            lip.layers.SpectralDense(CLASSES, use_bias=True),
        ]
    )


def vra(logits, labels, epsilon):
    """Right and certified, as the package's documentation does it: gap over sqrt 2, constant 1."""
    ordered = np.sort(logits, axis=1)
    radius = (ordered[:, -1] - ordered[:, -2]) / np.sqrt(2)
    return float(np.mean((logits.argmax(1) == labels) & (radius > epsilon)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--digits", required=True)
    parser.add_argument("--export", required=True)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--epsilon", type=float, default=0.3)
    parser.add_argument("--width", type=int, default=256)
    args = parser.parse_args()
    data = np.load(args.digits)
    x, x_test = (data[k].astype("float32") / 255 for k in ("x_train", "x_test"))
    y, y_test = data["y_train"], data["y_test"]
    order = np.random.default_rng(0).permutation(len(x))
    held, kept = order[: len(x) // 10], order[len(x) // 10 :]
    best = None
    for name, loss in LOSSES.items():
        tf.keras.utils.set_random_seed(0)
        model = build(args.width)
        model.compile(tf.keras.optimizers.Adam(1e-3), loss=loss)
        targets = tf.keras.utils.to_categorical(y[kept], CLASSES)
        model.fit(x[kept], targets, batch_size=128, epochs=1, verbose=0)
        wall, cpu = time.perf_counter(), time.process_time()
        model.fit(x[kept], targets, batch_size=128, epochs=args.epochs - 1, verbose=0)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        plain = model.vanilla_export()
        found = vra(plain.predict(x[held], verbose=0), y[held], args.epsilon)
        if best is None or found > best[0]:
            best = found, name, plain, [wall / (args.epochs - 1), cpu / (args.epochs - 1)]
    held_out, name, plain, seconds = best
    logits = plain.predict(x_test, verbose=0)
    np.savez(args.export, *plain.get_weights(), logits=logits)
    result = {
        "loss": name,
        "held_out_vra": held_out,
        "epoch": seconds,
        "clean": float(np.mean(logits.argmax(1) == y_test)),
        "vra": vra(logits, y_test, args.epsilon),
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
