import dataclasses

import numpy as np
import pytest

from gloro_tf.data import Dataset, stratified_split


def toy(n=20, **changes):
    x = np.arange(n * 4, dtype="uint8").reshape(n, 2, 2, 1)
    y = np.arange(n) % 2
    fields = dict(name="toy", x_train=x, y_train=y, x_test=x[:4], y_test=y[:4])
    return Dataset(**{**fields, "class_names": ("a", "b"), **changes})


def test_properties():
    data = toy()
    assert (data.num_classes, data.input_shape) == (2, (2, 2, 1))
    assert repr(data) == (
        "Dataset(name='toy', train=20, test=4, input_shape=(2, 2, 1), num_classes=2)"
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"


def test_arrays_are_normalised():
    data = toy(x_train=np.zeros((20, 2, 2), "float64"), x_test=np.zeros((4, 2, 2), "float64"))
    assert data.x_train.shape == (20, 2, 2, 1) and data.x_train.dtype == np.float32
    assert toy(y_train=np.arange(20, dtype="uint8")[:, None] % 2).y_train.dtype == np.int64
    assert toy().x_train.dtype == np.uint8


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"class_names": ("a",)}, "at least two classes"),
        ({"y_train": np.zeros(20, int)}, "`y_train` must contain at least two"),
        ({"y_test": np.array([0, 1, 2, 0])}, r"`y_test`.*y_test\[2\]=2"),
        ({"y_train": np.arange(19) % 2}, "19 labels for 20 images"),
        ({"x_train": np.zeros((20, 4), "uint8")}, r"x_train\.shape=\(20, 4\)"),
        ({"x_train": np.zeros((20, 3, 2, 1), "uint8")}, "same shape"),
        ({"x_train": np.zeros((20, 2, 2, 1), "int64")}, "uint8 or float"),
        ({"x_test": np.full((4, 2, 2, 1), np.nan)}, "`x_test` must be finite"),
    ],
)
def test_construction_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        toy(**changes)


def test_validation_holds_out_a_stratified_part_of_train():
    y = np.repeat([0, 1], [150, 50])
    x = np.arange(200, dtype="float32").reshape(200, 1, 1, 1) / 200
    data = toy(x_train=x, y_train=y, x_test=x[:2], y_test=y[:2])
    held = data.validation(0.2, seed=3)
    assert np.bincount(held.y_test).tolist() == [30, 10]
    assert np.bincount(held.y_train).tolist() == [120, 40]
    together = np.concatenate([held.x_train, held.x_test]).ravel()
    np.testing.assert_array_equal(np.sort(together), x.ravel())
    np.testing.assert_array_equal(held.x_test, data.validation(0.2, seed=3).x_test)
    assert (held.x_test != data.validation(0.2, seed=4).x_test).any()


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_validation_fraction(fraction):
    with pytest.raises(ValueError, match=r"`fraction` must be in \(0, 1\)"):
        toy().validation(fraction)


def test_split_has_the_exact_size_and_keeps_rare_classes_in_training():
    labels = np.array([0] * 97 + [1] * 3 + [2])
    kept, held = stratified_split(labels, 20, seed=0)
    assert len(held) == 20 and len(kept) == 81
    assert set(labels[kept]) == {0, 1, 2}
    for count in (0, 101):
        with pytest.raises(ValueError, match=f"count={count}"):
            stratified_split(labels, count, seed=0)
