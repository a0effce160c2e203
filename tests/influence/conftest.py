"""One random language model, and a question about one sentence."""

import numpy as np
import pytest
from small_language_models import random_trace

from gloro_tf.influence import NeutralLine, NumberAgreement


@pytest.fixture(scope="session")
def trace():
    return random_trace()


@pytest.fixture(scope="session")
def ids():
    return np.array([1, 4, 7, 3, 9])


@pytest.fixture(scope="session")
def quantity():
    return NumberAgreement(correct_id=3, wrong_id=12)


@pytest.fixture(scope="session")
def line():
    return NeutralLine(position=1, counterpart_id=5)


@pytest.fixture(scope="session")
def short():
    """Three points and no doubling: whatever is exact, is exact for these."""
    return NeutralLine(position=1, counterpart_id=5, steps=3, tolerance=None)
