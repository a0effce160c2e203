"""Other blocks for LiResNet, at equal compute: is there a better one?

    PYTHONPATH=. python benchmarks/blocks.py --data_dir=... --minutes=6
    PYTHONPATH=. python benchmarks/blocks.py --data_dir=... --steps_only

CIFAR-10 at 36/255, 4 blocks of 32 channels, two dense layers of 256, EMMA. Step times are measured side
by side; each variant then trains as many steps as the baseline's time pays for, in CPU seconds. VRA by
the guaranteed bound on 5,000 held-out training images; the test images are not read.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _blocks as blocks  # noqa: E402
import _timing as timing  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

import gloro_tf  # noqa: E402
from gloro_tf import callbacks  # noqa: E402

VARIANTS = ["linear residual", "bro", "pair_norm", "l2_pooling"]
BATCH, EPSILON = 128, 36 / 255


def compiled(variant):
    keras.utils.set_random_seed(0)
    model = gloro_tf.GloroModel(model=blocks.build(variant), epsilon=EPSILON, power_iterations=1)
    model.compile(keras.optimizers.Nadam(2e-3, global_clipnorm=3.0), loss="emma", jit_compile=True)
    return model


def step_times(variants, rounds, steps=10):
    """CPU milliseconds of one training step by variant, in turn."""
    images, labels = timing.random_data(steps * BATCH, (32, 32, 3))
    runs = {v: timing.epoch(compiled(v), images, labels, BATCH) for v in variants}
    samples = timing.interleave(runs, rounds)
    return {v: 1e3 * cpu / steps for v, (_, cpu) in timing.medians(samples).items()}


def trained(variant, data, epochs):
    model = compiled(variant)
    batches = gloro_tf.data.Batches(
        data.x_train, data.y_train, BATCH, epochs=epochs, augmentation="flip+crop.2", seed=0
    )
    model.fit(
        batches.for_fit(),
        epochs=epochs,
        steps_per_epoch=batches.steps_per_epoch,
        shuffle=False,
        callbacks=[
            callbacks.EpsilonSchedule("0.1 linear 50% 1.5"),
            callbacks.LearningRateSchedule("0 linear 5% 1 cosine 100% 0", 2e-3),
        ],
        verbose=2,
    )
    return model.freeze()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--minutes", type=float, default=6, help="CPU minutes for each variant")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variants", default=",".join(VARIANTS), help="the first is the baseline")
    parser.add_argument("--steps_only", action="store_true")
    args = parser.parse_args()
    timing.print_machine("keras")
    variants = args.variants.split(",")
    times, rows = step_times(variants, args.rounds), []
    print({v: round(t, 1) for v, t in times.items()}, flush=True)
    if args.steps_only:
        return
    data = gloro_tf.data.load("cifar10", data_dir=args.data_dir).validation(0.1, seed=0)
    x, y = gloro_tf.data.to_float(data.x_test), data.y_test
    for variant in variants:
        steps = len(data.x_train) // BATCH
        epochs = max(1, round(60e3 * args.minutes / (times[variant] * steps)))
        model = trained(variant, data, epochs)
        found = model.certify(x)
        right = found.label == y
        vra = [np.mean(right & (found.radius > r / 255)) for r in (36, 72, 108)]
        cost = f"{times[variant]:.0f}", f"{times[variant] / times[variants[0]]:.2f}x"
        figures = [f"{100 * value:.2f}" for value in (right.mean(), *vra)]
        rows.append([variant, model.count_params(), *cost, epochs, *figures])
        print(rows[-1], flush=True)
    timing.print_table(
        f"{args.minutes:g} CPU minutes each, held-out training images",
        ["variant", "weights", "CPU ms a step", "", "epochs", "clean %", "VRA 36/255", "72", "108"],
        rows,
    )


if __name__ == "__main__":
    main()
