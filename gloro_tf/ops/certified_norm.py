"""A guaranteed upper bound on spectral norms, proved by a Cholesky factorisation.

An eigenvalue solver proposes `s`; what certifies it is that the floating-point Cholesky
factorisation of `s^2 I - A^H A`, shifted by a bound on every rounding error made on the way, runs
to completion (Rump, Verification of positive definiteness, BIT 2006). The proposal may be as wrong
as it likes: a wrong one fails to factorise and is raised.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gloro_tf.types import ArrayLike

UNIT_ROUNDOFF = np.finfo(np.float64).eps / 2
MAX_RAISES = 60
LANCZOS_FROM = 400


def round_up(value: ArrayLike, operations: int = 1) -> Any:
    """Rounds a non-negative float64 result of `operations` roundings outwards.

    Args:
        value: float or array, not negative.
        operations: int. Roundings that led to it. Defaults to 1.

    Returns:
        float64, of the shape of `value`.
    """
    value = np.asarray(value, "float64")
    grown = np.nextafter(value * (1 + 2 * operations * UNIT_ROUNDOFF), np.inf)
    return np.where(value == 0, 0.0, grown)


def certified_norm(matrices: ArrayLike) -> float:
    """Returns a float64 that no spectral norm in a stack of matrices exceeds.

    Args:
        matrices: `(rows, columns)` or `(count, rows, columns)` array, real or complex. Its values
            are taken as exact.

    Returns:
        float. At least the largest spectral norm, and within 1e-6 relative of it unless both
        sides exceed some 10,000. Exactly 0 for all-zero matrices.

    Raises:
        ValueError: if an entry is NaN or infinite.

    Reference:
        S. M. Rump, Verification of positive definiteness, BIT Numerical Mathematics 46, 2006.
    """
    matrices = np.asarray(matrices)
    wide = np.complex128 if np.iscomplexobj(matrices) else np.float64
    matrices = matrices.astype(wide, copy=False)
    if matrices.ndim == 2:
        matrices = matrices[None]
    if not np.all(np.isfinite(matrices)):
        raise ValueError("`matrices` must be finite. Received: an array with NaN or infinity.")
    largest = max(np.abs(matrices.real).max(initial=0), np.abs(matrices.imag).max(initial=0))
    if largest == 0:
        return 0.0
    exponent = int(np.frexp(largest)[1])
    scaled = np.ldexp(matrices.real, -exponent)
    if wide is np.complex128:
        scaled = scaled + 1j * np.ldexp(matrices.imag, -exponent)
    with np.errstate(over="ignore"):
        return float(round_up(np.ldexp(_norm_of_scaled(scaled), exponent)))


def _norm_of_scaled(matrices):
    """The bound for finite matrices whose largest entry lies between 1/2 and 1."""
    bound = 0.0
    for matrix in matrices[_likely_order(matrices)]:
        gram = _Gram(matrix)
        if bound and gram.proves(bound):
            continue
        bound = max(bound, gram.bound())
    return bound


def _likely_order(matrices, steps=6):
    """Indices by a rough norm, largest first, so that most matrices need one factorisation."""
    count, _, columns = matrices.shape
    if count == 1:
        return np.array([0])
    start = np.random.default_rng(0).normal(size=(columns, 1))
    vectors = np.broadcast_to(start, (count, columns, 1)).astype(matrices.dtype)
    adjoint = np.conj(np.swapaxes(matrices, 1, 2))
    norms = np.zeros(count)
    for _ in range(steps):
        vectors = adjoint @ (matrices @ vectors)
        norms = np.linalg.norm(vectors, axis=(1, 2))
        vectors = vectors / np.where(norms > 0, norms, 1.0)[:, None, None]
    return np.argsort(-norms)


class _Gram:
    """`A^H A` on the smaller side of one matrix, with a bound on its rounding error."""

    def __init__(self, matrix):
        matrix = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
        long, self.size = matrix.shape
        self.gram = np.conj(matrix.T) @ matrix
        frobenius = float(np.sum(np.abs(matrix) ** 2)) * (1 + 8 * long * UNIT_ROUNDOFF)
        self.error = 8 * (long + 8) * UNIT_ROUNDOFF * frobenius

    def proves(self, bound):
        """Whether `||A|| <= bound` is proved; False means only "not proved"."""
        square = bound * bound
        slack = self.error + 8 * (self.size + 8) * UNIT_ROUNDOFF * (self.size * square)
        shifted = -self.gram
        shifted[np.diag_indices(self.size)] += square * (1 - 4 * UNIT_ROUNDOFF) - slack
        try:
            factor = np.linalg.cholesky(shifted)
        except np.linalg.LinAlgError:
            return False
        return bool(np.all(np.isfinite(np.diagonal(factor))))

    def bound(self):
        """Raises a proposal until it is proved: Lanczos' first, then the full solver's."""
        if self.size > LANCZOS_FROM:
            proposal = self._outward(_lanczos(self.gram))
            for growth in (1e-9, 1e-8, 1e-7, 4e-7):
                if self.proves(proposal * (1 + growth)):
                    return proposal * (1 + growth)
        proposal, growth = self._outward(float(np.linalg.eigvalsh(self.gram)[-1])), 1e-12
        for _ in range(MAX_RAISES):
            candidate = proposal * (1 + growth)
            if candidate and self.proves(candidate):
                return candidate
            growth *= 4
        return float(round_up(np.sqrt(np.trace(self.gram).real + self.error), 8))

    def _outward(self, top):
        """The square root of an eigenvalue, above what the proof loses to rounding."""
        top = max(top, 0.0)
        return np.sqrt(top + self.error + 16 * (self.size + 8) * UNIT_ROUNDOFF * self.size * top)


def _lanczos(gram, steps=80):
    """The largest eigenvalue of a Hermitian matrix, from below (full reorthogonalisation)."""
    start = np.random.default_rng(0).normal(size=len(gram)).astype(gram.dtype)
    basis, projected = [start / np.linalg.norm(start)], np.zeros((steps, steps), gram.dtype)
    for step in range(steps):
        vector = gram @ basis[-1]
        known = np.array(basis)
        projected[: step + 1, step] = np.conj(known) @ vector
        for _ in range(2):
            vector = vector - known.T @ (np.conj(known) @ vector)
        length = np.linalg.norm(vector)
        if length <= 1e-14 * abs(projected[0, 0]) or step == steps - 1:
            break
        projected[step + 1, step] = length
        basis.append(vector / length)
    size = len(basis)
    return float(np.linalg.eigvalsh((projected + np.conj(projected.T))[:size, :size] / 2)[-1])
