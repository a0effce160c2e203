"""Self-correcting networks: exactness, the 45 ACAS Xu networks, overhead, many outputs.

python benchmarks/self_correcting.py --what permutations --sets 5000
python benchmarks/self_correcting.py --what acas --networks ../shared/data/acasxu/networks.npz \
    [--counts=acas.json --minutes=3]    (in parts: the same command goes on where it stopped)
python benchmarks/self_correcting.py --what overhead,large,memory
"""

import argparse
import json
import os
import pathlib
import resource
import sys
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "self_correcting"))

import _timing as timing  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import ops  # noqa: E402

import gloro_tf  # noqa: E402, F401
from gloro_tf.self_correcting import (  # noqa: E402
    Box,
    Outputs,
    PredictedIn,
    Property,
    SafeOrdering,
    SelfCorrectingLayer,
    acas_xu,
    chain,
    make_self_correcting,
)
from gloro_tf.self_correcting.report import outputs_of  # noqa: E402

BATCH = 128


def compiled(function):
    """A function of tensors, compiled on the backend that runs."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=ARGUMENTS.xla)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def permutations():
    """Random property sets against all permutations of up to six outputs."""
    import brute_force

    def quiet(properties, score):
        layer = SelfCorrectingLayer(SafeOrdering(properties, score=score))

        def run(x, y):
            z, info = layer([x, y], return_info=True)
            return ops.convert_to_numpy(z), ops.convert_to_numpy(info["status"])

        return run

    started = time.process_time()
    wrong, rows, statuses = brute_force.count_mismatches(quiet, ARGUMENTS.sets, 16, seed=1)
    print(
        f"\n{ARGUMENTS.sets:,} random property sets, {rows:,} rows, {wrong} mismatches; rows by status "
        f"{statuses.tolist()}; {time.process_time() - started:.0f} CPU seconds",
        flush=True,
    )


def in_box(prop, n, seed):
    """Uniform points of the boxes of a property, within the domain."""
    low, high = acas_xu.domain()
    rng, found = np.random.default_rng(seed), []
    boxes = prop.pre.boxes()
    for number, (lower, upper) in enumerate(boxes):
        lower = np.maximum(lower, low.astype("float32"))
        upper = np.minimum(upper, high.astype("float32"))
        count = n // len(boxes) + (number < n % len(boxes))
        x = rng.random((count, 5), "float32") * (upper - lower) + lower
        found.append(np.clip(x, lower, upper))
    return np.concatenate(found)


def check(model, run, x):
    """Counts over points: active, violated before and after, top classes changed."""
    y = outputs_of(model, x, 5, 2**16)
    counts = np.zeros(6, "int64")
    for start in range(0, len(x), 2**16):
        part = slice(start, start + 2**16)
        z, info = run(ops.convert_to_tensor(x[part]), ops.convert_to_tensor(y[part]))
        _, after = run(ops.convert_to_tensor(x[part]), z)
        z, before = ops.convert_to_numpy(z), ops.convert_to_numpy(info["violated"])
        changed = z.argmin(1) != y[part].argmin(1)
        counts += [
            ops.convert_to_numpy(info["active"]).any(1).sum(),
            before.any(1).sum(),
            ops.convert_to_numpy(after["violated"]).any(1).sum(),
            changed.sum(),
            (changed & ~before.any(1)).sum(),
            (ops.convert_to_numpy(info["status"]) > 3).sum(),
        ]
    return counts


def acas_network(network):
    """Counts of one network, `{property or "uniform": counts}`."""
    model, found = acas_xu.load(network, ARGUMENTS.networks), {}
    ordering = acas_xu.safe_ordering(network)
    layer = SelfCorrectingLayer(ordering, on_conflict="keep")
    run = compiled(lambda x, y: layer([x, y], return_info=True))
    for number, prop in enumerate(ordering):
        counts = check(model, run, in_box(prop, ARGUMENTS.points, number))
        assert counts[0] == ARGUMENTS.points and counts[2] == counts[4] == counts[5] == 0
        assert prop.name != "phi2" or counts[3] == 0
        found[prop.name] = counts.tolist()
    if len(ordering):
        x = acas_xu.sample(ARGUMENTS.points, seed=int(network.replace("_", "")))
        found["uniform"] = check(model, run, x).tolist()
    print(network, "done", flush=True)
    return found


def acas_counts():
    """Counts of all networks, kept in a file if there is one; `None` where the time is over."""
    path, started = ARGUMENTS.counts and pathlib.Path(ARGUMENTS.counts), time.monotonic()
    found = json.loads(path.read_text()) if path and path.exists() else {}
    for network in acas_xu.NETWORKS:
        if network not in found and time.monotonic() - started > 60 * ARGUMENTS.minutes:
            return None
        if network not in found:
            found[network] = acas_network(network)
            if path:
                path.write_text(json.dumps({"points": ARGUMENTS.points, **found}))
    if found.get("points", ARGUMENTS.points) != ARGUMENTS.points:
        raise ValueError(f"`counts` must be of as many points. Received: {found['points']}")
    return found


def acas():
    """Every network and box, and uniform points over all inputs."""
    found = acas_counts()
    if found is None:
        print("Not done yet: the same command goes on.")
        return
    rows, totals, uniform, seen = [], np.zeros(6, "int64"), np.zeros(6, "int64"), 0
    for network in acas_xu.NETWORKS:
        for name, counts in found[network].items():
            if name == "uniform":
                uniform, seen = uniform + counts, seen + ARGUMENTS.points
                continue
            totals += counts
            if counts[1]:
                rows.append([network, name, *[f"{c:,}" for c in counts[1:4]]])
    timing.print_table(
        f"Points that violate, of {ARGUMENTS.points:,} in each box; boxes without any are left out "
        f"({totals[0]:,} points in all, {totals[1]:,} violations before, {totals[2]} after; best "
        f"advisory changed on {totals[4]} safe points)",
        ["network", "property", "violated before", "after", "advisory changed"],
        rows,
    )
    print(
        f"\nUniform over all inputs, {seen:,} points: {uniform[0]:,} active, {uniform[1]:,} violated "
        f"before, {uniform[2]} after; advisory changed on {uniform[3]:,}, of them safe {uniform[4]}"
    )


def overhead():
    """The bare network against the corrected one, one compiled call for each batch."""
    model = acas_xu.load()
    y = Outputs(5, names=acas_xu.ADVISORIES)
    three = [p for p in acas_xu.safe_ordering("2_9") if p.name in ("phi2", "phi3", "phi4")]
    safe = make_self_correcting(model, SafeOrdering(three, score="min"))
    bare, corrected = (compiled(lambda x, m=m: m(x, training=False)) for m in (model, safe))
    batches = {
        "uniform": acas_xu.sample(BATCH),
        "half in the box of phi2": np.concatenate(
            [acas_xu.sample(BATCH // 2), in_box(three[0], BATCH // 2, 0)]
        ),
    }
    # The network rarely violates these; what it always does in this box is turned into a violation.
    forced = Property(three[0].pre, y["COC"].is_max(), "forced")
    forced = make_self_correcting(model, SafeOrdering([forced, *three[1:]], score="min"))
    fixing = compiled(lambda x: forced(x, training=False))
    rows = []
    for name, x in batches.items():
        x = ops.convert_to_tensor(x)
        variants = {"bare": lambda x=x: bare(x), "corrected": lambda x=x: corrected(x)}
        if name != "uniform":
            variants["every second row corrected"] = lambda x=x: fixing(x)
        variants = {k: lambda f=f: ops.convert_to_numpy(f()) for k, f in variants.items()}
        samples = timing.interleave(variants, ARGUMENTS.rounds, warmup=2, repeats=200)
        for variant, (wall, cpu) in timing.medians(samples).items():
            micro = [1e6 * s / 200 / BATCH for s in (cpu, wall)]
            extra = micro[0] - 1e6 * timing.medians(samples)["bare"][1] / 200 / BATCH
            ratios = [f"{timing.ratio(samples, variant, 'bare', c):.2f}x" for c in (1, 0)]
            rows.append([name, variant, *[f"{m:.2f}" for m in micro], f"{extra:.2f}", *ratios])
    timing.print_table(
        f"Microseconds per input, N_2,9 with phi2, phi3 and phi4, batch {BATCH} (bar: 10 more, 1.5x)",
        ["batch", "network", "CPU", "wall", "more, CPU", "CPU ratio", "wall ratio"],
        rows,
    )


def many_properties(m, count, rng):
    """Random boxes of [0, 1]^5 (a tenth of the inputs each), each with a random acyclic order."""
    y, found = Outputs(m), []
    for _ in range(count):
        low = rng.random(5) * 0.37
        members = rng.choice(m, 4, replace=False).tolist()
        post = chain(*[y[i] for i in members[:3]]) & (y[members[3]] < y[members[2]])
        found.append(Property(Box(low, low + 0.63), post))
    return found


def superclasses(m, count):
    """Each group of classes above all others where the prediction is in it, as for CIFAR-100."""
    y, size = Outputs(m), m // count
    groups = [list(range(k * size, (k + 1) * size)) for k in range(count)]
    return [Property(PredictedIn(g), y.above(g, y.rest(g))) for g in groups]


def time_layer(properties, m, rng, repeats):
    """Milliseconds (CPU, wall) per input, rows active, violated and in conflict."""
    warnings.simplefilter("ignore")
    layer = SelfCorrectingLayer(properties, on_conflict="keep")
    run = compiled(lambda x, y: layer([x, y], return_info=True))
    x = ops.convert_to_tensor(rng.random((BATCH, 5), "float32"))
    y = ops.convert_to_tensor(rng.normal(size=(BATCH, m)).astype("float32"))
    once = lambda: ops.convert_to_numpy(run(x, y)[0])  # noqa: E731
    samples = timing.interleave({"layer": once}, ARGUMENTS.rounds, warmup=2, repeats=repeats)
    wall, cpu = (1e3 * s / repeats / BATCH for s in timing.medians(samples)["layer"])
    info = {k: ops.convert_to_numpy(v) for k, v in run(x, y)[1].items()}
    active, violated = (int(info[k].any(1).sum()) for k in ("active", "violated"))
    return cpu, wall, active, violated, int((info["status"] == 4).sum())


def large():
    """100 outputs with 20 properties."""
    rng, rows = np.random.default_rng(0), []
    cases = {
        "20 random boxes, chains": many_properties(100, 20, rng),
        "20 superclasses (475 comparisons each)": superclasses(100, 20),
    }
    for name, properties in cases.items():
        cpu, wall, *counts = time_layer(properties, 100, rng, 3)
        rows.append([name, f"{cpu:.3f}", f"{wall:.3f}", *counts])
    timing.print_table(
        f"Milliseconds per input, 100 outputs, 20 properties, batch {BATCH} (bar: 0.3)",
        ["properties", "CPU", "wall", "rows active", "violated", "conflict"],
        rows,
    )


def memory():
    """1,000 outputs: the peak of a process of its own."""
    rows = []
    for case in ("nothing", "superclasses", "chains"):
        arguments = [__file__, "--what", "peak", "--case", case, "--rounds", "1"]
        found = timing.worker([*arguments, *(["--xla"] if ARGUMENTS.xla else [])])
        rows.append([case, *found])
    timing.print_table(
        f"1,000 outputs, 20 properties, batch {BATCH} (bar: 2 GiB for the process)",
        ["properties", "peak GiB", "CPU ms per input", "rows violated"],
        rows,
    )


def peak():
    rng, m = np.random.default_rng(0), 1000
    found = [0, 0, 0, 0, 0]
    if ARGUMENTS.case == "superclasses":
        found = time_layer(superclasses(m, 20), m, rng, 1)
    if ARGUMENTS.case == "chains":
        found = time_layer(many_properties(m, 20, rng), m, rng, 1)
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    timing.answer([f"{gib:.2f}", f"{found[0]:.2f}", found[3]])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--what", default="permutations,overhead,large,memory")
    parser.add_argument("--sets", type=int, default=5000)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--networks", default=str(ROOT.parent / "shared/data/acasxu/networks.npz"))
    parser.add_argument("--counts", default="")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--case", default="nothing")
    parser.add_argument("--xla", action="store_true")
    ARGUMENTS = parser.parse_args()
    warnings.simplefilter("ignore")
    if ARGUMENTS.what != "peak":
        timing.print_machine("keras", "numpy")
        print(f"backend {keras.backend.backend()}, XLA {ARGUMENTS.xla}")
    for part in ARGUMENTS.what.split(","):
        globals()[part]()
