"""CIFAR-10 at radius 36/255 with the first LiResNet.

Paper: Hu et al., Unlocking Deterministic Robustness Certification on ImageNet, NeurIPS 2023.
Published settings (static margin loss, as the released code has it); for a GPU. Not trained here.

    python train.py --recipe=liresnet_18x256_cifar10 --data_dir=...
"""

from gloro_tf.training import Recipe

RECIPE = Recipe(
    dataset="cifar10",
    model="liresnet_neurips.18x256",
    epsilon=36 / 255,
    loss="margin",
    epochs=800,
    batch_size=256,
    optimizer="adamw",
    learning_rate=1e-3,
    learning_rate_schedule="0 linear 2.5% 1 cosine 100% 0",
    epsilon_schedule="0.1 linear 50% 1.5",
    augmentation="flip+crop.4",
    clip_norm=3.0,
    weight_decay=1e-4,
    power_iterations=2,
    validation=0.0,
)
