"""Random language models, small enough for every oracle."""

import keras
import numpy as np

from gloro_tf.influence import LSTMTrace, language_model

VOCABULARY = 20


def random_model(units=(7, 6), width=5, dtype=None, scale=0.6, seed=0):
    model = language_model(VOCABULARY, width, units, dtype=dtype)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, scale, w.shape) for w in model.get_weights()])
    return model


def random_trace(units=(7, 6), width=5, scale=0.6, seed=0):
    """As `LSTMTrace.from_keras`, in float64 on every backend."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.normal(0, scale, shape)

    layers, below = [], width
    for n in units:
        layers.append((draw(below, 4 * n), draw(n, 4 * n), draw(4 * n)))
        below = n
    return LSTMTrace(draw(VOCABULARY, width), layers, draw(below, VOCABULARY), draw(VOCABULARY))


class FromEmbeddings:
    """A Keras language model from embeddings to the logits of the last step."""

    def __init__(self, model):
        self.model = model
        self.compute_dtype = model.get_layer("logits").compute_dtype

    def __call__(self, x, training=False):
        for layer in self.model.layers:
            if isinstance(layer, (keras.layers.LSTM, keras.layers.Dense)):
                x = layer(x)
        return x[:, -1]
