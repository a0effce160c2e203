"""Tiny-ImageNet at radius 36/255 with the convolutional network of the GloRo paper.

Paper: Leino, Wang, Fredrikson, Globally-Robust Neural Networks, ICML 2021 (VRA 22.4 %). Published
settings; for a GPU. Not trained here.

    python train.py --recipe=gloro_8c2f_tiny_imagenet --data_dir=...
"""

from zoo import recipes

RECIPE = recipes.like("gloro_6c2f_cifar10", dataset="tiny_imagenet", model="8C2F")
