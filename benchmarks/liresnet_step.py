"""What certification costs a LiResNet: its training step against the same network's, plain.

The plain network is trained with softmax cross-entropy; the certified one with EMMA, one power
iteration a step. Both are compiled by XLA, with the same optimiser, on the same random images.

    python benchmarks/liresnet_step.py
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import keras  # noqa: E402

import gloro_tf  # noqa: E402

BAR = 1.06


def optimizer():
    return keras.optimizers.Nadam(1e-3, global_clipnorm=3.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="liresnet.6x64.4x256")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=6, help="steps in each timed epoch")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    images, labels = timing.random_data(args.steps * args.batch, (32, 32, 3))
    timing.print_machine("keras")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    models = {"plain": gloro_tf.models.build(args.model, (32, 32, 3), 10)}
    models["plain"].compile(optimizer(), loss=loss, metrics=["accuracy"], jit_compile=True)
    for count in (1, 2):
        net = gloro_tf.models.build(args.model, (32, 32, 3), 10)
        model = gloro_tf.GloroModel(model=net, epsilon=36 / 255, power_iterations=count)
        model.compile(optimizer(), loss="emma", jit_compile=True)
        models[f"GloroModel, {count} power iterations"] = model
    bars = {"GloroModel, 1 power iterations": BAR}
    timing.compare_steps(models, images, labels, args.batch, args.rounds, bars, args.model)


if __name__ == "__main__":
    main()
