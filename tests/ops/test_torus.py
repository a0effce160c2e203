import numpy as np
import pytest

from gloro_tf.lipschitz.conv_geometry import ConvGeometry
from gloro_tf.ops import torus_norm
from gloro_tf.ops.torus import _twisted_norm, twists


def explicit_norm(kernel, size):
    geometry = ConvGeometry((size, size), kernel.shape[:2], (1, 1), "same")
    return np.linalg.norm(geometry.matrix(kernel), 2)


@pytest.mark.parametrize("size", [4, 5, 8, 16, 28])
def test_box_kernel_is_exact(size):
    """All-ones 3x3 with zero padding: `(1 + 2 cos(pi / (n + 1)))^2`."""
    truth = (1 + 2 * np.cos(np.pi / (size + 1))) ** 2
    bound = torus_norm(np.ones((3, 3, 1, 1)), (size + 1, size + 1))
    assert truth <= bound <= truth * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(100))
def test_every_twist_is_a_bound(seed):
    rng = np.random.default_rng(seed)
    size, taps = int(rng.integers(2, 8)), int(rng.integers(1, 6))
    kernel = rng.normal(size=(taps, taps, rng.integers(1, 4), rng.integers(1, 4)))
    truth = explicit_norm(kernel, size)
    side = size + max(taps // 2, (taps - 1) // 2)
    for twist in twists((side, side)):
        assert _twisted_norm(kernel, (side, side), twist) >= truth * (1 - 1e-12)


def test_too_small_a_torus_is_no_bound():
    """Planted bug: the circular norm on the image's own grid; some kernel must beat it."""
    rng = np.random.default_rng(0)
    caught = 0
    for _ in range(300):
        kernel = rng.normal(size=(rng.integers(2, 6), rng.integers(2, 6), 1, 1))
        size = int(rng.integers(3, 6))
        caught += _twisted_norm(kernel, (size, size), (0, 0)) < explicit_norm(kernel, size) - 1e-6
    assert caught > 3


@pytest.mark.parametrize("sign", [1, -1], ids=["low-pass", "high-pass"])
def test_tight_on_pure_frequencies(sign):
    line = np.array([1.0, 2.0 * sign, 1.0])
    kernel = np.outer(line, line)[:, :, None, None] * np.eye(2)
    truth = explicit_norm(kernel, 16)
    assert truth <= torus_norm(kernel, (17, 17)) <= truth * 1.01


def test_near_identity_is_within_one_percent():
    rng = np.random.default_rng(0)
    kernel = 0.1 * rng.normal(size=(3, 3, 4, 4))
    kernel[1, 1] += np.eye(4)
    truth = explicit_norm(kernel, 16)
    assert truth <= torus_norm(kernel, (17, 17)) <= truth * 1.01


def test_refuses_nan():
    with pytest.raises(ValueError, match="finite"):
        torus_norm(np.full((3, 3, 1, 1), np.nan), (5, 5))
