"""Tiny ImageNet as it is distributed: 200 classes, 64x64, 100,000 + 10,000 labelled images."""

import os
import pathlib

import numpy as np

from gloro_tf.data import _folder

_FOLDERS = (".", "tiny-imagenet-200", "tiny_imagenet", "tiny_imagenet/tiny-imagenet-200")


def load(data_dir, image_size):
    """Reads `train/WNID/images/*.JPEG` and `val/`, with its annotations or in class folders."""
    root = _find(data_dir)
    wnids, *train = _folder.list_classes(root / "train")
    if (root / "val" / "val_annotations.txt").is_file():
        test = _annotated(root / "val", wnids)
    else:
        test = _folder.list_classes(root / "val", wnids)[1:]
    return _folder.assemble("tiny_imagenet", _words(root, wnids), train, test, image_size)


def _find(data_dir):
    above = pathlib.Path(data_dir or os.environ.get("TFDS_DATA_DIR") or ".").expanduser()
    for name in _FOLDERS:
        if all((above / name / split).is_dir() for split in ("train", "val")):
            return above / name
    raise FileNotFoundError(
        f"Tiny ImageNet is not in '{above}', and `download=True` / `--download` cannot fetch it "
        "because tensorflow-datasets does not have it. Either fetch it yourself, `curl -O "
        "http://cs231n.stanford.edu/tiny-imagenet-200.zip && unzip tiny-imagenet-200.zip`, and "
        "name the folder it is in with `data_dir=` / `--data_dir`; or point to a copy with "
        "train/CLASS/ and val/CLASS/ by the source 'folder:PATH'."
    )


def _annotated(folder, wnids):
    lines = (folder / "val_annotations.txt").read_text().splitlines()
    pairs = [line.split("\t")[:2] for line in lines if line.strip()]
    number = {wnid: i for i, wnid in enumerate(wnids)}
    wrong = [pair for pair in pairs if len(pair) < 2 or pair[1] not in number]
    if wrong or not pairs:
        raise ValueError(
            f"'{folder}/val_annotations.txt' must have lines 'file<TAB>class', with the classes of "
            f"train/. Received: {wrong[0] if wrong else 'no lines'}. Unpack the archive again."
        )
    images = folder / "images" if (folder / "images").is_dir() else folder
    return [images / name for name, _ in pairs], np.array([number[w] for _, w in pairs], np.int64)


def _words(root, wnids):
    path = root / "words.txt"
    lines = path.read_text().splitlines() if path.is_file() else []
    words = dict(line.split("\t", 1) for line in lines if "\t" in line)
    return tuple(words.get(wnid, wnid).split(",")[0].strip() for wnid in wnids)
