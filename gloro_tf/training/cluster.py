"""Which process of a training this is, when several train one model."""

import contextlib
import dataclasses
import functools
import json
import os
import re

import keras
import numpy as np

_ADDRESS = re.compile(r"[^:\s/]+:([0-9]{1,5})")
_REMEDY = (
    'Write it as {"cluster": {"worker": ["host0:port", "host1:port"]}, "task": {"type": "worker", '
    '"index": 0}}, the same cluster and another index on each worker, or unset it.'
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train one model together, and which of them this is.

    Args:
        addresses: tuple of `"host:port"`, the chief first; empty for a process on its own.
        index: int. The place of this process among them.
    """

    addresses: tuple = ()
    index: int = 0

    @property
    def size(self):
        """Number of processes."""
        return max(1, len(self.addresses))

    @property
    def is_chief(self):
        """Whether this process is the one that writes."""
        return self.index == 0

    def require_alone(self, **choices):
        """Raises `ValueError` if any choice is made that one process alone can follow."""
        for name, value in choices.items():
            if value and self.size > 1:
                raise ValueError(
                    f"`{name}` is for one process. Received: {name}={value} in a cluster of "
                    f"{self.size} workers. Leave it off, or pass --strategy=one."
                )

    @contextlib.contextmanager
    def together(self):
        """While entered, the end of another worker is a `ConnectionError` that says what to do."""
        try:
            yield
        except failures() as error:
            if self.size == 1:
                raise
            raise ConnectionError(
                f"Worker {self.index} of {self.size} cannot go on with the others: "
                f"{str(error).splitlines()[0][:200]}. Start all workers again with the same commands; "
                "the run continues from its last checkpoint."
            ) from error

    def require_same(self, **values):
        """Meets the other processes; raises `ValueError` in all where any integer differs."""
        if self.size == 1:
            return
        rows = _gather(np.array(list(values.values()), "int32"))
        for name, column in zip(values, rows.T, strict=True):
            if len(set(column.tolist())) > 1:
                raise ValueError(
                    f"All workers must have the same {name.replace('_', ' ')}. Received: "
                    f"{column.tolist()}, by worker. Start all of them with the same flags and code, "
                    "and give them one workdir on a file system that they share."
                )


ALONE = Cluster()


def from_environment():
    """Reads `TF_CONFIG`; a process on its own where it is not set.

    Raises:
        ValueError: if `TF_CONFIG` is malformed, or describes what is not supported.
    """
    text = os.environ.get("TF_CONFIG", "")
    return _parse(text) if text.strip() else ALONE


@functools.lru_cache
def _parse(text):
    try:
        given = json.loads(text)
        workers, task = given["cluster"], given["task"]
        kind, index = task["type"], task["index"]
        hosts = [*workers.get("chief", []), *workers.get("worker", [])]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"`TF_CONFIG` must be JSON with a cluster and a task. Received: {text[:200]!r} "
            f"({type(error).__name__}: {error}). {_REMEDY}"
        ) from error
    others = sorted(set(workers) - {"chief", "worker"})
    if others:
        _refuse("list workers, and at most one chief, only", f"also {others}")
    if not hosts or not all(map(_is_address, hosts)):
        _refuse("list its workers as 'host:port'", hosts)
    if len(set(hosts)) < len(hosts):
        _refuse("give each worker an address of its own", hosts)
    if len(workers.get("chief", [])) > 1:
        _refuse("list at most one chief", workers["chief"])
    own = workers.get(kind, []) if isinstance(kind, str) else []
    if type(index) is not int or not 0 <= index < len(own):
        _refuse(f"name a task of its cluster {workers}", f"task {task}")
    before = len(workers.get("chief", [])) if kind == "worker" else 0
    return Cluster(tuple(hosts), before + index)


def _is_address(host):
    found = isinstance(host, str) and _ADDRESS.fullmatch(host)
    return bool(found) and 0 < int(found[1]) < 2**16


def _refuse(what, received):
    raise ValueError(f"`TF_CONFIG` must {what}. Received: {received}. {_REMEDY}")


def _gather(row):
    """The rows of all processes, `(processes, columns)`."""
    if keras.backend.backend() == "jax":
        from jax.experimental import multihost_utils

        return np.asarray(multihost_utils.process_allgather(row))
    import tensorflow as tf

    strategy = tf.distribute.get_strategy()
    own = strategy.run(lambda: tf.constant(row[None]))
    return strategy.gather(own, axis=0).numpy()


def failures():
    """The errors by which a process learns that another one stopped."""
    if keras.backend.backend() == "jax":
        import jax

        return (jax.errors.JaxRuntimeError,)
    import tensorflow as tf

    errors = tf.errors
    return (
        errors.UnavailableError,
        errors.AbortedError,
        errors.InternalError,
        errors.CancelledError,
    )
