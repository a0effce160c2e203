"""Tiny-ImageNet at radius 36/255 with the first LiResNet.

Paper: Hu et al., Unlocking Deterministic Robustness Certification on ImageNet, NeurIPS 2023.
Published settings; for a GPU. Not trained here.

    python train.py --recipe=liresnet_18x256_tiny_imagenet --data_dir=...
"""

from zoo import recipes

RECIPE = recipes.like(
    "liresnet_18x256_cifar10", dataset="tiny_imagenet", augmentation="flip+crop.8"
)
