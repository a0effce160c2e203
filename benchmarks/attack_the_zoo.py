"""PGD and APGD inside the certified radius of every entry of the zoo: nothing may break.

    PYTHONPATH=. python benchmarks/attack_the_zoo.py --data_dir=... [--points 10000] [--steps 20]

The points are shared out evenly among the entries. Each is attacked from its predicted label, inside
its own certified radius, and again at three times that radius, where most should break: a check that
the attack is one.
"""

import argparse

import numpy as np
from _timing import print_machine, print_table

import gloro_tf
import zoo
from gloro_tf.audit.certificate import label_radius

HEADERS = ["entry", "points", "broken inside", "broken at three times the radius", "right"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--again", type=int, default=256, help="points at three times the radius")
    args = parser.parse_args()
    attack = gloro_tf.attacks.WorstOf(
        [
            gloro_tf.attacks.PGD(steps=args.steps, restarts=1),
            gloro_tf.attacks.APGD(steps=args.steps),
        ]
    )
    names = [name for name in zoo.list() if not zoo.card(name).members]
    print_machine()
    rows = [row(name, attack, -(-args.points // len(names)), args) for name in names]
    print_table(f"{attack}", HEADERS, rows)
    print(f"{sum(r[1] for r in rows):,} points, {sum(r[2] for r in rows)} broken")


def row(name, attack, count, args):
    """One entry: how many certified inputs, and how many of them broke."""
    model = zoo.load(name)
    data = gloro_tf.data.load(zoo.card(name).dataset, data_dir=args.data_dir)
    x, y = gloro_tf.data.to_float(data.x_test), data.y_test
    x, y = x[: 3 * count], y[: 3 * count]
    found = model.certify(x)
    radius = label_radius(found)
    chosen = np.flatnonzero((radius > 0) & np.isfinite(radius))[:count]
    label, radius = found.label[chosen], radius[chosen]
    inside = attack(model, x[chosen], label, radius).broken
    some = slice(0, args.again)
    further = attack(model, x[chosen][some], label[some], 3 * radius[some]).broken
    print(f"{name}: {len(chosen)} points, {inside.sum()} broken", flush=True)
    right = f"{np.mean(label == y[chosen]):.1%}"
    return [name, len(chosen), int(inside.sum()), f"{further.mean():.1%}", right]


if __name__ == "__main__":
    main()
