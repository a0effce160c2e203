"""Fast geometric projections on the published MNIST networks, against other ways to decide.

python benchmarks/geometric_projections.py --part=published    # 100 points, four networks
python benchmarks/geometric_projections.py --part=plain        # against one region at a time
python benchmarks/geometric_projections.py --part=authors --python=PATH   # see _fgp_authors.py
python benchmarks/geometric_projections.py --part=scip --python=PATH   # with PySCIPOpt
python benchmarks/geometric_projections.py --part=all_points   # 10,000 points
python benchmarks/geometric_projections.py --part=random       # 2,000 random networks
python benchmarks/geometric_projections.py --part=global       # against global Lipschitz bounds

The networks and images come from `--shared` (default ../shared).
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _fgp_plain  # noqa: E402
import _timing as timing  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

import gloro_tf  # noqa: E402
from gloro_tf.geometric_projections import certify  # noqa: E402

EPSILON = 0.25
BARS = {"3x20": 98, "6x20": 99, "9x20": 97, "3x40": 95}
NOT_ROBUST_3X20 = {10, 11, 17, 39, 46, 50, 59, 66, 67}


def network(shared, name):
    """A published network as a Keras model of logits, and its weights in float64."""
    arrays = np.load(shared / "data/fgp/networks.npz")
    count = sum(key.startswith(f"mnist_{name}/w") for key in arrays.files)
    weights = [(arrays[f"mnist_{name}/w{i}"], arrays[f"mnist_{name}/b{i}"]) for i in range(count)]
    net = keras.Sequential([keras.Input((784,))])
    for kernel, _ in weights[:-1]:
        net.add(keras.layers.Dense(kernel.shape[1], "relu"))
    net.add(keras.layers.Dense(10))
    net.set_weights([part for pair in weights for part in pair])
    return net, [tuple(p.astype("float64") for p in pair) for pair in weights]


def images(shared):
    """All of MNIST's test set, flat float32, its labels, and the 100 published indices."""
    sys.path.insert(0, str(shared / "data"))
    import datasets

    x, y = datasets.load("mnist", "test")
    index = np.random.RandomState(4444).randint(0, 10000, 100)
    return x.reshape(-1, 784) / np.float32(255), y.astype(int), index


def timed(function):
    began = time.perf_counter(), time.process_time()
    result = function()
    return result, time.perf_counter() - began[0], time.process_time() - began[1]


def published(args):
    x, y, index = images(args.shared)
    rows = []
    for name, bar in BARS.items():
        net, _ = network(args.shared, name)
        for exact in (False, True):
            given = {"exact": exact, "seconds_per_point": args.seconds}
            verdicts, wall, cpu = timed(lambda: certify(net, x[index], EPSILON, **given))  # noqa: B023
            counts = verdicts.counts()
            decided = counts["ROBUST"] + counts["NOT_ROBUST"]
            wrong = "-"
            if name == "3x20":
                truth = np.isin(np.arange(100), list(NOT_ROBUST_3X20))
                wrong = int(
                    np.sum(verdicts.status[truth] == "ROBUST")
                    + np.sum(verdicts.status[~truth] == "NOT_ROBUST")
                )
            vra = np.mean((verdicts.status == "ROBUST") & (verdicts.label == y[index]))
            regions = int(np.median(verdicts.regions)), int(verdicts.regions.sum())
            aim = 100 if exact and name in ("3x20", "6x20") else bar
            rows.append(
                [name, "yes" if exact else "no", *counts.values(), f"{vra:.2f}"]
                + [decided, aim, wrong, *regions, f"{wall:.1f}", f"{cpu:.1f}"]
            )
    timing.print_table(
        f"100 published points, L2, epsilon {EPSILON}, {args.seconds:.0f} s a point",
        ["net", "exact", "robust", "not", "unknown", "timed out", "VRA", "decided", "bar"]
        + ["contradictions", "median regions", "all regions", "wall s", "CPU s"],
        rows,
    )


