"""Tiny-ImageNet at radius 36/255 with the convolutional network of the GloRo paper.

Paper: Leino, Wang, Fredrikson, Globally-Robust Neural Networks, ICML 2021 (VRA 22.4 %). Published
settings; for a GPU. Not trained here.

    python train.py --recipe=gloro_8c2f_tiny_imagenet --data_dir=...
"""

from gloro_tf.training import Recipe

RECIPE = Recipe(
    dataset="tiny_imagenet",
    model="8C2F",
    epsilon=36 / 255,
    loss="trades_kl.1.2",
    epochs=800,
    batch_size=512,
    optimizer="adam",
    learning_rate=1e-3,
    learning_rate_schedule="1 constant 50% 1 exponential 100% 0.001",
    epsilon_schedule="0.01 log 50% 1",
    augmentation="flip+crop.4",
    power_iterations=5,
    validation=0.0,
)
