"""What the benchmarks share: interleaved timing, a clock for epochs, tables, worker processes.

Every ratio comes from one run in which the variants take turns (A B A B ...), so that whatever
else the machine does falls on all of them alike. CPU seconds are those of the whole process, all
threads; they are the steadier figure.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time

MARK = "RESULT "


def interleave(variants, rounds, warmup=1, repeats=1):
    """Calls the variants in turn; returns `{name: [(wall, cpu), ...]}` in seconds.

    Each turn calls a variant `repeats` times; one that returns two floats has timed itself.
    """
    samples = {name: [] for name in variants}
    for number in range(warmup + rounds):
        for name, function in variants.items():
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(repeats):
                own = function()
            spent = time.perf_counter() - wall, time.process_time() - cpu
            if number >= warmup:
                timed_itself = isinstance(own, tuple) and isinstance(own[0], float)
                samples[name].append(own if timed_itself else spent)
    return samples


def medians(samples):
    """`{name: (wall, cpu)}`, the medians over the rounds."""
    return {
        name: tuple(statistics.median(column) for column in zip(*pairs, strict=True))
        for name, pairs in samples.items()
    }


def ratio(samples, name, base, column=1):
    """Median over the rounds of each round's ratio, of CPU seconds unless `column` is 0 (wall)."""
    pairs = zip(samples[name], samples[base], strict=True)
    return statistics.median(a[column] / b[column] for a, b in pairs)


def epoch(model, images, labels, batch, at_end=lambda: None):
    """A function that trains one epoch with `fit` and returns `(wall, cpu)` of it.

    They are read at the epoch's begin and end, so the checks and the set-up before it are not
    in; `at_end` is called before the second reading.
    """
    import keras

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.start = time.perf_counter(), time.process_time()

        def on_epoch_end(self, epoch, logs=None):
            at_end()
            wall, cpu = self.start
            self.spent = time.perf_counter() - wall, time.process_time() - cpu

    def run():
        clock = Clock()
        model.fit(images, labels, batch_size=batch, epochs=1, verbose=0, callbacks=[clock])
        return clock.spent

    return run


def compare_steps(models, images, labels, batch, rounds, bars, title):
    """Times the training steps of models in turn; prints a table of ratios to the first one.

    `bars` holds, by name, the most that the CPU ratio may be.
    """
    base, steps = next(iter(models)), len(images) // batch
    runs = {name: epoch(m, images, labels, batch) for name, m in models.items()}
    samples = interleave(runs, rounds)
    rows = []
    for name, (wall, cpu) in medians(samples).items():
        ratios = [f"{ratio(samples, name, base, column):.3f}x" for column in (1, 0)]
        milliseconds = [f"{1e3 * seconds / steps:.0f}" for seconds in (cpu, wall)]
        bar = f"at most {bars[name]}x" if name in bars else ""
        rows.append([name, *milliseconds, *ratios, bar])
    print_table(
        f"Milliseconds per training step, {title}, batch {batch} "
        f"({rounds} rounds of {steps} steps in turn, medians)",
        ["model", "CPU ms", "wall ms", "CPU ratio", "wall ratio", "bar"],
        rows,
    )


def random_data(samples, shape=(28, 28, 1), classes=10):
    """Random images in [0, 1] and random labels; for timing only."""
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.random((samples, *shape), dtype=np.float32)
    return images, rng.integers(0, classes, size=samples)


def print_table(title, headers, rows):
    """Prints a markdown table."""
    print(f"\n{title}\n")
    print("| " + " | ".join(headers) + " |")
    print("|" + "---|" * len(headers))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def print_machine(*packages):
    """Prints when and where a table was made."""
    from importlib.metadata import packages_distributions, version

    found = {d.lower().replace("-", "_") for ds in packages_distributions().values() for d in ds}
    versions = ", ".join(f"{p} {version(p)}" for p in packages if p in found)
    print(
        f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} CPUs, load "
        f"{os.getloadavg()[0]:.1f}, Python {platform.python_version()}, {versions}",
        flush=True,
    )


def worker(arguments, python=None, **environment):
    """Runs a script in a process of its own; returns the JSON object on its last line."""
    done = subprocess.run(
        [python or sys.executable, *map(str, arguments)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{arguments[0]} failed with {done.returncode}; see its messages above.")
    return json.loads(done.stdout.strip().splitlines()[-1].removeprefix(MARK))


def answer(value):
    """Hands a worker's result to the process that started it."""
    print(MARK + json.dumps(value), flush=True)
