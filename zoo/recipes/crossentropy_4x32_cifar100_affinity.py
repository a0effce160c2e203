"""CIFAR-100 at radius 36/255, affinity robustness over the 20 superclasses.

Paper: Leino and Fredrikson, Relaxing Local Robustness, NeurIPS 2021; network and training of
`crossentropy_4x32_cifar100`.

    python train.py --recipe=crossentropy_4x32_cifar100_affinity --data_dir=...
"""

import dataclasses

from gloro_tf.training import Recipe
from zoo import recipes

RECIPE = dataclasses.replace(
    Recipe.load(recipes.find("crossentropy_4x32_cifar100")),
    relaxation="affinity.cifar100_superclasses",
)
