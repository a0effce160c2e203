"""The training batches of a whole run, each a pure function of the seed and the step."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from gloro_tf.data import augmentation as augmentations
from gloro_tf.types import Array, ArrayLike

_SHUFFLE, _AUGMENT = 0, 1


class Batches(keras.utils.PyDataset):
    """Every training step of a run, in order; item `k` is step `start_step + k`.

    With `s = steps_per_epoch`, step `t` takes rows `t % s` of the permutation drawn from
    `(seed, t // s)` and augments them with a generator seeded by `(seed, t)`. Nothing else
    enters, so a run that is killed and continued with `start_step` sees bit for bit the batches
    that it would have seen (with the same NumPy). NumPy only: it serves every Keras backend.

    Unless told not to, `fit` shuffles the order of the *steps*: pass it `shuffle=False`, and
    `steps_per_epoch`, as in the example.

    Args:
        x: images of shape `(n, h, w, c)`: uint8, which is divided by 255 batch by batch, or float.
        y: int class indices of shape `(n,)`, or one-hot rows of shape `(n, classes)`.
        batch_size: int.
        epochs: int. How many passes the run has in all. Defaults to `1`.
        augmentation: str or callable, see `gloro_tf.data.augmentation.get`. Defaults to `"none"`.
        seed: int, at least 0. Defaults to `0`.
        shuffle: bool. Whether every epoch has its own order. Defaults to `True`.
        start_step: int. How many steps of the run are already done. Defaults to `0`.
        drop_remainder: bool. Whether the examples that do not fill the last batch of an epoch are
            left out of it. Defaults to `True`.
        **kwargs: Base `keras.utils.PyDataset` arguments; `workers` is at most 1.

    Items are pairs `(float32 images, int32 labels)`; one-hot labels come as float32.

    Raises:
        ValueError: if an argument is out of range, or if `x` and `y` differ in length.

    Example:

    ```python
    batches = gloro_tf.data.Batches(x, y, 256, epochs=20, augmentation="shift.2")
    model.fit(batches, epochs=20, steps_per_epoch=batches.steps_per_epoch, shuffle=False)
    ```
    """

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        batch_size: int,
        *,
        epochs: int = 1,
        augmentation: str | Callable[..., Array] = "none",
        seed: int = 0,
        shuffle: bool = True,
        start_step: int = 0,
        drop_remainder: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.x, self.y = np.asarray(x), _labels(y)
        self.batch_size = _integer("batch_size", batch_size, 1)
        self.epochs = _integer("epochs", epochs, 1)
        self.augmentation = augmentations.get(augmentation)
        self.seed = _integer("seed", seed, 0)
        self.shuffle = bool(shuffle)
        self.drop_remainder = bool(drop_remainder)
        self._check_sizes()
        self.start_step = _integer("start_step", start_step, 0, self.total_steps)
        self._order = (None, None)

    @property
    def steps_per_epoch(self) -> int:
        """int. Batches in one pass over the data."""
        full, rest = divmod(len(self.x), self.batch_size)
        return full if self.drop_remainder or not rest else full + 1

    @property
    def total_steps(self) -> int:
        """int. Steps of the whole run, including those before `start_step`."""
        return self.epochs * self.steps_per_epoch

    def __len__(self):
        return self.total_steps - self.start_step

    def __getitem__(self, index):
        index = operator.index(index)
        if not 0 <= index < len(self):
            raise IndexError(f"`index` must be in [0, {len(self)}). Received: index={index}.")
        step = self.start_step + index
        epoch, batch = divmod(step, self.steps_per_epoch)
        rows = self._permutation(epoch)[batch * self.batch_size : (batch + 1) * self.batch_size]
        rng = np.random.default_rng((self.seed, _AUGMENT, step))
        return self.augmentation(self.x[rows], rng), self.y[rows]

    def for_fit(self) -> Any:
        """Returns the same batches in the form that `fit` takes fastest.

        On TensorFlow, outside of a strategy, that is a `tf.data.Dataset`: Keras would otherwise
        feed a generator, and TensorFlow then gives memory back to the system at every step,
        which doubles the time of a small network's step on CPU. Where several processes train one
        model, it is this process' part of every batch. Elsewhere it is `self`.
        """
        if keras.backend.backend() == "jax":
            import jax

            number, parts = jax.process_index(), jax.process_count()
            return self if parts == 1 else _Part(self, number, parts)
        if keras.backend.backend() != "tensorflow":
            return self
        import tensorflow as tf

        strategy = tf.distribute.get_strategy()
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            return strategy.distribute_datasets_from_function(self._of_worker)
        return (
            self if tf.distribute.has_strategy() else self._as_dataset(len(self), self.__getitem__)
        )

    def _of_worker(self, context):
        """What the replicas of one worker see: for each step, and each of them, its part."""
        parts = context.num_replicas_in_sync
        own = parts // context.num_input_pipelines
        first = own * context.input_pipeline_id
        return self._as_dataset(
            len(self) * own, lambda i: self.part(i // own, first + i % own, parts)
        )

    def part(self, index: int, number: int, parts: int) -> tuple[Array, Array]:
        """Part `number` of item `index`, cut into equal `parts`.

        Returns:
            `(images, labels)`, NumPy arrays.

        Raises:
            ValueError: if the batch does not split evenly.
        """
        images, labels = self[index]
        size, rest = divmod(len(labels), parts)
        if rest:
            raise ValueError(
                f"`batch_size` must be a multiple of the {parts} replicas, and so must the last batch "
                f"of an epoch. Received: a batch of {len(labels)}."
            )
        rows = slice(number * size, (number + 1) * size)
        return images[rows], labels[rows]

    def _as_dataset(self, count, item):
        import tensorflow as tf

        images, labels = self[0]

        def load(index):
            types = (tf.float32, labels.dtype)
            x, y = tf.numpy_function(lambda i: item(int(i)), [index], types)
            x.set_shape((None, *images.shape[1:]))
            y.set_shape((None, *labels.shape[1:]))
            return x, y

        return tf.data.Dataset.range(count).map(load).prefetch(2)

    def __repr__(self):
        return (
            f"Batches(examples={len(self.x)}, batch_size={self.batch_size}, epochs={self.epochs}, "
            f"augmentation={str(self.augmentation)!r}, seed={self.seed}, shuffle={self.shuffle}, "
            f"start_step={self.start_step}, drop_remainder={self.drop_remainder})"
        )

    def _permutation(self, epoch):
        # Read and replaced as one pair: a prefetching thread may be in another epoch.
        cached, order = self._order
        if cached != epoch:
            n = len(self.x)
            rng = np.random.default_rng((self.seed, _SHUFFLE, epoch))
            order = rng.permutation(n) if self.shuffle else np.arange(n)
            self._order = (epoch, order)
        return order

    def _check_sizes(self):
        if len(self.x) != len(self.y):
            raise ValueError(
                "`y` must have one label per image. Received: "
                f"{len(self.y)} labels for {len(self.x)} images."
            )
        if self.steps_per_epoch == 0:
            raise ValueError(
                f"`batch_size` must be at most the number of examples, {len(self.x)}. Received: "
                f"batch_size={self.batch_size}. Make it smaller or pass drop_remainder=False."
            )
        if self.workers > 1 or self.use_multiprocessing:
            # Keras restarts its worker queue at item 0 in every epoch, which repeats batches.
            raise ValueError(
                "`workers` must be 0 or 1, without `use_multiprocessing`, because Keras' worker "
                f"queue loses the order of steps between epochs. Received: workers={self.workers}."
            )


class _Part(keras.utils.PyDataset):
    """The same part of every batch."""

    def __init__(self, batches, number, parts):
        super().__init__()
        self._batches, self._which = batches, (number, parts)

    def __len__(self):
        return len(self._batches)

    def __getitem__(self, index):
        return self._batches.part(index, *self._which)


def _labels(y):
    y = np.asarray(y)
    return y.astype(np.float32 if y.ndim == 2 and y.shape[1] > 1 else np.int32, copy=False)


def _integer(name, value, least, most=None):
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        limits = f"at least {least}" if most is None else f"in [{least}, {most}]"
        raise ValueError(f"`{name}` must be an integer, {limits}. Received: {name}={value!r}.")
    return number
