import keras
import numpy as np
import pytest
from keras import ops

from gloro_tf.ops import cholesky_orthogonalize, norm, normalize, power_iterate


def to_numpy(x):
    return ops.convert_to_numpy(x)


def gradient(function, x):
    """Central differences of a scalar function of a float32 array."""
    result = np.zeros_like(x, "float64")
    for index in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-2
        result[index] = (float(function(x + step)) - float(function(x - step))) / 2e-2
    return result


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1.0, 1e10, 1e30])
def test_power_iteration_at_every_scale(scale):
    matrix = np.random.default_rng(0).normal(size=(12, 8)).astype("float32")
    truth = np.linalg.norm(matrix.astype("float64"), 2) * scale
    matrix = ops.convert_to_tensor((matrix * np.float32(scale)).astype("float32"))
    start = ops.ones((1, 12)) / 12**0.5
    iterate = power_iterate(
        lambda x: ops.matmul(x, matrix),
        lambda y: ops.matmul(y, ops.transpose(matrix)),
        start,
        100,
    )
    value = float(to_numpy(norm(ops.matmul(iterate, matrix)))[0])
    assert truth * 0.99 <= value <= truth * (1 + 1e-5)


def test_many_steps_at_once_are_as_many_single_ones():
    matrix = np.random.default_rng(0).normal(size=(12, 8)).astype("float32")
    maps = lambda x: ops.matmul(x, matrix), lambda y: ops.matmul(y, matrix.T)
    one = many = ops.ones((1, 12)) / 12**0.5
    for _ in range(7):
        one = power_iterate(*maps, one, 1)
    many = power_iterate(*maps, many, 7)
    np.testing.assert_allclose(to_numpy(many), to_numpy(one), atol=1e-6)


def test_zero_stays_zero():
    zero = ops.zeros((2, 3))
    assert not to_numpy(normalize(zero)).any()
    assert not to_numpy(norm(zero)).any()


def test_each_entry_of_a_batch_is_normalised():
    x = normalize(ops.convert_to_tensor(np.array([[3.0, 4.0], [0.0, 2.0]], "float32")))
    np.testing.assert_allclose(to_numpy(x), [[0.6, 0.8], [0, 1]], rtol=1e-6)


@pytest.mark.parametrize("shape", [(4, 9), (5, 5)])
def test_orthogonal_singular_values(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype("float32")
    values = np.linalg.svd(matrix.astype("float64"), compute_uv=False)
    expected = values / np.sqrt(values**2 + 1e-3 * np.mean(np.sum(matrix**2, axis=1)))
    result = np.linalg.svd(to_numpy(cholesky_orthogonalize(ops.convert_to_tensor(matrix))))[1]
    np.testing.assert_allclose(np.sort(result), np.sort(expected), atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="uses GradientTape")
@pytest.mark.parametrize("shape", [(3, 5), (4, 4)])
def test_orthogonal_gradient(shape):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    matrix, weight = rng.normal(size=shape).astype("float32"), rng.normal(size=shape)
    ridge = 1e-3 * np.mean(np.sum(matrix.astype("float64") ** 2, axis=1))

    def exact(x):
        x = x.astype("float64")
        factor = np.linalg.cholesky(x @ x.T + ridge * np.eye(len(x)))
        return np.sum(np.linalg.solve(factor, x) * weight)

    variable = tf.Variable(matrix)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(cholesky_orthogonalize(variable) * weight.astype("float32"))
    found = tape.gradient(value, variable).numpy()
    np.testing.assert_allclose(found, gradient(exact, matrix), atol=5e-3)
