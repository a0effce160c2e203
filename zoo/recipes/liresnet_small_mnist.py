"""MNIST at radius 1.58: a small LiResNet.

Papers: Leino et al., ICML 2021 (the setting; 4C3F, VRA 62.8 %); Hu et al., A Recipe for Improved
Certifiable Robustness, ICLR 2024 (the network). Here, seed 0, guaranteed bound: clean 97.70 %, VRA
61.92 %, in 30 minutes on one shared CPU core; the dense layers of `mnist_eps158` do better. Width and
first radius were chosen on held-out training images, 6 epochs each (VRA 23 % for 4 blocks of 16, 45 %
for 2 of 32 with 6 dense layers, 46 to 51 % with a radius that starts higher).

    python train.py --recipe=liresnet_small_mnist --data_dir=...
"""

from gloro_tf.training import Recipe

RECIPE = Recipe(
    dataset="mnist",
    model="liresnet.2x32.6x256",
    epsilon=1.58,
    loss="emma.0.5",
    epochs=24,
    batch_size=256,
    optimizer="nadam",
    learning_rate=2e-3,
    learning_rate_schedule="0 linear 5% 1 cosine 100% 0",
    epsilon_schedule="0.4 linear 40% 1.1",
    clip_norm=3.0,
    power_iterations=1,
    validation=0.0,
)
