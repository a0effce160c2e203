"""Examples for attacks to work on."""

import numpy as np


def blobs(n, features=20, classes=3, seed=0):
    """Overlapping normal classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    x = rng.normal(size=(n, features)) + 0.8 * np.eye(classes, features)[y]
    return x.astype("float32"), y
