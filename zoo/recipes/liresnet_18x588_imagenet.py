"""ImageNet at radius 1 with the first LiResNet.

Paper: Hu et al., Unlocking Deterministic Robustness Certification on ImageNet, NeurIPS 2023
(VRA 14.2 %). Published settings; for eight GPUs and a machine whose memory holds the
images. Not trained here.

    python train.py --recipe=liresnet_18x588_imagenet --data_dir=...
"""

from gloro_tf.training import Recipe

RECIPE = Recipe(
    dataset="imagenet2012",
    model="liresnet_neurips.18x588.1x2048",
    epsilon=1.0,
    loss="margin",
    epochs=400,
    batch_size=1024,
    optimizer="adamw",
    learning_rate=1e-3,
    learning_rate_schedule="0 linear 5% 1 cosine 100% 0",
    epsilon_schedule="0.1 linear 50% 1.5",
    augmentation="flip+crop.16",
    clip_norm=3.0,
    power_iterations=2,
    validation=0.0,
    image_size=224,
)
