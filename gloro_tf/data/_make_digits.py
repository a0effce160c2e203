"""Wrote `digits.npz`, once: `python -m gloro_tf.data._make_digits` (needs scikit-learn).

The 1,797 images are scikit-learn's copy of the test part of "Optical Recognition of Handwritten
Digits" (E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning Repository, CC BY 4.0,
https://doi.org/10.24432/C50P49): 8x8 counts in 0..16, here `round(255 * count / 16)` as uint8.
The split is stratified with seed 0: 1,437 for training and 360 for testing.
"""

import pathlib

import numpy as np

from gloro_tf.data.dataset import stratified_split


def main():
    import sklearn.datasets

    digits = sklearn.datasets.load_digits()
    x = np.rint(digits.images * 255 / 16).astype(np.uint8)[..., None]
    y = digits.target.astype(np.int64)
    train, test = stratified_split(y, 360, seed=0)
    np.savez_compressed(
        pathlib.Path(__file__).with_name("digits.npz"),
        x_train=x[train],
        y_train=y[train],
        x_test=x[test],
        y_test=y[test],
    )


if __name__ == "__main__":
    main()
