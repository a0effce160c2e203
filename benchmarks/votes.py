"""Vote and cascade of 10 members on 1,000,000 rows: seconds, and memory against 100,000 rows.

python benchmarks/votes.py
"""

import os
import time
import tracemalloc

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import numpy as np  # noqa: E402

from gloro_tf import ensembles  # noqa: E402

MEMBERS, CLASSES, BAR = 10, 10, 2.0


def tables(rows):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, rows).astype("int32")
    labels = np.where(rng.random((MEMBERS, rows)) < 0.9, labels, 0).astype("int32")
    return labels, rng.random((MEMBERS, rows)) < 0.7


def main():
    timing.print_machine("numpy")
    functions = {
        "vote": lambda *t: ensembles.vote(*t, CLASSES),
        "cascade, sound": lambda *t: ensembles.cascade(*t),
        "cascade, claimed": lambda *t: ensembles.cascade(*t, "claimed"),
    }
    rows = []
    for name, function in functions.items():
        peaks = []
        for size in (100_000, 1_000_000):
            given = tables(size)
            started = time.perf_counter()
            function(*given)
            seconds = time.perf_counter() - started
            tracemalloc.start()
            function(*given)
            peaks.append(tracemalloc.get_traced_memory()[1] / 2**20)
            tracemalloc.stop()
        rows.append([name, f"{seconds:.2f}", f"{BAR:.0f} s", *[f"{peak:.0f}" for peak in peaks]])
    headers = ["", "seconds, 1,000,000 rows", "bar", "MiB, 100,000 rows", "MiB, 1,000,000 rows"]
    timing.print_table(f"{MEMBERS} members, {CLASSES} classes", headers, rows)


if __name__ == "__main__":
    main()
