"""Where a model lives, one device or a copy on each, and how exactly that repeats."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
from typing import Any

import keras

from gloro_tf.training._multiworker_fit import repaired
from gloro_tf.training.cluster import ALONE, from_environment

NAMES = ("auto", "one", "mirrored", "multiworker")


def placement(name: str = "auto") -> contextlib.AbstractContextManager[Any]:
    """Returns the context in which a model must be created, compiled, fitted and evaluated.

    Several processes are described to each of them by `TF_CONFIG`, as TensorFlow does, also on JAX.
    They must be met before anything is computed: call this first, and in each process once.

    Args:
        name: `"one"`; `"mirrored"` (a replica on every device of this process: `tf.distribute` on
            TensorFlow, `keras.distribution.DataParallel` on JAX); `"multiworker"` (on every device of
            every process in `TF_CONFIG`); or `"auto"`: multiworker where `TF_CONFIG` lists several
            workers, mirrored where there are several accelerators.

    Raises:
        ValueError: for another name, a malformed `TF_CONFIG`, or a backend that has no replicas.
    """
    if name not in NAMES:
        raise ValueError(f"`strategy` must be one of {NAMES}. Received: strategy={name!r}")
    if name == "one":
        return contextlib.nullcontext()
    workers, backend = cluster(name), keras.backend.backend()
    if backend == "torch" and (workers.size > 1 or name != "auto"):
        raise ValueError(f"`strategy` {name!r} needs TensorFlow or JAX. Received: torch.")
    if backend == "tensorflow":
        return _tensorflow_workers(_workers_strategy()) if workers.size > 1 else _tensorflow(name)
    if backend == "jax":
        if workers.size > 1:
            _meet(workers)
        several = keras.distribution.get_device_count() > 1
        return _data_parallel().scope() if several else contextlib.nullcontext()
    return contextlib.nullcontext()


def cluster(name="auto"):
    """The `Cluster` that a strategy trains on: of one process, but for `"multiworker"`.

    Raises:
        ValueError: if `TF_CONFIG` is malformed, lists no second worker for `"multiworker"`, or several
            for `"mirrored"`.
    """
    if name == "one":
        return ALONE
    found = from_environment()
    if name == "multiworker" and found.size < 2:
        raise ValueError(
            "`strategy` 'multiworker' needs several workers in `TF_CONFIG`. Received: "
            f"{found.size} there. Set it on each worker, or pass --strategy=auto."
        )
    if name == "mirrored" and found.size > 1:
        raise ValueError(
            f"`strategy` 'mirrored' covers one process. Received: TF_CONFIG with {found.size} "
            "workers. Unset it, or pass --strategy=multiworker."
        )
    return found


def _tensorflow(name):
    import tensorflow as tf

    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    if name == "auto" and len(gpus) < 2:
        return contextlib.nullcontext()
    return tf.distribute.MirroredStrategy([device.name for device in devices]).scope()


@functools.cache  # TensorFlow has one server, and one strategy, in a process
def _workers_strategy():
    import tensorflow as tf

    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ValueError(
            f"The workers could not meet ({error}). `placement` must come before anything is computed "
            "in this process."
        ) from error


@contextlib.contextmanager
def _tensorflow_workers(strategy):
    with repaired(strategy), strategy.scope():
        yield


def _meet(workers):
    """Connects this JAX process to the others."""
    import jax

    if not jax.distributed.is_initialized():
        jax.distributed.initialize(
            coordinator_address=workers.addresses[0],
            num_processes=workers.size,
            process_id=workers.index,
        )


def _data_parallel():
    # Every process feeds its own part of a batch (`Batches.for_fit`), so Keras must not cut again.
    return keras.distribution.DataParallel(auto_shard_dataset=False)


def shards():
    """Into how many equal parts every batch must split: data parallelism on JAX, and workers on
    TensorFlow, do not pad."""
    strategy = _entered_workers()
    if strategy is not None:
        return strategy.num_replicas_in_sync
    if keras.backend.backend() != "jax" or keras.distribution.distribution() is None:
        return 1
    return keras.distribution.get_device_count()


def _entered_workers():
    """The strategy of several TensorFlow workers whose scope this is, or `None`."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    strategy = tf.distribute.get_strategy()
    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    return strategy if several else None


def on_its_own(function, *arguments):
    """Calls a function that the other workers do not call.

    In the scope of several workers every new variable waits for all of them, and saving makes some;
    a thread of its own is in no scope.
    """
    alone = _entered_workers() is None
    if keras.backend.backend() == "jax":
        import jax

        alone = jax.process_count() == 1
    if alone:
        return function(*arguments)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()


def make_deterministic(seed):
    """Seeds every generator; on GPUs also asks TensorFlow to sum in one order, always.

    On CPUs its operations do so anyway. On JAX, set `XLA_FLAGS=--xla_gpu_deterministic_ops=true`.
    """
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if tf.config.list_logical_devices("GPU"):
            tf.config.experimental.enable_op_determinism()


def compiles(net):
    """What to pass as `jit_compile` for a model of logits.

    XLA shortens the step of convolutional networks with MinMax on CPUs too, where Keras leaves it
    off; it lengthens that of `CholeskyMLP` (`benchmarks/`). Replicas do not take it.
    """
    if keras.backend.backend() != "tensorflow" or not getattr(net, "prefers_xla", False):
        return "auto"
    import tensorflow as tf

    return "auto" if tf.distribute.has_strategy() else True
