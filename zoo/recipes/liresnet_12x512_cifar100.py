"""CIFAR-100 at radius 36/255 with the large LiResNet.

Paper: Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024 (with generated images VRA
50.1 %). Published settings without generated images; for a GPU. Not trained here.

    python train.py --recipe=liresnet_12x512_cifar100 --data_dir=...
"""

from gloro_tf.training import Recipe

RECIPE = Recipe(
    dataset="cifar100",
    model="liresnet.12x512.8x2048",
    epsilon=36 / 255,
    loss="emma",
    epochs=800,
    batch_size=256,
    optimizer="nadam",
    learning_rate=1e-3,
    learning_rate_schedule="0 linear 2.5% 1 cosine 100% 0",
    epsilon_schedule="0.1 linear 50% 3",
    augmentation="flip+crop.4+randaugment_half.9",
    clip_norm=3.0,
    power_iterations=2,
    validation=0.0,
)
