"""MNIST at radius 1.58: five orthonormal dense layers.

Papers: Leino et al., ICML 2021 (4C3F, VRA 62.8 %); Hu et al., A Recipe for Improved Certifiable
Robustness, ICLR 2024 (the orthonormal layers and EMMA).
Here, seed 0, guaranteed bound: clean 96.96 %, VRA 67.87 %. 23 minutes on two busy CPU cores.

    python train.py --recipe=mnist_eps158 --data_dir=...
"""

from gloro_tf.training import Recipe

RECIPE = Recipe(
    dataset="mnist",
    model="cholesky_mlp.5x256",
    epsilon=1.58,
    loss="emma.0.5",
    epochs=60,
    batch_size=512,
    optimizer="nadam",
    learning_rate=3e-3,
    learning_rate_schedule="0 linear 3% 1 cosine 100% 0",
    epsilon_schedule="0.1 linear 50% 1.1",
    validation=0.0,
)