def plain(args):
    x, _, index = images(args.shared)
    net, weights = network(args.shared, "3x20")
    points = x[index].astype("float64")
    verdicts, *ours = timed(lambda: certify(net, x[index], EPSILON, exact=False))
    given = [(weights, p, label, EPSILON, 20.0) for p, label in zip(points, verdicts.label)]
    others, *theirs = timed(lambda: [_fgp_plain.plain(*each) for each in given])
    statuses = np.array([status for status, _ in others])
    both = np.isin(statuses, ["ROBUST", "NOT_ROBUST"])
    wrong = int(np.sum(statuses[both] != verdicts.status[both]))
    regions = sum(count for _, count in others), int(verdicts.regions.sum())
    rows = [
        ["one region at a time, 20 s a point", *map("{:.1f}".format, theirs), regions[0]]
        + [int(both.sum()), ""],
        ["certify", *map("{:.1f}".format, ours), regions[1]]
        + [100 - verdicts.counts()["UNKNOWN"], f"{theirs[1] / ours[1]:.0f}x"],
    ]
    headers = ["", "wall s", "CPU s", "regions", "decided", "CPU ratio"]
    timing.print_table(f"The 100 points on 3x20; {wrong} contradictions", headers, rows)


def authors(args):
    x, _, index = images(args.shared)
    net, weights = network(args.shared, "3x20")
    x = x[index]
    certify(net, x[:1], EPSILON)
    verdicts, *batch = timed(lambda: certify(net, x, EPSILON))
    runs = [timed(lambda p=p: certify(net, p[None], EPSILON)) for p in x]
    singles = [(found.status[0], *clocks) for found, *clocks in runs]
    others = elsewhere("_fgp_authors.py", weights, 20, args.python, x=x)
    statuses = [np.array([each[0] for each in found]) for found in (others, singles)]
    known = [np.isin(s, ["ROBUST", "NOT_ROBUST"]) for s in (*statuses, verdicts.status)]
    wrong = int(np.sum((statuses[0] != verdicts.status) & known[0] & known[2]))
    theirs, mine = (np.array([each[1:] for each in found]) for found in (others, singles))
    rows = []
    for name, clocks, medians, answers in (
        ("authors' code, 20 s a point", theirs.sum(axis=0), np.median(theirs[:, 0]), known[0]),
        ("certify, one at a time", mine.sum(axis=0), np.median(mine[:, 0]), known[1]),
        ("certify, one batch", batch, None, known[2]),
    ):
        ratio = [f"{t / own:.0f}x" for t, own in zip(theirs.sum(axis=0), clocks, strict=True)]
        median = "" if medians is None else f"{1e3 * medians:.1f}"
        rows.append([name, *map("{:.2f}".format, clocks), median, *ratio, answers.sum()])
    timing.print_table(
        f"The 100 points on 3x20; {wrong} contradictions; bar: 30x less",
        ["", "wall s", "CPU s", "median ms", "wall ratio", "CPU ratio", "decided"],
        rows,
    )


