"""
Title: Why corners cost pieces
Description: Beside a corner or a curve of the decision boundary, a piecewise-linear function certifies
less than the true distance, and only more pieces help. A unit that takes a norm needs one.
"""

"""
## Setup
"""

import math

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from gloro_tf import smoothness

"""
## A corner: the true distance is round, the facets' function is not
"""

wedge = smoothness.Wedge(math.radians(90))
axis = np.linspace(-0.4, 1.2, 201)
grid = np.stack(np.meshgrid(axis, axis - 0.4), -1).reshape(-1, 2)
figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
levels = [0.2, 0.4, 0.6, 0.8]
for values, style in ((wedge.distance(grid), "--"), (wedge.linear(grid), "-")):
    axes[0].contour(
        axis, axis - 0.4, values.reshape(201, 201), levels=[0, *levels], linestyles=style
    )
axes[0].set_title("distance (dashed) and two pieces (solid)", fontsize=9)

"""
## Measured against the formula, for more and more pieces
"""

pieces = np.array([2, 3, 4, 5, 9, 17])
x = wedge.beside_the_corner(100_000)
measured = [(wedge.linear(x, p) / wedge.distance(x)).min() for p in pieces]
stated = [smoothness.wedge_tightness(wedge.angle, p)[0] for p in pieces]
axes[1].semilogx(pieces, stated, "-", label="cos(angle / (2 (pieces - 1)))")
axes[1].semilogx(pieces, measured, "o", label="measured")
axes[1].set(xlabel="linear pieces", ylabel="worst tightness")
axes[1].legend(frameon=False, fontsize=8)

"""
## In many dimensions the price is exponential: the corner of an orthant
"""

dimensions = [2, 3, 10, 30, 100]
mean = []
for k in dimensions:
    orthant = smoothness.Orthant(k)
    points = orthant.beside_the_corner(20_000)
    mean.append(np.mean(orthant.linear(points) / orthant.distance(points)))
    print(f"orthant in {k:3} dimensions: mean tightness {mean[-1]:.4f}, worst {k**-0.5:.4f}")
axes[2].loglog(dimensions, mean, "o-", label="mean")
axes[2].loglog(dimensions, np.power(dimensions, -0.5), "--", label="worst")
axes[2].set(xlabel="dimensions", ylabel="tightness of the facets alone")
axes[2].legend(frameon=False, fontsize=8)
figure.savefig("corners.png", dpi=150)

"""
## Does a trained network show it? A disk, fitted by units with and without kinks
"""

rows = smoothness.capacity_sweep(
    smoothness.Disk(), widths=(8,), activations=("relu", "minmax", "pair_norm"), seeds=2, steps=300
)
for row in rows:
    print(
        f"{row['activation']:10} mean tightness {row['mean']:.3f}, first percentile {row['low']:.3f}"
    )
print(f"worst of two pieces at 90 degrees: {measured[0]:.6f} (formula {stated[0]:.6f})")
