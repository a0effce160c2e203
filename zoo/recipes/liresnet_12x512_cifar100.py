"""CIFAR-100 at radius 36/255 with the large LiResNet.

Paper: Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024 (with generated images VRA
50.1 %). Published settings without generated images; for a GPU. Not trained here.

    python train.py --recipe=liresnet_12x512_cifar100 --data_dir=...
"""

from zoo import recipes

RECIPE = recipes.like("liresnet_12x512_cifar10", dataset="cifar100")
