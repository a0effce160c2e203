"""Helpers that try to prove bounds and certificates wrong, for our tests and for our users'."""

from gloro_tf.testing.attack import certificate_breaks, pgd, promise_breaks
from gloro_tf.testing.explicit import explicit_matrix, spectral_norm
from gloro_tf.testing.lower_bound import assert_bound_holds, lipschitz_lower_bound
from gloro_tf.testing.random_graph import random_graph

__all__ = [
    "assert_bound_holds",
    "certificate_breaks",
    "explicit_matrix",
    "lipschitz_lower_bound",
    "pgd",
    "promise_breaks",
    "random_graph",
    "spectral_norm",
]
