"""How tight trained networks get: width, depth and activation, beside what geometry allows.

    PYTHONPATH=. python benchmarks/capacity.py [--picture=capacity.png]

1-Lipschitz networks fitted to the signed distance of a square and of a disk, 5 seeds each
(`gloro_tf.smoothness.capacity_sweep`). Linear pieces alone are at best as tight as cos(pi / n) on a
disk with n of them, and as cos(90 degrees / (2 (p - 1))) at the square's corners with p.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import numpy as np  # noqa: E402

from gloro_tf import smoothness  # noqa: E402

REGIONS = {"square": smoothness.Polygon(4), "disk": smoothness.Disk()}
HEADERS = ["region", "activation", "depth", "width", "mean tightness", "first percentile"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--depths", type=int, nargs="+", default=[2, 3])
    parser.add_argument(
        "--activations",
        nargs="+",
        default=["relu", "softplus", "minmax", "abs", "smooth_minmax", "soft_huber", "pair_norm"],
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--picture")
    args = parser.parse_args()
    timing.print_machine("keras")
    rows = {
        name: smoothness.capacity_sweep(
            region, args.widths, args.depths, args.activations, args.seeds, args.steps
        )
        for name, region in REGIONS.items()
    }
    table = [
        [name, r["activation"], r["depth"], r["width"], f"{r['mean']:.3f}", f"{r['low']:.3f}"]
        + [f"{r['spread']:.3f}", r["empty"]]
        for name, found in rows.items()
        for r in found
    ]
    timing.print_table(
        f"Medians over {args.seeds} seeds, {args.steps} steps of Adam; 'spread' is over seeds",
        [*HEADERS, "spread of the mean", "networks without a boundary"],
        table,
    )
    if args.picture:
        draw(rows, args.picture)


def draw(rows, path):
    """Mean tightness against width, beside what as many linear pieces allow."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    for axis, (name, found) in zip(axes, rows.items()):
        deepest = max(row["depth"] for row in found)
        for activation in dict.fromkeys(row["activation"] for row in found):
            cells = [r for r in found if (r["activation"], r["depth"]) == (activation, deepest)]
            axis.plot(
                [r["width"] for r in cells], [r["mean"] for r in cells], "o-", label=activation
            )
        pieces = np.arange(3, 1 + max(row["width"] for row in found))
        if name == "disk":
            axis.plot(pieces, np.cos(np.pi / pieces), "k--", label="cos(pi / n)")
        else:
            worst = [smoothness.wedge_tightness(np.pi / 2, p)[1] for p in pieces]
            axis.plot(pieces, worst, "k--", label="mean at a corner, p pieces")
        axis.set(xscale="log", xlabel="width (units, pieces)", title=name)
        axis.legend(frameon=False, fontsize=7)
    axes[0].set_ylabel("mean tightness")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
