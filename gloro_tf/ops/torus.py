"""A guaranteed bound on zero-padded convolutions through twisted tori.

A zero-padded convolution is a restriction of the circular convolution on any torus that is large
enough to keep the taps which leave the image on cells that hold zeros. What crosses the seam of
the torus only ever reads those zeros, so it may also be multiplied by -1: periodic or
anti-periodic along each axis, four tori in two dimensions, and each gives a valid bound. The least
of the four is taken. The anti-periodic one is exact for a low-pass kernel, where the periodic one
is loosest (`1 + 2 cos(pi / (N + 1))` for the box kernel on N cells).
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import os
from collections.abc import Sequence

import numpy as np

from gloro_tf.ops.certified_norm import UNIT_ROUNDOFF, certified_norm, round_up
from gloro_tf.types import ArrayLike

CHUNK_ENTRIES = 2**24
PROVE_ALL_UP_TO = 128


def torus_norm(kernels: ArrayLike | Sequence[ArrayLike], sides: tuple[int, int]) -> float:
    """Bounds the spectral norm of a stride-1 convolution on a zero-guarded grid.

    Args:
        kernels: `(height, width, in_channels, out_channels)` array, or a list of them for the
            groups of a grouped convolution. Values are taken as exact.
        sides: `(int, int)`. Cells of the torus along each axis: at least the cells of the input
            plus the taps before it, and at least the cells of the output plus the taps after it.

    Returns:
        float. At least the norm of the convolution, whatever the zero padding.

    Raises:
        ValueError: for NaN or infinity.
    """
    kernels = kernels if isinstance(kernels, list) else [kernels]
    kernels = [np.asarray(kernel, "float64") for kernel in kernels]
    if not all(np.all(np.isfinite(kernel)) for kernel in kernels):
        raise ValueError("`kernels` must be finite. Received: an array with NaN or infinity.")
    with _many_small_matrices() as run:
        candidates = twists(sides)
        if min(kernels[0].shape[2:]) > PROVE_ALL_UP_TO:
            candidates = [
                min(candidates, key=lambda t: max(_rough_norm(k, sides, t, run) for k in kernels))
            ]
        return min(max(_twisted_norm(k, sides, t, run) for k in kernels) for t in candidates)


@contextlib.contextmanager
def _many_small_matrices():
    """One thread for each processor and one BLAS thread in each; gives a parallel `map`.

    The symbols are many matrices of a few hundred rows, on which BLAS threads wait for one another:
    on a busy machine that costs ten times as much as the arithmetic.
    """
    with contextlib.ExitStack() as stack:
        try:
            from threadpoolctl import threadpool_limits

            stack.enter_context(threadpool_limits(1, user_api="blas"))
        except ImportError:
            pass
        pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        yield stack.enter_context(pool).map


def twists(sides: Sequence[int]) -> list[tuple[int, ...]]:
    """The tori to choose from: 0 periodic, 1 anti-periodic, for each axis.

    Args:
        sides: `(int, int)`. Cells of the torus along each axis.
    """
    return list(itertools.product(*[(0, 1) if side > 1 else (0,) for side in sides]))


def _twisted_norm(kernel, sides, twist, run=map):
    """The proved bound on one torus, the rounding of the symbols included."""
    taps = kernel.shape[0] * kernel.shape[1]
    per_tap = np.sqrt(np.sum(kernel**2, axis=(2, 3))).sum()
    rounding = 8 * (taps + 8) * UNIT_ROUNDOFF * per_tap
    chunks = _chunks(kernel, sides, twist)
    norms = run(lambda part: certified_norm(_symbols(kernel, sides, twist, part)), chunks)
    return float(round_up(max(norms) + rounding, 4))


def _chunks(kernel, sides, twist):
    """The frequencies in parts that fit in memory, at least one for each processor."""
    frequencies = _frequencies(sides, twist)
    step = max(1, CHUNK_ENTRIES // (kernel.shape[2] * kernel.shape[3]))
    count = max(-(-len(frequencies) // step), min(os.cpu_count(), len(frequencies)))
    return [frequencies[start::count] for start in range(count)]


def _frequencies(sides, twist):
    """One of each pair of conjugate frequencies, `(count, 2)` integers."""
    grid = np.stack(np.meshgrid(*map(np.arange, sides), indexing="ij"), -1).reshape(-1, 2)
    mirrored = (-grid - np.array(twist)) % np.array(sides)
    rank = grid[:, 0] * sides[1] + grid[:, 1]
    return grid[rank <= mirrored[:, 0] * sides[1] + mirrored[:, 1]]


def _symbols(kernel, sides, twist, frequencies, dtype="complex128"):
    """`sum_t K[t] exp(i w t)` at each frequency, `(count, in_channels, out_channels)`.

    Angles are reduced in integers (`2 pi (f + twist / 2) t / side`), so only the sine and cosine
    of a value in [0, 2 pi) are rounded.
    """
    height, width, inside, outside = kernel.shape
    waves = []
    for axis, count in enumerate((height, width)):
        turns = np.outer(2 * frequencies[:, axis] + twist[axis], np.arange(count))
        waves.append(np.exp(1j * np.pi * (turns % (2 * sides[axis])) / sides[axis]))
    phases = (waves[0][:, :, None] * waves[1][:, None, :]).astype(dtype)
    flat = phases.reshape(len(frequencies), -1) @ kernel.reshape(height * width, -1)
    return flat.reshape(-1, inside, outside)


def _rough_norm(kernel, sides, twist, run=map, steps=8, best=4):
    """Which torus is tightest: a choice among valid bounds, so an estimate is enough.

    Tori differ by 1 % or less, more than power iteration is off by. All frequencies of all tori
    therefore start from one vector, and the largest few are computed by SVD.
    """
    scale = np.abs(kernel).max(initial=0)
    if scale == 0:
        return 0.0
    kernel = (kernel / scale).astype("float32")
    start = np.random.default_rng(0).normal(size=(kernel.shape[3], 1)).astype("complex64")

    def largest(part):
        chunk = _symbols(kernel, sides, twist, part, "complex64")
        vectors, adjoint = start, np.conj(np.swapaxes(chunk, 1, 2))
        for _ in range(steps):
            vectors = adjoint @ (chunk @ vectors)
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = vectors / np.maximum(lengths, 1e-30)
        top = chunk[np.argsort(lengths[:, 0, 0])[-best:]]
        return float(np.linalg.norm(top, 2, axis=(1, 2)).max())

    return max(run(largest, _chunks(kernel, sides, twist)))
