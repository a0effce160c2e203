"""How alike two attributions of the same inputs are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gloro_tf.types import Array, ArrayLike


def attribution_similarity(
    a: ArrayLike,
    b: ArrayLike,
    metrics: Sequence[str] = ("spearman", "top_k", "pearson"),
    k: int = 5,
) -> dict[str, Array]:
    """Compares two attributions point by point; each measure is 1 for identical ones.

    - `"spearman"`: the correlation of the ranks (equal values share their mean rank).
    - `"pearson"`: the correlation of the values.
    - `"top_k"`: the share that the `k` largest of either, by absolute value, have in common.
    - `"ssim"`: the structural similarity of attribution images, with a window of up to 7 by 7.

    The correlation with a constant attribution is 1 if the two are identical, else 0.

    Args:
        a: array `(points, ...)`, from `attributions`; images `(points, height, width)` or
            `(points, height, width, channels)` for `"ssim"`.
        b: array of the same shape.
        metrics: names from above.
        k: int. At most the number of features.

    Returns:
        dict from each name to a `(points,)` float64 array.

    Raises:
        ValueError: naming the argument.

    Reference:
        [Black et al., Selective Ensembles for Consistent Predictions](
        https://arxiv.org/abs/2111.08230), section 5.3;
        [Wang et al., Image quality assessment](https://doi.org/10.1109/TIP.2003.819861) (`"ssim"`).
    """
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    if a.shape != b.shape or a.ndim < 2 or not a.size:
        raise ValueError(
            "`a` and `b` must be attributions of the same points, of one shape (points, ...). "
            f"Received: shapes {a.shape} and {b.shape}"
        )
    if not np.isfinite(a).all() or not np.isfinite(b).all():
        raise ValueError("`a` and `b` must be finite. Received: NaN or infinite attributions")
    metrics = [metrics] if isinstance(metrics, str) else list(metrics)
    unknown = [m for m in metrics if m not in _METRICS]
    if unknown or not metrics:
        raise ValueError(f"`metrics` must be of {tuple(_METRICS)}. Received: {metrics}")
    flat = [part.reshape(len(part), -1) for part in (a, b)]
    if "top_k" in metrics and not 1 <= k <= flat[0].shape[1]:
        raise ValueError(
            f"`k` must lie between 1 and the {flat[0].shape[1]} features. Received: k={k}"
        )
    first, second = flat
    return {
        m: _METRICS[m](a, b, k) if m == "ssim" else _METRICS[m](first, second, k) for m in metrics
    }


def _pearson(a, b, k=None):
    """Correlation of rows."""
    same = (a == b).all(axis=1)
    return np.where(same, 1.0, np.clip((_centred(a) * _centred(b)).sum(axis=1), -1.0, 1.0))


def _centred(rows):
    """Rows of mean 0 and length 1; constant rows are 0, whatever rounding leaves of them."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows = rows / np.where(largest > 0, largest, 1.0)
    varies = rows.max(axis=1, keepdims=True) > rows.min(axis=1, keepdims=True)
    rows = np.where(varies, rows - rows.mean(axis=1, keepdims=True), 0.0)
    return rows / np.where(varies, np.linalg.norm(rows, axis=1, keepdims=True), 1.0)


def _spearman(a, b, k=None):
    return _pearson(_ranks(a), _ranks(b))


def _ranks(rows):
    """Ranks within each row; equal values get their mean rank."""
    order = np.argsort(rows, axis=1)
    ordered = np.take_along_axis(rows, order, axis=1)
    changes = ordered[:, 1:] != ordered[:, :-1]
    place, edge = np.arange(rows.shape[1]), np.ones((len(rows), 1), bool)
    first = np.where(np.concatenate([edge, changes], axis=1), place, 0)
    last = np.where(np.concatenate([changes, edge], axis=1), place, place[-1])
    first = np.maximum.accumulate(first, axis=1)
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(rows.shape)
    np.put_along_axis(ranks, order, (first + last) / 2, axis=1)
    return ranks


def _top_k(a, b, k):
    """Of equal values, the first ones count as larger."""
    chosen = []
    for part in (a, b):
        order = np.argsort(-np.abs(part), axis=1, kind="stable")[:, :k]
        mask = np.zeros(part.shape, bool)
        np.put_along_axis(mask, order, True, axis=1)
        chosen.append(mask)
    return (chosen[0] & chosen[1]).sum(axis=1) / k


def _ssim(a, b, k=None):
    """Mean over windows and channels; the range is that of both images together."""
    if a.ndim not in (3, 4):
        raise ValueError(
            "`a` and `b` must be images (points, height, width) or (points, height, width, "
            f"channels) for 'ssim'. Received: shape {a.shape}. Reshape them."
        )
    both = np.stack([a, b]).reshape(2, len(a), -1)
    width = (both.max(axis=(0, 2)) - both.min(axis=(0, 2))).reshape(-1, *[1] * (a.ndim - 1))
    small = [(c * np.where(width > 0, width, 1.0)) ** 2 for c in (0.01, 0.03)]
    mean_a, mean_b = _window_mean(a), _window_mean(b)
    variances = _window_mean(a * a) - mean_a**2 + _window_mean(b * b) - mean_b**2
    covariance = _window_mean(a * b) - mean_a * mean_b
    value = (2 * mean_a * mean_b + small[0]) * (2 * covariance + small[1])
    value /= (mean_a**2 + mean_b**2 + small[0]) * (variances + small[1])
    return value.reshape(len(a), -1).mean(axis=1)


def _window_mean(images):
    """The mean of each window inside the images."""
    size = [min(7, side) for side in images.shape[1:3]]
    windows = np.lib.stride_tricks.sliding_window_view(images, size, axis=(1, 2))
    return windows.mean(axis=(-2, -1))


_METRICS = {"spearman": _spearman, "top_k": _top_k, "pearson": _pearson, "ssim": _ssim}
