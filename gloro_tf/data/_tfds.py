"""Image classification sets of tensorflow-datasets, which are never downloaded unasked."""

import difflib
import pathlib

import numpy as np

from gloro_tf.data.dataset import Dataset, stratified_split

_BATCH = 1024


def load(name, data_dir, download, image_size):
    """Reads a prepared set from `data_dir`; prepares it first only if `download`."""
    tfds = _tensorflow_datasets()
    builder = _builder(tfds, name, data_dir)
    if not builder.is_prepared():
        if not download:
            raise FileNotFoundError(_not_there(name, builder))
        config = tfds.download.DownloadConfig(try_download_gcs=False)
        builder.download_and_prepare(download_config=config)
    return _read(tfds, builder, name, image_size)


def load_prepared(path, image_size):
    """Reads the prepared folder `path`, such as `/data/mnist/3.0.1`, without a builder's code."""
    tfds = _tensorflow_datasets()
    path = pathlib.Path(path).expanduser()
    if not (path / "dataset_info.json").is_file():
        raise FileNotFoundError(
            f"'{path}' is not a prepared tensorflow-datasets folder: it has no dataset_info.json. "
            "Name the folder of the version, as in 'prepared:/data/mnist/3.0.1'."
        )
    builder = tfds.builder_from_directory(str(path))
    return _read(tfds, builder, builder.info.name, image_size)


def _builder(tfds, name, data_dir):
    try:
        return tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except tfds.core.DatasetNotFoundError as error:
        ours = ["digits", "tiny_imagenet"]
        close = difflib.get_close_matches(
            name.lower().replace("-", "_"), [*ours, *tfds.list_builders()], n=4
        )
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise ValueError(
            "`source` must be 'digits', 'tiny_imagenet', a tensorflow-datasets name (mnist, "
            "fashion_mnist, cifar10, cifar100, ...), 'folder:PATH', 'prepared:PATH' or "
            f"'FILE.npz'. Received: source={name!r}.{hint}"
        ) from error


def _not_there(name, builder):
    return (
        f"The data set '{name}' is not prepared in '{builder.data_path}', and nothing is "
        "downloaded unasked. Either prepare it there, with `download=True` (`--download`), or "
        f"without a network from the original archives with `tfds build {name} --manual_dir=...`; "
        "or name the folder in which it is prepared already, with `data_dir=` (`--data_dir`, or "
        "the environment variable TFDS_DATA_DIR)."
    )


def _read(tfds, builder, name, image_size):
    image, label = _keys(tfds, builder.info)
    splits = builder.info.splits
    if "train" not in splits:
        raise ValueError(
            f"`source` must have a split 'train'. Received: source={name!r} with the splits "
            f"{', '.join(splits)}. Export what you need to an .npz file."
        )
    test = next((split for split in ("test", "validation") if split in splits), None)
    x, y = _split(builder, "train", image, label, image_size)
    if test:
        parts = x, y, *_split(builder, test, image, label, image_size)
    else:
        kept, held = stratified_split(y, max(1, round(len(y) / 5)), seed=0)
        parts = x[kept], y[kept], x[held], y[held]
    return Dataset(name, *parts, builder.info.features[label].names)


def _keys(tfds, info):
    keys = info.supervised_keys
    if not (isinstance(keys, tuple) and len(keys) == 2 and all(k in info.features for k in keys)):
        kinds = (tfds.features.Image, tfds.features.ClassLabel)
        found = [[k for k, f in info.features.items() if type(f) is kind] for kind in kinds]
        keys = tuple(k[0] for k in found if k)
    image, label = (info.features[k] for k in keys) if len(keys) == 2 else (None, None)
    is_image = isinstance(image, tfds.features.Image) and image.np_dtype == np.uint8
    if not is_image or not isinstance(label, tfds.features.ClassLabel):
        raise ValueError(
            "`source` must be an image classification set with 8-bit images. "
            f"Received: source={info.name!r} with the features {', '.join(info.features)}. "
            "Export images and labels to an .npz file."
        )
    return keys


def _split(builder, split, image, label, image_size):
    import tensorflow as tf

    height, width, channels = builder.info.features[image].shape
    if image_size is None and None in (height, width):
        raise ValueError(
            f"`image_size` must be given, because the images of '{builder.info.name}' differ in "
            "size. Received: image_size=None. Pass e.g. `image_size=64` (`--image_size=64`)."
        )

    def pair(example):
        x = example[image]
        if image_size not in (None, (height, width)):
            x = tf.image.resize(tf.cast(x, tf.float32), image_size, antialias=True)
            x = tf.cast(tf.round(tf.clip_by_value(x, 0, 255)), tf.uint8)
        return x, example[label]

    count = builder.info.splits[split].num_examples
    x = np.empty((count, *(image_size or (height, width)), channels or 3), np.uint8)
    y = np.empty(count, np.int64)
    examples = builder.as_dataset(split=split).map(pair, num_parallel_calls=tf.data.AUTOTUNE)
    start = 0
    for images, labels in examples.batch(_BATCH).as_numpy_iterator():
        x[start : start + len(labels)], y[start : start + len(labels)] = images, labels
        start += len(labels)
    return x[:start], y[:start]


def _tensorflow_datasets():
    try:
        import tensorflow as tf
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            "This source needs TensorFlow and tensorflow-datasets: `pip install tensorflow "
            "tensorflow-datasets`. 'digits', 'FILE.npz' and 'folder:PATH' do without."
        ) from error
    import keras

    if keras.backend.backend() != "tensorflow":
        try:  # or TensorFlow takes all the memory of the device that JAX or torch computes on
            tf.config.set_visible_devices([], "GPU")
        except RuntimeError:
            pass  # someone uses TensorFlow on it already
    return tfds
