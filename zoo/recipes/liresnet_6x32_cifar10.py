"""CIFAR-10 at radius 36/255: a LiResNet that trains in minutes on a laptop's processor.

Paper: Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024. Here, seed 1, guaranteed
bound: clean 63.19 %, VRA 49.85 %, in 21 minutes on one shared CPU core. A member of the zoo's vote of
CIFAR-10 entries.

    python train.py --recipe=liresnet_6x32_cifar10 --data_dir=...
"""

from zoo import recipes

RECIPE = recipes.like("liresnet_4x32_cifar10", model="liresnet.6x32.2x256", seed=1)
