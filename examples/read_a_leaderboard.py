"""
Title: Read a leaderboard as a plot
Description: The zoo's models of a data set: VRA against radius, and accuracy against size.
"""

"""
## Setup
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import zoo

dataset = sys.argv[1] if len(sys.argv) > 1 else "mnist"
print(zoo.leaderboard(dataset))

"""
## Every card holds its measurements
"""

cards = [zoo.card(name) for name in zoo.list(dataset=dataset)]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for card in cards:
    result = card.result()
    radii = [row["epsilon"] for row in result["vra"]]
    accuracies = [row["vra_bound"] for row in result["vra"]]
    clean = result["clean_accuracy"]
    left.plot([0, *radii], [clean, *accuracies], marker="o", label=card.name)
    right.scatter(card.architecture["parameters"], clean, label=card.name)
left.set(xlabel="radius (L2)", ylabel="VRA, by the guaranteed bound", ylim=(0, 1))
right.set(xlabel="parameters", ylabel="clean accuracy", xscale="log")
left.legend()

"""
## Save the picture
"""

figure.savefig("leaderboard.png", dpi=150)
best = max(cards, key=lambda card: card.result()["vra"][0]["vra_bound"])
row = best.result()["vra"][0]
print(
    f"best at {row['epsilon']:.3f}: {best.full_name}, VRA {row['vra_bound']:.2%}; leaderboard.png"
)
