"""Corrections of few outputs, looked up: what a search finds, for every order and active set."""

import itertools
import math

import numpy as np
from keras import ops

MOST_CLASSES = 6
PARTS = ("source", "order", "place", "top", "combination")
MOST_VALUES = 2**19  # that the search which fills a table goes through


class Table:
    """Gives what `Sorting` gives, from a table of all that it can be asked.

    A correction depends on the order of the scores and on which properties are active, and on
    nothing else. So for few of both, all answers are found once; in a graph of operations that each
    cost microseconds, one gather then stands for a hundred of them.

    Args:
        search: `Sorting`, or a compiled one.
        classes, properties: int. How many there are.
    """

    def __init__(self, search, classes, properties):
        self.m = m = classes
        ranks = np.array(list(itertools.permutations(range(m))), "int32")
        sets = np.arange(2**properties)[:, None] >> np.arange(properties) & 1
        scores = np.tile(-ranks.astype("float32"), (len(sets), 1))
        active = np.repeat(sets.astype("bool"), len(ranks), axis=0)
        found = search(ops.convert_to_tensor(scores), ops.convert_to_tensor(active))
        parts = [ops.convert_to_numpy(found[name]).reshape(len(scores), -1) for name in PARTS]
        self.rows = np.concatenate(parts, axis=1).astype("int32")
        self.ends = np.cumsum([part.shape[1] for part in parts])[:-1].tolist()
        # A permutation's number among all: for each pair that is out of order, the factorial of the
        # places left. The second column counts the pairs with a winner: fewer where scores tie.
        factorials = np.array([math.factorial(m - 1 - i) for i in range(m)])
        later = np.where(np.triu(np.ones((m, m), "bool"), 1), factorials[:, None], 0)
        numbers = np.concatenate([later.ravel(), len(ranks) * 2 ** np.arange(properties)])
        pairs = np.arange(len(numbers)) < m * m
        self.weights = np.stack([numbers, pairs], axis=1).astype("float32")

    @staticmethod
    def fits(sorting, properties, combinations):
        """Whether a table is small and quickly filled."""
        if sorting.m > MOST_CLASSES or properties > 16:
            return False
        rows = math.factorial(sorting.m) * 2**properties
        return rows * combinations * sorting.m**2 <= MOST_VALUES

    def __call__(self, scores, active):
        """As `Sorting`, and `tied`, whether any row has equal scores; of rows with NaN something."""
        m = self.m
        behind = ops.reshape(scores[:, None, :] > scores[:, :, None], (-1, m * m))
        facts = ops.cast(ops.concatenate([behind, active], axis=1), "float32")
        # Sums of whole numbers of at most eight bits: exact in any precision of matrix products.
        numbers = ops.cast(ops.matmul(facts, self.weights), "int32")
        tied = ops.any(numbers[:, 1] < m * (m - 1) // 2)
        row = ops.take(ops.convert_to_tensor(self.rows), numbers[:, 0], axis=0)
        found = dict(zip(PARTS, ops.split(row, self.ends, axis=1), strict=True))
        found["top"], found["combination"] = found["top"][:, 0], found["combination"][:, 0]
        return {**found, "tied": tied}
