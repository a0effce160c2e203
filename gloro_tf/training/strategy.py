"""Where a model lives, one device or a copy on each, and how exactly that repeats."""

import contextlib
import os

import keras

NAMES = ("auto", "one", "mirrored")


def placement(name="auto"):
    """Returns the context in which a model must be created, compiled and fitted.

    Args:
        name: `"one"`; `"mirrored"` (a replica on every visible device: `tf.distribute` on
            TensorFlow, `keras.distribution.DataParallel` on JAX); or `"auto"`, mirrored where there
            are several accelerators.

    Raises:
        ValueError: for another name, several workers, or a backend that has no replicas.
    """
    if name not in NAMES:
        raise ValueError(f"`strategy` must be one of {NAMES}. Received: strategy={name!r}")
    if "TF_CONFIG" in os.environ and name != "one":
        raise ValueError(
            "`strategy` covers one machine: Keras' `fit` does not support multi-worker TensorFlow. "
            "Received: TF_CONFIG in the environment. Unset it, or pass --strategy=one."
        )
    if name == "one":
        return contextlib.nullcontext()
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _tensorflow(name)
    if backend == "jax":
        several = keras.distribution.get_device_count() > 1
        return keras.distribution.DataParallel().scope() if several else contextlib.nullcontext()
    if name == "mirrored":
        raise ValueError("`strategy` 'mirrored' needs TensorFlow or JAX. Received: torch.")
    return contextlib.nullcontext()


def _tensorflow(name):
    import tensorflow as tf

    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    if name == "auto" and len(gpus) < 2:
        return contextlib.nullcontext()
    return tf.distribute.MirroredStrategy([device.name for device in devices]).scope()


def shards():
    """Into how many equal parts every batch must split: JAX' data parallelism does not pad."""
    if keras.backend.backend() != "jax" or keras.distribution.distribution() is None:
        return 1
    return keras.distribution.get_device_count()


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
