"""A small certified model and data for it."""

import keras
import numpy as np

import gloro_tf

L = keras.layers


def tiny(classes=3, **kwargs):
    inputs = keras.Input((6,))
    outputs = L.Dense(classes)(gloro_tf.layers.MinMax()(L.Dense(8)(inputs)))
    return gloro_tf.GloroModel(inputs, outputs, epsilon=0.1, **kwargs)


def blobs(n=96, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return (rng.normal(size=(n, 6)) + 2 * np.eye(3, 6)[y]).astype("float32"), y
