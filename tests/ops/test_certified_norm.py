import numpy as np
import pytest

from gloro_tf.ops import certified_norm
from gloro_tf.ops.certified_norm import _Gram


def with_spectrum(values, seed=0):
    rng = np.random.default_rng(seed)
    n = len(values)
    left, right = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
    return (left * values) @ right


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (3, 7), (60, 60), (500, 20), (450, 460)])
@pytest.mark.parametrize("kind", ["real", "complex"])
def test_within_a_millionth_above_the_svd(shape, kind):
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=shape) + (1j * rng.normal(size=shape) if kind == "complex" else 0)
    truth = np.linalg.norm(matrix, 2)
    assert truth <= certified_norm(matrix) <= truth * (1 + 1e-6)


@pytest.mark.parametrize("rest", [0.0, 0.99, 0.999, 1.0])
def test_hard_spectra(rest):
    values = np.full(256, rest)
    values[0] = 1.0
    assert 1 - 1e-12 <= certified_norm(with_spectrum(values)) <= 1 + 1e-6


@pytest.mark.parametrize("exponent", [-300, -200, -30, -10, -2, 0, 2, 30, 200, 300])
def test_scales(exponent):
    matrix = np.random.default_rng(0).normal(size=(20, 30))
    truth = np.linalg.norm(matrix, 2)
    ratio = certified_norm(matrix * 10.0**exponent) / 10.0**exponent / truth
    assert 1 - 1e-12 <= ratio <= 1 + 1e-6


def test_zero_is_exactly_zero():
    assert certified_norm(np.zeros((4, 5))) == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refuses_what_is_not_finite(bad):
    with pytest.raises(ValueError, match="must be finite"):
        certified_norm(np.array([[1.0, bad]]))


def test_stack_takes_the_largest():
    stack = np.stack([with_spectrum([v] * 10, seed=k) for k, v in enumerate([1, 5, 2, 4.9999])])
    assert 5 - 1e-12 <= certified_norm(stack) <= 5 * (1 + 1e-6)


@pytest.mark.parametrize("share", [0.9, 0.999, 1 - 1e-9])
def test_proof_rejects_every_value_below_the_norm(share):
    for seed in range(20):
        matrix = np.random.default_rng(seed).normal(size=(30, 12))
        assert not _Gram(matrix).proves(np.linalg.norm(matrix, 2) * share)


def test_proof_survives_a_wrong_proposal(monkeypatch):
    """Planted bug: the eigenvalue solver answers half the truth, and the bound still holds."""
    matrix = np.random.default_rng(0).normal(size=(30, 12))
    honest = np.linalg.eigvalsh
    monkeypatch.setattr(np.linalg, "eigvalsh", lambda gram: honest(gram) / 2)
    assert certified_norm(matrix) >= np.linalg.norm(matrix, 2)
