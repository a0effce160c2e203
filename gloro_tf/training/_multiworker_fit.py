"""Keras' `fit` over several processes of TensorFlow, which two faults of Keras 3 would stop.

Under `MultiWorkerMirroredStrategy`, Keras 3.12 to 3.15 fail in two places of their own trainer:

1. `TensorFlowTrainer._maybe_symbolic_build` averages the first batch over the replicas to learn its
   shapes, which a batch that lies on several processes does not allow (keras issue 20585).
2. `reduce_per_replica` averages the logs over axis 0, which scalars do not have.

`repaired` replaces both while it is entered: the shapes are taken from this process' own part of the
batch, and scalars are averaged over the replicas. Weights, losses and metrics are computed by Keras
as they are. A loop of our own over `train_step` would need no private names, but would do without
what `fit` gives to users: their callbacks, validation, `steps_per_epoch`. Other versions of Keras
are used as they are, on the assumption that they no longer have the faults; a test with two
processes tells.
"""

import contextlib

import keras

FAULTY = ((3, 12), (3, 15))


def has_the_faults(version):
    """Whether a version of Keras is one of those in which both faults were found."""
    return FAULTY[0] <= tuple(map(int, version.split(".")[:2])) <= FAULTY[1]


@contextlib.contextmanager
def repaired(strategy):
    """A context in which `fit`, `evaluate` and `predict` work under this strategy."""
    if not has_the_faults(keras.__version__):
        yield
        return
    from keras.src.backend.tensorflow import trainer as module

    trainer = module.TensorFlowTrainer
    before = trainer._maybe_symbolic_build, module.reduce_per_replica
    trainer._maybe_symbolic_build = _build_from_local_batch(strategy)
    module.reduce_per_replica = _reduce_scalars_too(strategy, module.reduce_per_replica)
    try:
        yield
    finally:
        trainer._maybe_symbolic_build, module.reduce_per_replica = before


def _build_from_local_batch(strategy):
    def build(model, iterator=None, data_batch=None):
        if model._distribute_strategy is None:
            return
        if iterator is not None:
            for _, _, batches in iterator:
                data_batch = next(batches)
                break
        local = keras.tree.map_structure(
            lambda value: strategy.experimental_local_results(value)[0], data_batch
        )
        with strategy.scope():
            model._symbolic_build(data_batch=local)

    return build


def _reduce_scalars_too(strategy, otherwise):
    def reduce(values, given, reduction):
        if given is not strategy or reduction not in ("auto", "mean"):
            return otherwise(values, given, reduction)
        return keras.tree.map_structure(
            lambda value: strategy.reduce("MEAN", value, axis=None), values
        )

    return reduce
