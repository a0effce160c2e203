"""CIFAR-10 at radius 36/255: a LiResNet that trains in minutes on a laptop's processor.

Paper: Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024. Here, seed 1, guaranteed
bound: clean 63.19 %, VRA 49.85 %, in 21 minutes on one shared CPU core. A member of the zoo's vote of
CIFAR-10 entries.

    python train.py --recipe=liresnet_6x32_cifar10 --data_dir=...
"""

from gloro_tf.training import Recipe

RECIPE = Recipe(
    dataset="cifar10",
    model="liresnet.6x32.2x256",
    epsilon=36 / 255,
    loss="emma",
    epochs=10,
    batch_size=128,
    optimizer="nadam",
    learning_rate=2e-3,
    learning_rate_schedule="0 linear 5% 1 cosine 100% 0",
    epsilon_schedule="0.1 linear 50% 1.5",
    augmentation="flip+crop.2",
    clip_norm=3.0,
    power_iterations=1,
    validation=0.0,
    seed=1,
)
