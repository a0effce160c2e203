"""What a relaxed promise costs in training: steps of RTK and affinity models against GloroModel's.

One network, 100 classes, random images, compiled by XLA; with a bottom-logit loss, whose bottom column
is where the models differ, and with EMMA.

    python benchmarks/relaxed_step.py
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import keras  # noqa: E402

import gloro_tf  # noqa: E402

BAR = 1.05
KINDS = {
    "GloroModel": lambda net: gloro_tf.GloroModel(model=net, epsilon=36 / 255),
    "RTKModel, k=3": lambda net: gloro_tf.RTKModel(model=net, epsilon=36 / 255, k=3),
    "RTKModel, k=5": lambda net: gloro_tf.RTKModel(model=net, epsilon=36 / 255, k=5),
    "AffinityModel, 20 sets of 5": lambda net: gloro_tf.AffinityModel(
        model=net, epsilon=36 / 255, affinity_sets="cifar100_superclasses"
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="liresnet.4x32.2x256")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=8, help="steps in each timed epoch")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    images, labels = timing.random_data(args.steps * args.batch, (32, 32, 3), classes=100)
    timing.print_machine("keras")
    for loss in ("crossentropy", "emma"):
        models = {}
        for name, wrap in KINDS.items():
            models[name] = wrap(gloro_tf.models.build(args.model, (32, 32, 3), 100))
            optimizer = keras.optimizers.Nadam(1e-3, global_clipnorm=3.0)
            models[name].compile(optimizer, loss=loss, jit_compile=True)
        bars = dict.fromkeys(list(KINDS)[1:], BAR)
        title = f"{args.model}, {loss}"
        timing.compare_steps(models, images, labels, args.batch, args.rounds, bars, title)


if __name__ == "__main__":
    main()