def elsewhere(script, weights, seconds, python, **arrays):
    """What another program, in another environment, finds on the same points and weights."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "points.npz"
        named = {f"{k}{i}": v for i, pair in enumerate(weights) for k, v in zip("wb", pair)}
        np.savez(path, epsilon=EPSILON, seconds=seconds, **arrays, **named)
        return timing.worker([pathlib.Path(__file__).with_name(script), path], python=python)


def scip(args):
    x, _, index = images(args.shared)
    net, weights = network(args.shared, "3x20")
    chosen = x[index[:50]]
    singles = [timed(lambda p=p: certify(net, p[None], EPSILON)) for p in chosen]
    labels = np.array([v.label[0] for v, _, _ in singles])
    points = {"x": chosen.astype("float64"), "label": labels}
    others = elsewhere("_fgp_plain.py", weights, 60, args.python, **points)
    pairs = [(v.status[0], other[0]) for (v, _, _), other in zip(singles, others)]
    decided = ("ROBUST", "NOT_ROBUST")
    wrong = sum(a != b for a, b in pairs if a in decided and b in decided)
    batch = timed(lambda: certify(net, chosen, EPSILON))[1:]
    rows = []
    for column, name in ((1, "wall"), (2, "CPU")):
        mine = np.array([s[column] for s in singles])
        theirs = np.array([o[column] for o in others])
        rows.append(
            [name, f"{1e3 * np.median(mine):.1f}", f"{1e3 * np.median(theirs):.1f}"]
            + [f"{np.median(theirs) / np.median(mine):.0f}x", f"{mine.sum():.2f}"]
            + [f"{batch[column - 1]:.2f}", f"{theirs.sum():.1f}"]
        )
    ours, peer = [sum(p[side] in decided for p in pairs) for side in (0, 1)]
    timing.print_table(
        f"50 points on 3x20, one at a time; decided {ours} and {peer} (SCIP, 60 s a point); "
        f"{wrong} contradictions; bar: 10x in the median",
        ["clock", "certify, median ms", "SCIP, median ms", "ratio", "certify, sum s"]
        + ["certify, one batch s", "SCIP, sum s"],
        rows,
    )


def all_points(args):
    x, y, _ = images(args.shared)
    net, _ = network(args.shared, "3x20")
    given = {"exact": True, "seconds_per_point": args.seconds}
    verdicts, wall, cpu = timed(lambda: certify(net, x, EPSILON, **given))
    vra = np.mean((verdicts.status == "ROBUST") & (verdicts.label == y))
    row = [*verdicts.counts().values(), f"{vra:.4f}", int(verdicts.regions.sum())]
    timing.print_table(
        "10,000 MNIST points on 3x20",
        ["robust", "not", "unknown", "timed out", "VRA", "regions", "wall s", "CPU s", "bar"],
        [[*row, f"{wall:.0f}", f"{cpu:.0f}", "240 s"]],
    )


def random_networks(args):
    root = pathlib.Path(__file__).parent.parent
    sys.path.insert(0, str(root / "tests/geometric_projections"))
    import test_verdicts_against_oracles as checks

    (wrong, statuses), wall, _ = timed(lambda: checks.wrong_verdicts(range(2000)))
    counts = {name: statuses.count(name) for name in sorted(set(statuses))}
    row = [len(statuses), *counts.values(), wrong, f"{wall:.0f}"]
    headers = ["verdicts", *counts, "wrong (bar 0)", "wall s"]
    timing.print_table("2,000 random networks, L2 and L-infinity, a dense grid", headers, [row])


def against_global(args):
    x, _, index = images(args.shared)
    rows = []
    for name in BARS:
        net, _ = network(args.shared, name)
        model = gloro_tf.GloroModel(model=net, epsilon=EPSILON).freeze()
        certificate = model.certify(x[index])
        verdicts = certify(model, x[index], EPSILON, seconds_per_point=args.seconds)
        robust = verdicts.status == "ROBUST"
        missed = int(np.sum(certificate.certified & ~robust))
        median = f"{np.median(certificate.radius):.4f}"
        rows.append([name, int(certificate.certified.sum()), int(robust.sum()), missed, median])
    timing.print_table(
        f"Certified of the 100 points at {EPSILON}",
        ["net", "global Lipschitz bound", "local", "global but not local (bar 0)"]
        + ["median global radius"],
        rows,
    )


PARTS = {
    "published": published,
    "plain": plain,
    "authors": authors,
    "scip": scip,
    "all_points": all_points,
    "random": random_networks,
    "global": against_global,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", choices=PARTS, nargs="*", default=["published"])
    parser.add_argument("--shared", type=pathlib.Path, default=pathlib.Path("../shared"))
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--python", help="an interpreter that has the other program")
    args = parser.parse_args()
    timing.print_machine("numpy", "keras")
    for part in args.part:
        PARTS[part](args)


if __name__ == "__main__":
    main()
