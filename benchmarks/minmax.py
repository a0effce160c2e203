"""How to write MinMax: six forms against ReLU, and what it costs in a training step.

The micro-benchmark is forward and backward of one activation, in milliseconds; the step is 2C2F,
batch 256, Adam, timed over an epoch of `fit`, plain and as a GloroModel.

    python benchmarks/minmax.py
"""

import argparse
import functools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402

SHAPES = ((256, 14, 14, 16), (256, 16, 16, 64))
BATCH = 256
OURS = "relu(a-b), ours"


def forms():
    """Each form as a function of a tensor; `neighbours` pairs features 2i and 2i + 1."""
    from keras import ops

    def halves(function):
        return lambda x: ops.concatenate(function(*ops.split(x, 2, axis=-1)), axis=-1)

    def by_where(a, b):
        greater = a > b
        return [ops.where(greater, a, b), ops.where(greater, b, a)]

    def by_abs(a, b):
        total, gap = a + b, ops.abs(a - b)
        return [0.5 * (total + gap), 0.5 * (total - gap)]

    def by_relu(a, b):
        excess = ops.relu(a - b)
        return [b + excess, a - excess]

    def by_pairs(x):
        pairs = ops.reshape(x, (*x.shape[:-1], x.shape[-1] // 2, 2))
        both = [ops.max(pairs, axis=-1), ops.min(pairs, axis=-1)]
        return ops.reshape(ops.stack(both, axis=-1), x.shape)

    def by_roll(x):
        half = x.shape[-1] // 2
        first = ops.arange(x.shape[-1]) < half
        other = ops.roll(x, half, axis=-1)
        return ops.where(first, ops.maximum(x, other), ops.minimum(x, other))

    return {
        "ReLU": ops.relu,
        OURS: halves(by_relu),
        "maximum, minimum": halves(lambda a, b: [ops.maximum(a, b), ops.minimum(a, b)]),
        "where(a > b)": halves(by_where),
        "(a+b)/2 +- abs(a-b)/2": halves(by_abs),
        "neighbours by reshape": by_pairs,
        "roll": by_roll,
    }


def compile_pass(form, mode):
    """A compiled forward and backward pass; a call returns when it is done."""
    if mode == "JAX":
        import jax

        @jax.jit
        def run(x, upstream):
            y, pullback = jax.vjp(form, x)
            return y, pullback(upstream)

        return lambda x, upstream: jax.block_until_ready(run(x, upstream))
    import tensorflow as tf

    @tf.function(jit_compile=mode == "TF XLA")
    def run(x, upstream):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = form(x)
        return y, tape.gradient(y, x, output_gradients=upstream)

    return run


def micro(mode, rounds, repeats=5):
    """`[[mode, shape, form, cpu ms, wall ms, cpu ratio, wall ratio], ...]`."""
    import numpy as np
    from keras import ops

    rows = []
    for shape in SHAPES:
        rng = np.random.default_rng(0)
        tensors = [ops.convert_to_tensor(rng.normal(size=shape), "float32") for _ in range(2)]
        variants = {
            name: functools.partial(compile_pass(form, mode), *tensors)
            for name, form in forms().items()
        }
        samples = timing.interleave(variants, rounds, warmup=2, repeats=repeats)
        for name, (wall, cpu) in timing.medians(samples).items():
            ratios = [timing.ratio(samples, name, "ReLU", column) for column in (1, 0)]
            times = [f"{1e3 * seconds / repeats:.2f}" for seconds in (cpu, wall)]
            size = "x".join(map(str, shape))
            rows.append([mode, size, name, *times, *[f"{r:.2f}x" for r in ratios]])
    return rows


def steps(rounds, count=30):
    """The whole training step with either activation, plain and certified."""
    import step_overhead

    images, labels = timing.random_data(count * BATCH)
    rows = []
    builders = {"plain Keras": step_overhead.plain, "GloroModel": step_overhead.certified}
    for kind, build in builders.items():
        models = {activation: build(activation) for activation in ("relu", "minmax")}
        runs = {a: timing.epoch(m, images, labels, BATCH) for a, m in models.items()}
        samples = timing.interleave(runs, rounds)
        middle = timing.medians(samples)
        cells = [f"{1e3 * middle[a][column] / count:.1f}" for column in (1, 0) for a in runs]
        ratios = [f"{timing.ratio(samples, 'minmax', 'relu', c):.2f}x" for c in (1, 0)]
        rows.append([kind, *cells, *ratios])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worker", choices=("TF graph", "TF XLA", "JAX", "steps"))
    parser.add_argument("--rounds", type=int, default=11)
    args = parser.parse_args()
    if args.worker:
        function = steps if args.worker == "steps" else functools.partial(micro, args.worker)
        return timing.answer(function(args.rounds))
    timing.print_machine("keras", "tensorflow", "jax")
    rows, call = [], [__file__, "--rounds", args.rounds, "--worker"]
    for mode in ("TF graph", "TF XLA", "JAX"):
        backend = "jax" if mode == "JAX" else "tensorflow"
        rows += timing.worker([*call, mode], KERAS_BACKEND=backend)
    head = "compiled by, shape, form, CPU ms, wall ms, CPU / ReLU, wall / ReLU"
    timing.print_table("Forward and backward of one activation", head.split(", "), rows)
    rows = timing.worker([*call, "steps"], KERAS_BACKEND="tensorflow")
    head = "model, ReLU CPU ms, MinMax CPU ms, ReLU wall ms, MinMax wall ms, CPU ratio, wall ratio"
    title = "A training step of 2C2F, batch 256, TensorFlow (bar: MinMax at most 2x ReLU)"
    timing.print_table(title, head.split(", "), rows)


if __name__ == "__main__":
    main()
