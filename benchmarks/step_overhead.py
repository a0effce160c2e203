"""What certified training costs: a step of GloroModel against the same Keras net trained plainly.

2C2F on random 28x28 images, batch 256, Adam, `fit` with its own defaults. The plain net has
softmax cross-entropy and accuracy, GloroModel cross-entropy with bottom, clean accuracy and VRA;
activation and initial weights are the same. An epoch is timed from its begin to its end.

    python benchmarks/step_overhead.py
    KERAS_BACKEND=jax python benchmarks/step_overhead.py
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import keras  # noqa: E402

import gloro_tf  # noqa: E402

BATCH = 256
BAR = 1.15


def plain(activation):
    """The logits model, trained as any Keras user would."""
    keras.utils.set_random_seed(0)
    net = gloro_tf.models.ConvNet("2C2F", (28, 28, 1), 10, activation=activation)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(1e-3), loss=loss, metrics=["accuracy"])
    return net


def certified(activation, power_iterations=2):
    """The same net inside a GloroModel."""
    keras.utils.set_random_seed(0)
    net = gloro_tf.models.ConvNet("2C2F", (28, 28, 1), 10, activation=activation)
    model = gloro_tf.GloroModel(model=net, epsilon=0.3, power_iterations=power_iterations)
    model.compile(
        keras.optimizers.Adam(1e-3), loss="crossentropy", metrics=["clean_accuracy", "vra"]
    )
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30, help="steps in each timed epoch")
    parser.add_argument("--rounds", type=int, default=11)
    args = parser.parse_args()
    images, labels = timing.random_data(args.steps * BATCH)
    timing.print_machine("keras", "tensorflow" if keras.backend.backend() != "jax" else "jax")
    rows = []
    for activation in ("minmax", "relu"):
        models = {"plain": plain(activation)}
        models |= {f"GloroModel, {n} power iterations": certified(activation, n) for n in (1, 2, 5)}
        runs = {name: timing.epoch(m, images, labels, BATCH) for name, m in models.items()}
        samples = timing.interleave(runs, args.rounds)
        for name, (wall, cpu) in timing.medians(samples).items():
            over = timing.ratio(samples, name, "plain")
            over_wall = timing.ratio(samples, name, "plain", column=0)
            milliseconds = [f"{1e3 * seconds / args.steps:.1f}" for seconds in (cpu, wall)]
            bar = f"at most {BAR}x" if " 2 " in name else ""
            rows.append([activation, name, *milliseconds, f"{over:.3f}x", f"{over_wall:.3f}x", bar])
    timing.print_table(
        f"Milliseconds per training step, 2C2F, batch {BATCH}, {keras.backend.backend()} "
        f"({args.rounds} rounds of {args.steps} steps in turn, medians)",
        ["activation", "model", "CPU ms", "wall ms", "CPU ratio", "wall ratio", "bar"],
        rows,
    )


if __name__ == "__main__":
    main()
