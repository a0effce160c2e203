r"""CIFAR-10 at radius 36/255 with a LiResNet for twenty minutes of one GPU.

Paper: Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024. Not trained here yet.

    KERAS_BACKEND=jax python train.py --recipe=liresnet_8x256_cifar10 --data_dir=... --resident \
        --mixed_precision --time_budget=20 --workdir=runs/liresnet_8x256

The time fixes the epochs; docs/recipes.md has the commands that make an entry of the zoo of the run.
"""

from gloro_tf.training import Recipe

RECIPE = Recipe(
    dataset="cifar10",
    model="liresnet.8x256.4x512",
    epsilon=36 / 255,
    loss="emma",
    epochs=300,
    batch_size=512,
    optimizer="nadam",
    learning_rate=1.5e-3,
    learning_rate_schedule="0 linear 2.5% 1 cosine 100% 0",
    epsilon_schedule="0.1 linear 50% 1.5",
    augmentation="flip+crop.4",
    clip_norm=3.0,
    ema=0.999,
    power_iterations=2,
    validation=0.0,
)
