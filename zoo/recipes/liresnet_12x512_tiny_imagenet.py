"""Tiny-ImageNet at radius 36/255 with the large LiResNet.

Paper: Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024 (with generated images VRA
37.0 %). Published settings without generated images; for a GPU. Not trained here.

    python train.py --recipe=liresnet_12x512_tiny_imagenet --data_dir=...
"""

from zoo import recipes

RECIPE = recipes.like(
    "liresnet_12x512_cifar10",
    dataset="tiny_imagenet",
    augmentation="flip+crop.8+randaugment_half.9",
)
