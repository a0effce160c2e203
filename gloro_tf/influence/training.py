"""The small language model: its architecture, its training, and what it must know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from gloro_tf.influence.agreement import agreement_accuracy
from gloro_tf.influence.grammar import TASKS, AgreementGrammar
from gloro_tf.influence.trace import LSTMTrace


def language_model(
    vocabulary: int,
    width: int = 48,
    units: Sequence[int] = (48, 48),
    dropout: float = 0.1,
    dtype: Any = None,
) -> keras.Model:
    """Builds `Embedding -> LSTM -> Dropout -> LSTM -> Dense`, from token ids to logits.

    Args:
        vocabulary: int. Number of words.
        width: int. Of the embedding. Defaults to 48.
        units: sequence of int. One for each LSTM layer. Defaults to two of 48.
        dropout: float. Between the layers. Defaults to 0.1.
        dtype: Keras dtype policy. Defaults to the global one.

    Returns:
        A functional `keras.Model` from `(batch, length)` to `(batch, length, vocabulary)`.
    """
    layers = keras.layers
    words = keras.Input((None,), dtype="int32", name="words")
    x = layers.Embedding(vocabulary, width, dtype=dtype, name="embedding")(words)
    for number, size in enumerate(units):
        if number:
            x = layers.Dropout(dropout, dtype=dtype)(x)
        x = layers.LSTM(size, return_sequences=True, dtype=dtype, name=f"lstm_{number}")(x)
    logits = layers.Dense(vocabulary, dtype=dtype, name="logits")(x)
    return keras.Model(words, logits, name="language_model")


def train_language_model(
    grammar: AgreementGrammar,
    seed: int = 0,
    sentences: int = 20_000,
    epochs: int = 8,
    batch_size: int = 128,
    learning_rate: float = 6e-3,
    accuracy: float = 0.99,
    attempts: int = 3,
    verbose: int = 0,
) -> tuple[keras.Model, dict[tuple[str, str], float]]:
    """Trains the small language model until it knows agreement.

    It learns agreement abruptly, after some epochs at chance. So that nothing is analysed that it
    does not know, its accuracy is measured on all 18 conditions, and it is trained again for as long
    where one is below `accuracy`.

    Args:
        grammar: `AgreementGrammar`.
        seed: int. Of the sentences, the weights and their order.
        sentences, epochs, batch_size: int. Default to 20,000, 8 and 128.
        learning_rate: float. Of Adam, falling to a tenth along a cosine. Defaults to 6e-3.
        accuracy: float. What every condition must reach. Defaults to 0.99.
        attempts: int. How often to train. Defaults to 3.
        verbose: int. As for `fit`.

    Returns:
        `(model, accuracies)`: the Keras model, and a dict from `(task, condition)` to floats.

    Raises:
        RuntimeError: if a condition stays below `accuracy`.
    """
    keras.utils.set_random_seed(seed)
    table = grammar.sentences(sentences, seed)
    model = language_model(len(grammar.words))
    steps = epochs * -(-sentences // batch_size)
    for _ in range(attempts):
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=0.1)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss)
        model.fit(table[:, :-1], table[:, 1:], batch_size, epochs, verbose=verbose)
        found = accuracies(LSTMTrace.from_keras(model), grammar)
        if min(found.values()) >= accuracy:
            return model, found
    worst = min(found, key=lambda condition: found[condition])
    raise RuntimeError(
        f"Agreement must be right in at least {accuracy:.0%} of each condition. Received: "
        f"{found[worst]:.1%} in {worst}, after {attempts} times {epochs} epochs. Remedy: more epochs "
        "or sentences."
    )


def accuracies(
    trace: LSTMTrace, grammar: AgreementGrammar, number: int = 200, seed: int = 1
) -> dict[tuple[str, str], float]:
    """Agreement accuracy in all 18 conditions, a dict from `(task, condition)` to floats.

    Args:
        trace: `LSTMTrace`.
        grammar: `AgreementGrammar`.
        number: int. Sentences for each condition. Defaults to 200.
        seed: int. Not that of the training sentences. Defaults to 1.

    Returns:
        dict.
    """
    result = {}
    for task in TASKS:
        data = grammar.agreement_set(task, number, seed)
        found = agreement_accuracy(trace, data)
        result.update({(task, condition): value for condition, value in found.items()})
    return result
