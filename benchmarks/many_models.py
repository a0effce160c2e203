"""Many small models trained at once (`fit_many`) against a Python loop over `fit`.

200 MLPs of the embedded digits, the same epochs, batches and optimizer. The loop is measured on a
few models, each built, compiled and fitted anew, and scaled to 200; `fit_many` is measured whole,
initial weights and compilation included. Both then predict the test set.

    python benchmarks/many_models.py
    KERAS_BACKEND=jax python benchmarks/many_models.py
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

import gloro_tf  # noqa: E402

BAR = 0.2
BATCH, RATE = 32, 2e-3


def build():
    layers = [keras.layers.Flatten(), keras.layers.Dense(64, "relu"), keras.layers.Dense(10)]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


def loop(data, count, epochs):
    """Accuracies of models trained one after another."""
    x, y, x_test, y_test = data
    found = []
    for seed in range(count):
        keras.utils.set_random_seed(seed)
        model = build()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(RATE), loss)
        model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)
        found.append(np.mean(model.predict(x_test, verbose=0).argmax(axis=1) == y_test))
    return np.array(found)


def together(data, count, epochs):
    """Accuracies of models trained at once."""
    x, y, x_test, y_test = data
    optimizer = keras.optimizers.Adam(RATE)
    many = gloro_tf.training.fit_many(
        build, x, y, n=count, epochs=epochs, batch_size=BATCH, optimizer=optimizer
    )
    return (many.labels(x_test) == y_test).mean(axis=1)


def measure(function, *arguments):
    """`(accuracies, wall seconds, CPU seconds)`."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = function(*arguments)
    return found, time.perf_counter() - wall, time.process_time() - cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--loop", type=int, default=5, help="models that the loop trains")
    parser.add_argument("--epochs", type=int, default=20)
    args = parser.parse_args()
    backend = keras.backend.backend()
    timing.print_machine("keras", "tensorflow" if backend == "tensorflow" else backend)
    data = gloro_tf.data.load("digits")
    images = [gloro_tf.data.to_float(part) for part in (data.x_train, data.x_test)]
    data = images[0], data.y_train, images[1], data.y_test
    loop(data, 1, 1)  # what the first model pays for all
    scale = args.models / args.loop
    one, *of_loop = measure(loop, data, args.loop, args.epochs)
    all_, *of_many = measure(together, data, args.models, args.epochs)
    rows = []
    for name, accuracy, seconds in (
        (f"loop over `fit`, {args.loop} models scaled to {args.models}", one, of_loop),
        ("`fit_many`", all_, of_many),
    ):
        wall, cpu = (s * (scale if accuracy is one else 1) for s in seconds)
        base = [s * scale for s in of_loop]
        spread = f"{accuracy.mean():.2%} +- {accuracy.std():.2%}"
        share = f"{wall / base[0]:.3f}x"
        rows.append([name, f"{wall:.1f}", f"{cpu:.1f}", share, f"{cpu / base[1]:.3f}x", spread])
    timing.print_table(
        f"{args.models} MLPs 64-64-10 on the digits, {args.epochs} epochs, batch {BATCH}, {backend} "
        f"(bar: at most {BAR}x of the loop)",
        ["trained by", "wall s", "CPU s", "wall ratio", "CPU ratio", "test accuracy"],
        rows,
    )


if __name__ == "__main__":
    main()
