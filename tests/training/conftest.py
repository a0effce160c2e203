"""Fixtures of training runs."""

import pytest

from gloro_tf.training import Recipe


@pytest.fixture
def recipe():
    """A recipe that takes a few seconds, nearly all of them to compile."""
    return Recipe(model="cholesky_mlp.1x16", loss="emma.0.25", epochs=2, batch_size=512)
