"""Influence of all paths of an LSTM: seconds, against one backward pass per path, and memory.

    PYTHONPATH=. python benchmarks/influence_paths.py            # speed and memory, 1 minute
    PYTHONPATH=. python benchmarks/influence_paths.py --train    # three small models: 5 minutes

Speed is for 2 layers of 48 units and 25 points on the line. "One pass per path" is
`GatedInfluence`, compiled, timed on some paths drawn at random; its time for all is in proportion.
Memory is the peak of a process with 2 layers of 650 units and a vocabulary of 50,000, the size of
the published model. With `--train`: training, accuracy, and the tables of the paper.
"""

import argparse
import os
import resource
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

from gloro_tf import influence as gi  # noqa: E402

BARS = {4: 0.2, 5: 6.0}
FASTER, GIB, SAMPLE = 20, 2.0, 12


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory_of", type=int, help="steps; a worker of this benchmark")
    return parser.parse_args()


def random_trace(units, vocabulary, dtype="float32", scale=0.2):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return scale * rng.standard_normal(shape, dtype=dtype)

    layers = [(draw(units, 4 * units), draw(units, 4 * units), draw(4 * units)) for _ in "01"]
    return gi.LSTMTrace(draw(vocabulary, units), layers, draw(units, vocabulary), draw(vocabulary))


def speed(rounds):
    trace, rng, rows = random_trace(48, 106), np.random.default_rng(1), []
    quantity, line = gi.NumberAgreement(3, 4), gi.NeutralLine(1, 5, steps=25, tolerance=None)
    for steps, bar in BARS.items():
        ids = rng.integers(0, 106, steps + 1)
        gated = gi.GatedInfluence(trace, ids, quantity, line)
        number = gi.count_paths(steps, 2)
        chosen = [gated.graph.path(k) for k in rng.integers(0, number, SAMPLE)]
        found = gi.path_influences(trace, ids, quantity, line)
        worst = max(abs(gated(p) / found[p].value - 1) for p in chosen)
        variants = {
            "one pass per path": lambda g=gated, c=chosen: [g(path) for path in c] and None,
            "listing": lambda i=ids: gi.path_influences(trace, i, quantity, line, "enumerate"),
            "meeting": lambda i=ids: gi.path_influences(trace, i, quantity, line),
        }
        samples = timing.interleave(variants, rounds)
        scale = {"one pass per path": number / SAMPLE, "listing": 1, "meeting": 1}
        for name, (wall, cpu) in timing.medians(samples).items():
            base = timing.medians(samples)["one pass per path"]
            ratios = [
                f"{number / SAMPLE * b / (scale[name] * a):,.0f}x"
                for a, b in zip((wall, cpu), base)
            ]
            wanted = [f"{bar} s", f"{FASTER}x"] if name == "meeting" else ["", ""]
            seconds = [f"{scale[name] * value:,.3f}" for value in (wall, cpu)]
            rows.append([f"{number:,}", name, *seconds, wanted[0], *ratios, wanted[1]])
        print(
            f"{number:,} paths: {SAMPLE} single passes differ by at most {worst:.1e} of their value"
        )
    headers = ["paths", "how", "wall s", "CPU s", "bar", "faster, wall", "faster, CPU", "bar"]
    timing.print_table(
        f"All paths, 2 x 48 units, 25 points ({rounds} rounds in turn)", headers, rows
    )


def peak():
    """Bytes, the most that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory_worker(steps):
    trace = random_trace(650, 50_000)
    ids = np.random.default_rng(1).integers(0, 50_000, steps + 1)
    line, before, started = (
        gi.NeutralLine(1, 5, steps=50, tolerance=None),
        peak(),
        time.perf_counter(),
    )
    found = gi.path_influences(trace, ids, gi.NumberAgreement(3, 4), line)
    seconds = time.perf_counter() - started
    total = gi.influence(trace, ids, gi.NumberAgreement(3, 4), line).total
    gap = abs(found.values.sum() - total) / abs(total)
    timing.answer([len(found), before, peak(), seconds, gap])


def memory():
    rows = []
    for steps in (4, 5):
        paths, before, most, seconds, gap = timing.worker([__file__, "--memory_of", steps])
        sizes = [f"{size / 2**30:.2f}" for size in (before, most, most - before)]
        rows.append([f"{paths:,}", *sizes, f"{GIB:.0f}", f"{seconds:.1f}", f"{gap:.1e}"])
    headers = ["paths", "GiB before", "GiB peak", "GiB more", "bar", "s", "sum against total"]
    timing.print_table("2 x 650 units, vocabulary of 50,000, 50 points", headers, rows)


def train(seeds):
    for nouns, attraction in (("shared", 0.25), ("disjoint", 0.0)):
        grammar = gi.AgreementGrammar(nouns, attraction)
        for seed in range(seeds if attraction else 1):
            started = time.perf_counter(), time.process_time()
            model, accuracies = gi.train_language_model(grammar, seed)
            spent = time.perf_counter() - started[0], time.process_time() - started[1]
            trace = gi.LSTMTrace.from_keras(model)
            print(f"\n## {grammar}, seed {seed}: trained in {spent[0]:.0f} s, CPU {spent[1]:.0f} s")
            print(f"lowest accuracy of {len(accuracies)} conditions {min(accuracies.values()):.3f}")
            tasks = gi.TASKS if seed == 0 else ("simple", "nounpp", "nounppadv")
            sets = {task: grammar.agreement_set(task, 200, seed=2) for task in tasks}
            for task in ("nounpp", "nounppadv"):
                q = gi.agreement_margins(trace, sets[task])
                means = {c: q[sets[task].condition == c].mean() for c in ("SS", "SP", "PS", "PP")}
                print(task, "mean margins", ", ".join(f"{c} {v:.2f}" for c, v in means.items()))
            print(gi.format_rows(gi.primary_path_table(trace, list(sets.values()))))
            two = [sets["nounpp"], sets["nounppadv"]]
            print(gi.format_compression(gi.compression_table(trace, two)), flush=True)


def main():
    args = parse()
    if args.memory_of:
        return memory_worker(args.memory_of)
    timing.print_machine("numpy", "keras")
    print(f"backend {keras.backend.backend()}")
    if args.train:
        return train(args.seeds)
    speed(args.rounds)
    memory()


if __name__ == "__main__":
    main()
