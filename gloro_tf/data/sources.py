"""Data sets by one string: embedded digits, TFDS, prepared folders, folders of images, arrays."""

from __future__ import annotations

import os
import pathlib
import zipfile

import numpy as np

from gloro_tf.data.dataset import Dataset
from gloro_tf.types import PathLike

_DIGITS = pathlib.Path(__file__).with_name("digits.npz")
_KEYS = ("x_train", "y_train", "x_test", "y_test")


def load(
    source: str,
    *,
    data_dir: PathLike | None = None,
    download: bool = False,
    image_size: int | tuple[int, int] | None = None,
) -> Dataset:
    """Loads a classification data set into memory.

    | `source` | what is read |
    |---|---|
    | `"digits"` | 1,797 8x8 digits that come with the package (1,437 / 360) |
    | `"mnist"`, `"cifar10"`, ..., `"tfds:name/config"` | a tensorflow-datasets image set |
    | `"prepared:/path/name/1.0.0"` | a prepared tensorflow-datasets folder, without its code |
    | `"folder:/path"` | `{train,test}/class/*.png` (or `val`, `validation`), or `class/*.png` |
    | `"arrays:file.npz"`, `"file.npz"` | `x_train`, `y_train`, `x_test`, `y_test` (`class_names`) |
    | `"tiny_imagenet"` | `tiny-imagenet-200` under `data_dir`, as it is distributed |

    Nothing is fetched from a network unless `download=True`. The test part is the split `test`,
    else `validation`; where there is neither, a fifth of the images, stratified, with seed 0.
    uint8 pixels stay uint8.

    Args:
        source: str, see above.
        data_dir: str. Where tensorflow-datasets keeps its folders; defaults to `TFDS_DATA_DIR`,
            else `~/tensorflow_datasets`. For `"tiny_imagenet"`, the folder with the images or the
            one above it.
        download: bool. Whether a missing tensorflow-datasets set may be downloaded and prepared.
            Defaults to `False`.
        image_size: int or `(height, width)`. Resizes folders and tensorflow-datasets sets, and is
            needed where their images differ in size. Defaults to `None`.

    Returns:
        A `gloro_tf.data.Dataset`.

    Raises:
        FileNotFoundError: if the data is not there, naming the ways to get it.
        ImportError: naming the package that reads this source, if it is not installed.
        ValueError: if the source is not understood or its content is not fit for training.

    Example:

    ```python
    data = gloro_tf.data.load("cifar10", data_dir="/data/tfds", download=True)
    ```
    """
    if not isinstance(source, str | os.PathLike) or not str(source).strip():
        raise ValueError(
            "`source` must be a string such as 'digits', 'mnist', 'folder:/path' or 'file.npz'. "
            f"Received: source={source!r}."
        )
    source, size = str(source).strip(), _size(image_size)
    kind, _, rest = source.partition(":")
    if kind == "arrays" or source.endswith(".npz"):
        return _same_size(_arrays(rest if kind == "arrays" else source), size)
    if source == "digits":
        return _same_size(_arrays(_DIGITS, name="digits"), size)
    if kind == "folder":
        from gloro_tf.data import _folder

        return _folder.load(rest, size)
    if source in ("tiny_imagenet", "tiny-imagenet", "tiny-imagenet-200"):
        from gloro_tf.data import _tiny_imagenet

        return _tiny_imagenet.load(data_dir, size)
    if os.path.isdir(os.path.expanduser(source)) and os.sep in source:
        raise ValueError(
            f"`source` must say how to read the directory. Received: source={source!r}. Write "
            f"'folder:{source}' for images in class folders, or 'prepared:{source}' for a "
            "prepared tensorflow-datasets folder."
        )
    from gloro_tf.data import _tfds

    if kind == "prepared":
        return _tfds.load_prepared(rest, size)
    return _tfds.load(rest if kind == "tfds" else source, data_dir, download, size)


def _arrays(path, name=None):
    path = pathlib.Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"No such file: '{path}'. `source` must name an .npz file with the arrays "
            f"{', '.join(_KEYS)}: `np.savez_compressed(path, x_train=x_train, ...)` writes one."
        )
    try:
        # Opened here, since np.load leaves a file that it cannot read open.
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            content = {key: file[key] for key in file.files if key in (*_KEYS, "class_names")}
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, AttributeError) as error:
        raise ValueError(
            f"Could not read '{path}': {error}. `source` must be an .npz file of plain arrays, "
            "written by `np.savez` without object arrays; write it again."
        ) from error
    missing = [key for key in _KEYS if key not in content]
    if missing:
        raise ValueError(
            f"`source` must hold the arrays {', '.join(_KEYS)}. Received: '{path}' without "
            f"{', '.join(missing)}."
        )
    if "class_names" not in content:
        content["class_names"] = range(_count_classes(content))
    return Dataset(name or path.stem, **content)


def _count_classes(content):
    for key in ("y_train", "y_test"):
        labels = content[key]
        if labels.ndim != 1 and labels.size != len(labels) or labels.dtype.kind not in "ui":
            raise ValueError(
                f"`{key}` must be integers of shape (n,). Received: {key}.shape={labels.shape} of "
                f"dtype {labels.dtype}. For one-hot labels, store `{key}.argmax(axis=1)`."
            )
    most = max(int(content[key].max(initial=-1)) for key in ("y_train", "y_test"))
    images = len(content["x_train"]) + len(content["x_test"])
    if most >= max(images, 2):
        raise ValueError(
            f"Labels must be class indices from 0. Received: a label {most} with only {images} "
            "images. Renumber them, e.g. `np.unique(y, return_inverse=True)[1]`."
        )
    return most + 1


def _size(image_size):
    pair = (image_size,) * 2 if isinstance(image_size, int) else image_size
    if pair is None:
        return None
    try:
        height, width = (int(side) for side in pair)
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < 1:
        raise ValueError(
            "`image_size` must be a positive integer or a pair (height, width). Received: "
            f"image_size={image_size!r}."
        )
    return height, width


def _same_size(dataset, size):
    if size not in (None, dataset.input_shape[:2]):
        raise ValueError(
            f"`image_size` must be None for arrays, which are not resized. Received: image_size="
            f"{size} for images of {dataset.input_shape[:2]}. Resize before storing them."
        )
    return dataset
