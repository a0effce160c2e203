"""ImageNet at radius 36/255 with the large LiResNet.

Paper: Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024 (with generated images VRA
38.3 %). Published settings without generated images; for eight GPUs and a machine
whose memory holds the images. Not trained here.

    python train.py --recipe=liresnet_12x588_imagenet --data_dir=...
"""

from gloro_tf.training import Recipe

RECIPE = Recipe(
    dataset="imagenet2012",
    model="liresnet.12x588.8x2048",
    epsilon=36 / 255,
    loss="emma",
    epochs=400,
    batch_size=1024,
    optimizer="nadam",
    learning_rate=1e-3,
    learning_rate_schedule="0 linear 5% 1 cosine 100% 0",
    epsilon_schedule="0.1 linear 50% 2",
    augmentation="flip+crop.16+randaugment_half.9",
    clip_norm=3.0,
    power_iterations=2,
    validation=0.0,
    image_size=224,
)
