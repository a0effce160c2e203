"""CIFAR-100 at radius 36/255, affinity robustness over the 20 superclasses.

Paper: Leino and Fredrikson, Relaxing Local Robustness, NeurIPS 2021 (affinity robustness); network and
loss of `liresnet_4x32_cifar100`. Here, seed 0, 8 epochs in 22 minutes on two busy CPU cores, guaranteed
bound: clean 33.87 %, label in the promised set 27.48 %, mean size of the set 1.42.

    python train.py --recipe=liresnet_4x32_cifar100_affinity --data_dir=...
"""

from zoo import recipes

RECIPE = recipes.like("liresnet_4x32_cifar100", relaxation="affinity.cifar100_superclasses")
