"""Images in folders named after their classes."""

import concurrent.futures
import pathlib

import numpy as np

from gloro_tf.data.dataset import Dataset, stratified_split

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp"}
_TEST_SPLITS = ("test", "val", "validation")


def load(root, image_size):
    """Reads `root/{train,test}/class/*.png`, or `root/class/*.png` with a fifth held out."""
    root = pathlib.Path(root).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(
            f"No such directory: '{root}'. 'folder:PATH' needs PATH/train/CLASS/*.png and "
            "PATH/test/CLASS/*.png, or PATH/CLASS/*.png."
        )
    train = root / "train"
    test = next((root / name for name in _TEST_SPLITS if (root / name).is_dir()), None)
    if not train.is_dir():
        train, test = root, None
    names, files, labels = list_classes(train)
    if test is None:
        kept, held = stratified_split(labels, max(1, round(len(files) / 5)), seed=0)
        parts = [([files[i] for i in rows], labels[rows]) for rows in (kept, held)]
    else:
        parts = [(files, labels), list_classes(test, names)[1:]]
    return assemble(root.name, names, *parts, image_size)


def list_classes(folder, names=None):
    """Lists `folder/class/**/*.png`: class names, paths, and int64 labels of shape `(n,)`."""
    found = sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] not in "._")
    names = names or found
    unknown = sorted(set(found) - set(names))
    if unknown or not found:
        raise ValueError(
            f"'{folder}' must have one directory per class"
            + (f", the same as in training. Received: unknown {', '.join(unknown)}." if found else
               ". Received: none. Move the images of each class into a directory of its own.")
        )  # fmt: skip
    files, labels = [], []
    for name in found:
        paths = sorted(p for p in (folder / name).rglob("*") if p.suffix.lower() in _SUFFIXES)
        if not paths:
            raise ValueError(
                f"Every class directory must hold images ({', '.join(sorted(_SUFFIXES))}). "
                f"Received: none in '{folder / name}'. Add some or remove the directory."
            )
        files += paths
        labels += [names.index(name)] * len(paths)
    return names, files, np.array(labels, np.int64)


def assemble(name, class_names, train, test, image_size):
    """A `Dataset` from two pairs `(paths, labels)`; grey if every image is grey, else RGB."""
    (x_train, grey_train), (x_test, grey_test) = (
        _read_all(paths, image_size) for paths in (train[0], test[0])
    )
    if grey_train and grey_test:
        x_train, x_test = x_train[..., :1].copy(), x_test[..., :1].copy()
    if x_train.shape[1:] != x_test.shape[1:]:
        raise ValueError(
            f"All images must have one size. Received: training images of {x_train.shape[1:3]} "
            f"and test images of {x_test.shape[1:3]}. Pass `image_size=(height, width)`."
        )
    return Dataset(name, x_train, train[1], x_test, test[1], class_names)


def _read_all(paths, image_size):
    first, grey = _read(paths[0], image_size)
    images = np.empty((len(paths), *first.shape), np.uint8)

    def read(i):
        image, is_grey = _read(paths[i], image_size)
        if image.shape != first.shape:
            raise ValueError(
                f"All images must have one size. Received: {first.shape[:2]} in '{paths[0]}' and "
                f"{image.shape[:2]} in '{paths[i]}'. Pass `image_size=(height, width)`."
            )
        images[i] = image
        return is_grey

    with concurrent.futures.ThreadPoolExecutor() as pool:
        return images, all(list(pool.map(read, range(len(paths))))) and grey


def _read(path, image_size):
    Image = _pillow()
    try:
        with Image.open(path) as image:
            grey, deep = image.mode in ("1", "L", "LA"), image.mode[0] in "IF"
            image = image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"Could not read the image '{path}': {error}. Replace or remove the file."
        ) from error
    if deep:
        raise ValueError(
            f"Images must have 8 bits per channel. Received: more in '{path}'. Convert the files."
        )
    if image_size and image.size != (image_size[1], image_size[0]):
        image = image.resize((image_size[1], image_size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image), grey


def _pillow():
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Reading folders of images needs Pillow: `pip install pillow`."
        ) from error
    return Image
