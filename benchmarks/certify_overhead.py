"""What a certificate costs: `certify` on a frozen 2C2F against `predict` of the bare logits model.

10,000 random 28x28 images, batch 256. The second table says where the difference goes.

    python benchmarks/certify_overhead.py
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

import gloro_tf  # noqa: E402
from gloro_tf.margins import FrozenMargins  # noqa: E402
from gloro_tf.models import certificate, checks  # noqa: E402

BAR = 1.05


def frozen_model():
    """A frozen 2C2F with its initial weights; the time does not depend on them."""
    keras.utils.set_random_seed(0)
    net = gloro_tf.models.ConvNet("2C2F", (28, 28, 1), 10)
    return gloro_tf.GloroModel(model=net, epsilon=0.3).freeze()


def pieces(model, images):
    """What `certify` does besides predicting, as functions."""
    arrays = [keras.ops.convert_to_numpy(table).astype("float64") for table in model._tables[:4]]
    logits = model.logits_model.predict(images, batch_size=256, verbose=0)
    lengths = checks.lengths(images)

    def switch():
        with certificate.full_precision():
            pass

    return {
        "fingerprint of the weights": model._check_fresh,
        "16-bit check": lambda: certificate.check_precision(model.logits_model),
        "TF32 switch": switch,
        "lengths of the inputs, float64": lambda: checks.lengths(images),
        "margins and radii, float64": lambda: FrozenMargins(*arrays).radius(logits, lengths),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=21)
    args = parser.parse_args()
    images, _ = timing.random_data(args.samples)
    model = frozen_model()
    runs = {
        "predict, bare logits": lambda: model.logits_model.predict(
            images, batch_size=256, verbose=0
        ),
        "certify": lambda: model.certify(images),
        "predict, with bottom": lambda: model.predict(images, batch_size=256, verbose=0),
    }
    assert np.isfinite(model.certify(images).radius).all()
    timing.print_machine("keras")
    samples = timing.interleave(runs, args.rounds, warmup=3)
    whole = timing.medians(samples)
    rows = [
        [
            name,
            *[f"{1e3 * seconds:.1f}" for seconds in (cpu, wall)],
            f"{timing.ratio(samples, name, 'predict, bare logits'):.3f}x",
            f"{timing.ratio(samples, name, 'predict, bare logits', column=0):.3f}x",
            f"at most {BAR}x" if name == "certify" else "",
        ]
        for name, (wall, cpu) in whole.items()
    ]
    timing.print_table(
        f"{args.samples:,} images, 2C2F, batch 256, {keras.backend.backend()} "
        f"({args.rounds} rounds in turn, medians)",
        ["call", "CPU ms", "wall ms", "CPU ratio", "wall ratio", "bar"],
        rows,
    )
    base = whole["predict, bare logits"]
    parts = timing.medians(timing.interleave(pieces(model, images), args.rounds))
    timing.print_table(
        "Where the difference goes",
        ["part", "CPU ms", "wall ms", "% of predict, CPU"],
        [
            [name, f"{1e3 * cpu:.2f}", f"{1e3 * wall:.2f}", f"{100 * cpu / base[1]:.2f}"]
            for name, (wall, cpu) in parts.items()
        ],
    )


if __name__ == "__main__":
    main()
