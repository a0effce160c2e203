r"""CIFAR-10 at radius 36/255 with a LiResNet for half an hour of one large GPU.

Paper: Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024. Not trained here yet.

    KERAS_BACKEND=jax python train.py --recipe=liresnet_12x384_cifar10 --data_dir=... --resident \
        --mixed_precision --time_budget=30 --workdir=runs/liresnet_12x384

The time fixes the epochs; docs/recipes.md has the commands that make an entry of the zoo of the run.
"""

from zoo import recipes

RECIPE = recipes.like("liresnet_8x256_cifar10", model="liresnet.12x384.4x1024")
