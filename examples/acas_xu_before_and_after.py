"""
Title: ACAS Xu, before and after
Description: A collision-avoidance network that breaks two of its safety properties, and the same one
corrected. The picture shows the advice in two slices of the inputs where they are broken.
"""

"""
## Setup
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from gloro_tf.self_correcting import (
    acas_xu,
    find_violations,
    make_self_correcting,
    safety_report,
)

"""
## A network, and what is asked of it

N_2,9 takes the intruder's distance, direction and heading, and both speeds, and gives the cost of five
advisories; the least cost advises. Property 2: with a far and much slower intruder, "clear of conflict"
(COC) is not the costliest. Property 8: with a fast one from behind on the left, advise COC or weak
left.
"""

network = acas_xu.load()
properties = acas_xu.safe_ordering("2_9")
print(properties)

"""
## Look for violations
"""

found = {}
for name in ("phi2", "phi8"):
    options = {"bounds": acas_xu.domain(), "score": "min", "batch_size": 4096}
    found[name] = find_violations(network, properties[name], 20_000, "gradient", **options)
    print(f"{name}: {len(found[name].points)} of {found[name].tried:,} ascents end in a violation")

"""
## Correct the network

Nothing is trained. The order of the costs changes where it was unsafe, and nowhere else; the advice
only where that was unsafe, which property 2 never makes it.
"""

safe = make_self_correcting(network, properties)
points = np.concatenate([acas_xu.sample(200_000), *[f.points for f in found.values()]])
print("\nBefore:", safety_report(network, properties, points, 4096), sep="\n")
print("\nAfter:", safety_report(safe, properties, points, 4096), sep="\n")

"""
## The advisory map, around the worst violation of each
"""

side, low, high = 301, *acas_xu.domain()


def slice_of(name, across, up):
    """Inputs of a slice through the worst violation, inside the box of the property."""
    (box,) = properties[name].pre.boxes()
    first, last = np.maximum(low, box[0]), np.minimum(high, box[1])
    grid = np.tile(found[name].points[0], (side * side, 1))
    axes = [np.linspace(first[i], last[i], side) for i in (across, up)]
    grid[:, across], grid[:, up] = (g.ravel() for g in np.meshgrid(*axes))
    grid = np.clip(grid, box[0], box[1])
    ends = acas_xu.UNITS.invert(grid[[0, -1]])
    return grid, [ends[0, across], ends[1, across], ends[0, up], ends[1, up]]


colors = matplotlib.colors.ListedColormap(["#e9ecf1", "#8fb7dd", "#f2c48a", "#2563a8", "#c8443a"])
figure, panels = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
changed = {}
for row, (name, across, up) in zip(panels, [("phi2", 1, 2), ("phi8", 0, 1)]):
    grid, extent = slice_of(name, across, up)
    costs = [m.predict(grid, batch_size=4096, verbose=0) for m in (network, safe)]
    for panel, when, cost in zip(row, ("before", "after"), costs):
        unsafe = cost.argmax(1) == 0 if name == "phi2" else cost.argmin(1) > 1
        look = {"origin": "lower", "extent": extent, "aspect": "auto", "interpolation": "nearest"}
        advice = cost.argmin(1).reshape(side, side)
        shown = panel.imshow(advice, cmap=colors, vmin=-0.5, vmax=4.5, **look)
        mark = np.where(unsafe, 1.0, np.nan).reshape(side, side)
        panel.imshow(mark, cmap="gray", vmin=1, vmax=2, alpha=0.45, **look)
        panel.set(xlabel=acas_xu.INPUTS[across], ylabel=acas_xu.INPUTS[up])
        panel.set_title(f"{name} {when}: {unsafe.mean():.1%} violate (dark)", fontsize=10)
    changed[name] = int((costs[0].argmin(1) != costs[1].argmin(1)).sum())
    assert not unsafe.any()
bar = figure.colorbar(shown, ax=panels, ticks=range(5))
bar.ax.set_yticklabels(acas_xu.ADVISORIES)
figure.savefig("acas_xu.png", dpi=150)

"""
## The number to check
"""

print(f"\nOf {side * side:,} points in each slice {changed} change their advice, and none violates")
