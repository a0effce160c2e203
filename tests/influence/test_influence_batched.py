import numpy as np
import pytest
from small_language_models import random_trace

from gloro_tf import influence as gi
from gloro_tf.influence import batched

IDS = np.array([[1, 4, 7, 3], [0, 2, 2, 8], [5, 19, 6, 1]])
CORRECT, WRONG, OTHER = np.array([3, 12, 9]), np.array([12, 3, 4]), np.array([5, 6, 7])


def one_by_one(trace, row, **options):
    quantity = gi.NumberAgreement(CORRECT[row], WRONG[row])
    line = gi.NeutralLine(1, OTHER[row], **options)
    return gi.path_influences(trace, IDS[row], quantity, line)


def check(dtype, close, **options):
    trace = random_trace()
    quantity, line = gi.NumberAgreement(CORRECT, WRONG), gi.NeutralLine(1, OTHER, **options)
    found, values = batched.path_influences(trace, IDS, quantity, line, dtype=dtype)
    assert values.shape == (3, 1089) and values.dtype == np.float64
    for row in range(3):
        single = one_by_one(trace, row, **options)
        scale = np.abs(single.values).max()
        assert np.max(np.abs(values[row] - single.values)) < close * scale
        assert found.total[row] == pytest.approx(single.influence.total, abs=close * scale * 9)
        assert found.q[row] == pytest.approx(single.influence.q, abs=close * 9)
        assert found.steps[row] == single.influence.steps
    parts = batched.path_influences(trace, IDS, quantity, line, dtype=dtype, memory=1)[1]
    np.testing.assert_allclose(parts, values, atol=close * np.abs(values).max())


def test_the_twin_in_float32():
    check("float32", 2e-5, steps=4, tolerance=None)


@pytest.mark.float64
def test_the_twin_in_float64():
    check("float64", 1e-12, steps=4, tolerance=None)


def test_listing_agrees_with_meeting():
    trace, quantity = random_trace((3, 3)), gi.NumberAgreement(3, 12)
    line = gi.NeutralLine(1, 5, steps=3, tolerance=None)
    a, b = (
        batched.path_influences(trace, IDS[:, :3], quantity, line, method=method)[1]
        for method in ("mitm", "enumerate")
    )
    np.testing.assert_allclose(a, b, atol=2e-5 * np.abs(b).max())


def test_all_sentences_are_made_complete():
    trace = random_trace(scale=1.5)
    quantity, line = gi.NumberAgreement(CORRECT, WRONG), gi.NeutralLine(1, OTHER, steps=2)
    found = batched.influence(trace, IDS, quantity, line)
    assert found.complete.all() and found.completeness_error.max() <= 0.01
    change = found.q - found.q_neutral
    assert np.all(np.abs(found.total - change) <= 0.01 * np.abs(change))
    assert len(set(found.steps)) == 1 and found.steps[0] > 2


def test_bad_input():
    trace, quantity = random_trace(), gi.NumberAgreement(3, 12)
    with pytest.raises(ValueError, match="dtype"):
        batched.influence(trace, IDS, quantity, gi.NeutralLine(1, 5), dtype="float16")
    with pytest.raises(ValueError, match="batch, length"):
        batched.influence(trace, IDS[0], quantity, gi.NeutralLine(1, 5))
    with pytest.raises(ValueError, match="one for each of 3 sentences"):
        batched.influence(trace, IDS, gi.NumberAgreement([3, 4], [1, 2]), gi.NeutralLine(1, 5))
