"""The public functions: the Lipschitz constant of a model or layer, bounded or estimated."""

from __future__ import annotations

import keras
import numpy as np

from gloro_tf.lipschitz.graph import trace
from gloro_tf.ops import compiled, round_up

CHUNK = 10


def bound(model_or_layer: keras.Model | keras.layers.Layer, verbose: int = 0) -> float:
    """Returns a guaranteed upper bound on the L2 Lipschitz constant of a model or layer.

    Args:
        model_or_layer: a functional or sequential `keras.Model`, or a built layer. The constant
            is that of the function at inference, from all inputs jointly to the output.
        verbose: int. 1 shows a progress bar over the layers. Defaults to 0.

    Returns:
        float. Computed in float64 and rounded outwards.

    Raises:
        UnsupportedLayerError: for a layer without a rule; none is ever assumed to be 1.
        ValueError: for weights with NaN or infinity.

    Reference:
        [Leino et al., Globally-Robust Neural Networks](https://arxiv.org/abs/2102.08452), for the
        composition over layers.
    """
    traced = trace(model_or_layer)
    values = bounds_of(traced, verbose)
    return float(round_up(traced.constant(lambda f: values[id(f)]), 2 * len(traced.steps) + 4))


def bounds_of(traced, verbose=0):
    """The bound of each factor of a trace, by `id`, with a progress bar if `verbose`."""
    factors, values = traced.factors(), {}
    bar = keras.utils.Progbar(len(factors), verbose=verbose) if verbose else None
    for number, factor in enumerate(factors, start=1):
        values[id(factor)] = factor.bound()
        if bar:
            bar.update(number)
    return values


def initial_iterate(factor, seed=0):
    """A random start, which unlike a vector of ones is orthogonal to nothing in particular."""
    start = np.random.default_rng([seed, *factor.iterate_shape]).normal(size=factor.iterate_shape)
    return (start / np.linalg.norm(start)).astype("float32")


def estimate(model_or_layer: keras.Model | keras.layers.Layer, iterations: int = 200) -> float:
    """Returns an estimate, from below, of the same constant that `bound` bounds.

    Args:
        model_or_layer: a functional or sequential `keras.Model`, or a built layer.
        iterations: int. Power iterations for each layer. Defaults to 200.

    Returns:
        float. It trains and reports; it never certifies.
    """
    traced = trace(model_or_layer)
    values = estimates_of(traced, iterations)
    return float(traced.constant(lambda f: values[id(f)]))


def estimates_of(traced, iterations):
    """The converged estimate of each factor of a trace, by `id`, as floats."""
    factors = traced.factors()
    moving = [f for f in factors if f.iterate_shape is not None]
    iterates = [keras.ops.convert_to_tensor(initial_iterate(f)) for f in moving]
    advance = compiled(lambda vs: [f.advance(v, CHUNK) for f, v in zip(moving, vs, strict=True)])
    for _ in range(-(-iterations // CHUNK) if moving else 0):
        iterates = advance(iterates)
    known = {id(f): v for f, v in zip(moving, iterates, strict=True)}
    return {id(f): float(keras.ops.convert_to_numpy(f.estimate(known.get(id(f))))) for f in factors}
