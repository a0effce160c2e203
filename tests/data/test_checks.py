import warnings

import numpy as np
import pytest

from gloro_tf.data import check_images, check_labels, to_float


@pytest.mark.parametrize(
    "x, message",
    [
        (np.zeros((0, 8, 8, 1), "float32"), r"at least one example"),
        (np.zeros(5, "float32"), r"x\.shape=\(5,\)"),
        (np.array([["a"]]), "dtype <U1"),
        (np.full((3, 2), np.nan), r"first in x\[0\]"),
        (np.array([[0.0, 1.0], [np.inf, 0.0]]), r"first in x\[1\]"),
        (np.array([[0.0, 1.0], [-np.inf, 0.0]]), r"first in x\[1\]"),
    ],
)
def test_images_refused(x, message):
    with pytest.raises(ValueError, match=message):
        check_images(x)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_bright_pixels_warn_with_the_consequence_for_epsilon(dtype):
    with pytest.warns(UserWarning, match=r"reach 255.*`epsilon`.*255 times smaller.*Divide by 255"):
        check_images(np.full((2, 3), 255, dtype))


def test_uint8_warns_only_where_keras_would_not_scale_it():
    x = np.full((2, 3), 255, "uint8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_images(x) is x
        check_images(np.full((2, 3), 2.0))
    with pytest.warns(UserWarning, match="255 times"):
        check_images(x, uint8_ok=False)


@pytest.mark.parametrize(
    "y, classes, message",
    [
        ([0, 1, 3], 3, r"in \[0, 3\).*y\[2\]=3 \(1 such of 3\)"),
        ([0, -1, 1], 3, r"at least 0.*y\[1\]=-1"),
        ([0, 1.5], 3, r"integers.*y\[1\]=1\.5"),
        ([0, np.nan], 3, r"integers.*y\[1\]=nan"),
        ([0, np.inf], None, r"integers.*y\[1\]=inf"),
        ([0, 1e30], 3, r"y\[1\]=1e\+30"),
        ([2, 2], 3, "two classes.*only the label 2"),
        ([0], 1, "two classes"),
        ([], 3, "at least one"),
        (["a", "b"], 3, "dtype <U1"),
        (np.zeros((2, 2, 2)), 3, r"y\.shape=\(2, 2, 2\)"),
        ([[1, 0], [1, 1]], 2, r"sum 1.*y\[1\]=\[1 1\]"),
        ([[1, 0], [np.nan, 1]], 2, r"sum 1.*y\[1\]"),
        ([[1, 0], [2, -1]], 2, "sum 1"),
        ([[1, 0], [0, 1]], 3, "3 columns"),
    ],
)
def test_labels_refused(y, classes, message):
    with pytest.raises(ValueError, match=message):
        check_labels(np.array(y), classes)


def test_label_forms_agree():
    expected = [0, 2, 1]
    for y in (expected, np.array(expected, "uint8"), np.array(expected, "float32")[:, None]):
        np.testing.assert_array_equal(check_labels(y, 3), expected)
    np.testing.assert_array_equal(check_labels(np.eye(3)[expected], 3), expected)
    np.testing.assert_array_equal(check_labels(0.9 * np.eye(3)[expected] + 0.1 / 3), expected)
    assert check_labels(expected).dtype == np.int64
    assert check_labels([1, 1], 3, allow_single_class=True).tolist() == [1, 1]


def test_labels_one_per_image():
    with pytest.raises(ValueError, match="2 labels for 3 images"):
        check_labels([0, 1], 2, examples=3)


def test_to_float():
    x = np.arange(256, dtype="uint8")
    assert to_float(x).dtype == np.float32
    np.testing.assert_array_equal(to_float(x), x.astype("float32") / np.float32(255))
    assert to_float(x).max() == 1
    floats = np.ones((2, 2), "float32")
    assert to_float(floats) is floats
    assert to_float(floats.astype("float64")).dtype == np.float32
    with pytest.raises(ValueError, match="int64"):
        to_float(x.astype("int64"))
