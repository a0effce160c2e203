"""CIFAR-100 at radius 36/255: a LiResNet for a laptop's processor.

Paper: Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024. Here, seed 0, 8 epochs in
23 minutes on one busy CPU core, guaranteed bound: clean 33.26 %, VRA 23.34 %.

    python train.py --recipe=liresnet_4x32_cifar100 --data_dir=...
"""

from gloro_tf.training import Recipe

RECIPE = Recipe(
    dataset="cifar100",
    model="liresnet.4x32.2x256",
    epsilon=36 / 255,
    loss="emma",
    epochs=8,
    batch_size=128,
    optimizer="nadam",
    learning_rate=2e-3,
    learning_rate_schedule="0 linear 5% 1 cosine 100% 0",
    epsilon_schedule="0.1 linear 50% 1.5",
    augmentation="flip+crop.2",
    clip_norm=3.0,
    power_iterations=1,
    validation=0.0,
)
