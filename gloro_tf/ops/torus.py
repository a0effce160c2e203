"""A guaranteed bound on zero-padded convolutions through twisted tori.

A zero-padded convolution is a restriction of the circular convolution on any torus that is large
enough to keep the taps which leave the image on cells that hold zeros. What crosses the seam of
the torus only ever reads those zeros, so it may also be multiplied by -1: periodic or
anti-periodic along each axis, four tori in two dimensions, and each gives a valid bound. The least
of the four is taken. The anti-periodic one is exact for a low-pass kernel, where the periodic one
is loosest (`1 + 2 cos(pi / (N + 1))` for the box kernel on N cells).
"""

import itertools

import numpy as np

from gloro_tf.ops.certified_norm import UNIT_ROUNDOFF, certified_norm, round_up

CHUNK_ENTRIES = 2**24


def torus_norm(kernels, sides):
    """Bounds the spectral norm of a stride-1 convolution on a zero-guarded grid.

    Args:
        kernels: `(height, width, in_channels, out_channels)` array, or a list of them for the
            groups of a grouped convolution. Values are taken as exact.
        sides: `(int, int)`. Cells of the torus along each axis: at least the cells of the input
            plus the taps before it, and at least the cells of the output plus the taps after it.

    Returns:
        float. At least the norm of the convolution, whatever the zero padding.
    """
    kernels = kernels if isinstance(kernels, list) else [kernels]
    kernels = [np.asarray(kernel, "float64") for kernel in kernels]
    if not all(np.all(np.isfinite(kernel)) for kernel in kernels):
        raise ValueError("`kernels` must be finite. Received: an array with NaN or infinity.")
    best = min(twists(sides), key=lambda t: max(_rough_norm(k, sides, t) for k in kernels))
    return max(_twisted_norm(kernel, sides, best) for kernel in kernels)


def twists(sides):
    """The tori to choose from: 0 periodic, 1 anti-periodic, for each axis."""
    return list(itertools.product(*[(0, 1) if side > 1 else (0,) for side in sides]))


def _twisted_norm(kernel, sides, twist):
    """The proved bound on one torus, the rounding of the symbols included."""
    taps = kernel.shape[0] * kernel.shape[1]
    per_tap = np.sqrt(np.sum(kernel**2, axis=(2, 3))).sum()
    rounding = 8 * (taps + 8) * UNIT_ROUNDOFF * per_tap
    frequencies = _frequencies(sides, twist)
    step = max(1, CHUNK_ENTRIES // (kernel.shape[2] * kernel.shape[3]))
    largest = 0.0
    for start in range(0, len(frequencies), step):
        chunk = _symbols(kernel, sides, twist, frequencies[start : start + step])
        largest = max(largest, certified_norm(chunk))
    return float(round_up(largest + rounding, 4))


def _frequencies(sides, twist):
    """One of each pair of conjugate frequencies, `(count, 2)` integers."""
    grid = np.stack(np.meshgrid(*map(np.arange, sides), indexing="ij"), -1).reshape(-1, 2)
    mirrored = (-grid - np.array(twist)) % np.array(sides)
    rank = grid[:, 0] * sides[1] + grid[:, 1]
    return grid[rank <= mirrored[:, 0] * sides[1] + mirrored[:, 1]]


def _symbols(kernel, sides, twist, frequencies):
    """`sum_t K[t] exp(i w t)` at each frequency, `(count, in_channels, out_channels)`.

    Angles are reduced in integers (`2 pi (f + twist / 2) t / side`), so only the sine and cosine
    of a value in [0, 2 pi) are rounded.
    """
    height, width, inside, outside = kernel.shape
    waves = []
    for axis, count in enumerate((height, width)):
        turns = np.outer(2 * frequencies[:, axis] + twist[axis], np.arange(count))
        waves.append(np.exp(1j * np.pi * (turns % (2 * sides[axis])) / sides[axis]))
    phases = waves[0][:, :, None] * waves[1][:, None, :]
    flat = phases.reshape(len(frequencies), -1) @ kernel.reshape(height * width, -1)
    return flat.reshape(-1, inside, outside)


def _rough_norm(kernel, sides, twist, steps=8):
    """Which torus is tightest: a choice among valid bounds, so an estimate is enough."""
    scale = np.abs(kernel).max(initial=0)
    if scale == 0:
        return 0.0
    frequencies = _frequencies(sides, twist)
    step = max(1, CHUNK_ENTRIES // (kernel.shape[2] * kernel.shape[3]))
    largest = 0.0
    for start in range(0, len(frequencies), step):
        part = frequencies[start : start + step]
        chunk = _symbols(kernel / scale, sides, twist, part).astype("complex64")
        vectors = np.random.default_rng(0).normal(size=(len(chunk), chunk.shape[2], 1))
        vectors, adjoint = vectors.astype("complex64"), np.conj(np.swapaxes(chunk, 1, 2))
        for _ in range(steps):
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
            vectors = adjoint @ (chunk @ vectors)
        largest = max(largest, float(np.sqrt(np.linalg.norm(vectors, axis=1).max(initial=0))))
    return largest
