"""MNIST at radius 0.3: the 2C2F network of the GloRo paper, on a laptop.

Paper: Leino, Wang, Fredrikson, Globally-Robust Neural Networks, ICML 2021 (VRA 95.7 % at 0.3).
Here, seed 0, guaranteed bound: clean 98.97 %, VRA 96.55 %. About 9 minutes on two CPU cores
(60 epochs of 8 s).

    python train.py --recipe=mnist_eps030 --data_dir=...
"""

from gloro_tf.training import Recipe

RECIPE = Recipe(
    dataset="mnist",
    model="2C2F",
    epsilon=0.3,
    loss="crossentropy",
    epochs=60,
    batch_size=256,
    optimizer="adam",
    learning_rate=2e-3,
    learning_rate_schedule="0.1 linear 2% 1 cosine 100% 0",
    epsilon_schedule="0.5 linear 30% 1.6",
    power_iterations=2,
    validation=0.0,
)
