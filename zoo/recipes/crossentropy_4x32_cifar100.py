"""CIFAR-100 at radius 36/255 with the bottom logit's cross-entropy: the strict network of four.

Paper: Leino, Wang and Fredrikson, Globally-Robust Neural Networks, ICML 2021 (loss); network of
`liresnet_4x32_cifar100`. Its siblings `..._rtk3`, `..._rtk5` and `..._affinity` differ in the promise
alone; `benchmarks/relaxed_promises.py` puts them side by side. Here, seed 0,
5 epochs on one shared CPU core, guaranteed bound: clean 35.59 %, rejected 78.19 %, VRA 15.94 %.

    python train.py --recipe=crossentropy_4x32_cifar100 --data_dir=...
"""

import dataclasses

from gloro_tf.training import Recipe
from zoo import recipes

RECIPE = dataclasses.replace(
    Recipe.load(recipes.find("liresnet_4x32_cifar100")),
    loss="crossentropy",
    epochs=5,
    epsilon_schedule="0.1 linear 50% 1",
)
