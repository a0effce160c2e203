"""What more processes buy: images per second, bytes per step, and a model of the costs that predicts.

Each worker is one process on one core of this machine, TensorFlow, `MultiWorkerMirroredStrategy`. The
model of the costs is fitted on a cluster of one worker, which does all that two do but sum, and on sums
alone, of tensors of the gradient's shapes. What two workers take beyond that, waiting for one another,
is taken from the smallest batch; the other batches are then predicted and compared. One process without
a strategy is measured beside them.

    python benchmarks/scaling.py
"""

import argparse
import json
import math
import os
import socket
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import _timing as timing  # noqa: E402

NETWORKS = {"2C2F": ((28, 28, 1), 10), "liresnet.4x32.2x256": ((32, 32, 3), 10)}
LARGE = "liresnet.12x512.4x2048"


def build(name):
    """A compiled model on random images."""
    import keras

    import gloro_tf
    from gloro_tf.training.strategy import compiles

    shape, classes = NETWORKS.get(name, ((32, 32, 3), 10))
    keras.utils.set_random_seed(0)
    net = gloro_tf.models.build(name, shape, classes)
    model = gloro_tf.GloroModel(model=net, epsilon=0.1)
    model.compile(keras.optimizers.Adam(1e-3), loss="crossentropy", jit_compile=compiles(net))
    return model


def loopback_bytes():
    """Bytes that this machine has sent to itself so far."""
    with open("/proc/net/dev") as file:
        (line,) = [line for line in file if line.strip().startswith("lo:")]
    return int(line.split(":")[1].split()[8])


def steps_of(model, batch, shape, steps):
    """Seconds and loopback bytes per step, of the second epoch of two; `batch` is global."""
    import keras

    import gloro_tf

    images, labels = timing.random_data(batch * steps, shape)
    batches = gloro_tf.data.Batches(images, labels, batch, epochs=3)
    found = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.start = time.perf_counter(), loopback_bytes()

        def on_epoch_end(self, epoch, logs=None):
            now = time.perf_counter(), loopback_bytes()
            found.append([(a - b) / steps for a, b in zip(now, self.start, strict=True)])

    arguments = {"epochs": 3, "steps_per_epoch": steps, "shuffle": False, "verbose": 0}
    model.fit(batches.for_fit(), callbacks=[Clock()], **arguments)
    return min(found[1:])


def all_reduce(strategy, shapes, repeats=20):
    """Seconds to sum float tensors of these shapes over the workers, as an optimiser asks for it."""
    import tensorflow as tf

    tensors = [tf.zeros(shape) for shape in shapes]

    @tf.function
    def summed():
        return strategy.run(lambda: tf.distribute.get_replica_context().all_reduce("SUM", tensors))

    summed()
    start = time.perf_counter()
    for _ in range(repeats):
        strategy.experimental_local_results(summed()[0])[0].numpy()
    return (time.perf_counter() - start) / repeats


def work(name, batches, steps):
    """One worker: pins itself to a core, trains, answers what it measured."""
    config = json.loads(os.environ.get("TF_CONFIG", '{"task": {"index": 0}}'))
    index = config["task"]["index"]
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[index]})
    import tensorflow as tf

    from gloro_tf.training import strategy as strategies

    worker = "cluster" in config
    tf.config.threading.set_intra_op_parallelism_threads(1)
    # Not `placement`, which rightly refuses a cluster of one.
    place = (
        strategies._tensorflow_workers(strategies._workers_strategy())
        if worker
        else strategies.placement("one")
    )
    shape, found = NETWORKS[name][0], {}
    with place:
        model = build(name)
        for batch in batches:
            found[batch] = steps_of(model, batch, shape, steps)
        shapes = [tuple(v.shape) for v in model.trainable_variables]
        reduced = all_reduce(tf.distribute.get_strategy(), shapes) if worker else 0.0
    size = sum(map(math.prod, shapes))
    if index == 0:
        timing.answer({"steps": found, "parameters": size, "all_reduce": reduced})


def start(name, batches, steps, count):
    """Runs `count` workers, or, for 0, one process without a strategy; the first one's answer."""
    ports = []
    for _ in range(max(count, 1)):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    processes = []
    for index in range(max(count, 1)):
        cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
        config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        more = {"TF_CONFIG": json.dumps(config)} if count else {}
        command = [sys.executable, __file__, "--work", name, "--steps", str(steps), "--batches"]
        processes.append(
            subprocess.Popen(
                [*command, *map(str, batches)],
                env={**os.environ, "OMP_NUM_THREADS": "1", **more},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if index else None,
                text=True,
            )
        )
    outputs = [process.communicate(timeout=600)[0] for process in processes]
    (line,) = [x for x in outputs[0].splitlines() if x.startswith(timing.MARK)]
    return json.loads(line.removeprefix(timing.MARK))


def fit_line(points):
    """`(fixed, per_image)` of seconds per step against batch size, least squares."""
    import numpy as np

    batches, seconds = zip(*points, strict=True)
    per_image, fixed = np.polyfit(batches, seconds, 1)
    return max(fixed, 0.0), per_image


def step_seconds(fixed, per_image, batch, processes, reduced):
    """The model of the costs: a share of the images, what each process repeats, the sum."""
    return fixed + per_image * batch / processes + (reduced if processes > 1 else 0.0)


def ring_seconds(parameters, workers, bandwidth, latency=0.0):
    """A ring all-reduce of float32 gradients; `bandwidth` in bytes a second, out of each worker."""
    sent = 2 * (workers - 1) / workers * 4 * parameters
    return sent / bandwidth + 2 * (workers - 1) * latency


def measure(name, steps, small):
    """A table for one network."""
    batches = [small, 2 * small, 4 * small]
    plain, alone, pair = (start(name, batches, steps, count) for count in (0, 1, 2))
    fixed, per_image = fit_line([(int(b), row[0]) for b, row in alone["steps"].items()])
    reduced = pair["all_reduce"] - alone["all_reduce"]
    said = {b: step_seconds(fixed, per_image, int(b), 2, reduced) for b in pair["steps"]}
    least = str(small)
    waiting = pair["steps"][least][0] - said[least]
    rows = []
    for label, found in (("no strategy", plain), (1, alone), (2, pair)):
        for batch, (seconds, sent) in found["steps"].items():
            row = [label, batch, f"{1e3 * seconds:.0f}", f"{int(batch) / seconds:.0f}", "", ""]
            if found is pair:
                text = f"{1e3 * (said[batch] + waiting):.0f}"
                row[4:] = [f"({text})" if batch == least else text, f"{sent / 2**20:.2f}"]
            rows.append(row)
    parameters = pair["parameters"]
    timing.print_table(
        f"{name}: {parameters:,} parameters; one worker: {1e3 * fixed:.1f} ms a step and "
        f"{1e3 * per_image:.3f} ms an image; a sum over two: {1e3 * reduced:.1f} ms; "
        f"waiting {1e3 * waiting:.1f} ms; a ring of two sends "
        f"{2 * 4 * parameters / 2**20:.2f} MiB a step in all",
        ["workers", "global batch", "ms a step", "images/s", "ms predicted", "MiB sent a step"],
        rows,
    )


def predict(parameters, cases):
    """Efficiencies of larger clusters, from the model of the costs and what is assumed of them."""
    rows = []
    for label, seconds, share, batch in cases:
        fixed, per_image = seconds * share, seconds * (1 - share) / batch
        for workers, bandwidth, latency in ((8, 200e9, 5e-6), (64, 25e9, 15e-6), (64, 2.5e9, 3e-5)):
            reduced = ring_seconds(parameters, workers, bandwidth, latency)
            weak = step_seconds(fixed, per_image, batch * workers, workers, reduced)
            strong = step_seconds(fixed, per_image, batch, workers, reduced)
            rows.append(
                [
                    label,
                    workers,
                    f"{bandwidth / 1e9:g}",
                    f"{1e3 * reduced:.2f}",
                    f"{seconds / weak:.0%}",
                    f"{seconds / strong:.1f}x",
                ]
            )
    timing.print_table(
        f"Predicted for {LARGE}, {parameters:,} parameters: 256 images on each GPU (growing batch), "
        "or in all (same batch)",
        [
            "step of one GPU, and its fixed share",
            "GPUs",
            "GB/s out of each",
            "sum, ms",
            "efficiency, growing batch",
            "speed-up, same batch",
        ],
        rows,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--batches", type=int, nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=12, help="steps in each timed epoch")
    parser.add_argument("--skip_measuring", action="store_true", help="only predict")
    args = parser.parse_args()
    if args.work:
        work(args.work, args.batches, args.steps)
        return
    timing.print_machine("keras", "tensorflow")
    if not args.skip_measuring:
        measure("2C2F", args.steps, 64)
        measure("liresnet.4x32.2x256", max(4, args.steps // 2), 32)
    import gloro_tf

    net = gloro_tf.models.build(LARGE, (32, 32, 3), 10)
    parameters = sum(math.prod(v.shape) for v in net.trainable_variables)
    predict(
        parameters,
        [("50 ms, 5 % fixed", 0.05, 0.05, 256), ("200 ms, 5 % fixed", 0.2, 0.05, 256)],
    )


if __name__ == "__main__":
    main()
