"""PGD and APGD inside the certified radius of every entry of the zoo: nothing may break.

    PYTHONPATH=. python benchmarks/attack_the_zoo.py --data_dir=... [--points 10000] [--steps 20]
    PYTHONPATH=. python benchmarks/attack_the_zoo.py --data_dir=... --names=NAME,... \
        --counts=FILE --minutes=4    (in parts: the same command goes on where it stopped)

The points are shared out evenly among the entries. Each is attacked from its predicted label, inside
its own certified radius, and again at three times that radius, where most should break: a check that
the attack is one.
"""

import argparse
import json
import pathlib
import time

import numpy as np
from _timing import print_machine, print_table

import gloro_tf
import zoo
from gloro_tf.audit.certificate import label_radius

HEADERS = ["entry", "points", "broken inside", "broken at three times the radius", "right"]


PART = 256  # points attacked at once, after each of which the counts are kept


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--names", default="", help="entries, separated by commas; all if empty")
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--again", type=int, default=256, help="points at three times the radius")
    parser.add_argument("--counts", default="", help="a JSON file that holds what is done")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    args = parser.parse_args()
    attack = gloro_tf.attacks.WorstOf(
        [
            gloro_tf.attacks.PGD(steps=args.steps, restarts=1),
            gloro_tf.attacks.APGD(steps=args.steps),
        ]
    )
    names = [name for name in zoo.list() if not zoo.card(name).members]
    names = args.names.split(",") if args.names else names
    print_machine()
    counts, count = Counts(args.counts, args.minutes), -(-args.points // len(names))
    for name in names:
        attacked(name, attack, count, args, counts)
    if counts.is_over():
        print("Not done yet: the same command goes on.")
    rows = [row(name, counts.of(name)) for name in names]
    print_table(f"{attack}", HEADERS, rows)
    print(f"{sum(r[1] for r in rows):,} points, {sum(r[2] for r in rows)} broken")


class Counts:
    """What was counted of each entry, in a file if there is one, and whether the time is over."""

    def __init__(self, path, minutes):
        self.path = path and pathlib.Path(path)
        self.until = time.monotonic() + 60 * minutes
        known = self.path and self.path.exists()
        self.found = json.loads(self.path.read_text()) if known else {}

    def is_over(self):
        return time.monotonic() > self.until

    def of(self, name):
        nothing = dict.fromkeys(("image", "points", "broken", "right", "again", "far"), 0)
        return self.found.setdefault(name, nothing)

    def add(self, name, **more):
        counts = self.of(name)
        counts.update({key: counts[key] + int(value) for key, value in more.items()})
        if self.path:
            self.path.write_text(json.dumps(self.found))


def attacked(name, attack, count, args, counts):
    """Attacks certified inputs of one entry, part by part, until `count` of them are done."""
    model = zoo.load(name)
    data = gloro_tf.data.load(zoo.card(name).dataset, data_dir=args.data_dir)
    while not counts.is_over():
        done = counts.of(name)
        size = min(PART, count - done["points"])
        here = slice(done["image"], done["image"] + size)
        x, y = gloro_tf.data.to_float(data.x_test[here]), data.y_test[here]
        if not len(x):
            return
        x, y, label, radius = certified(model, x, y)
        inside = attack(model, x, label, radius).broken if len(x) else np.zeros(0)
        again = slice(0, max(0, min(len(x), args.again - done["again"])))
        far = np.zeros(0)
        if again.stop:
            far = attack(model, x[again], label[again], 3 * radius[again]).broken
        more = dict(points=len(x), broken=inside.sum(), right=(label == y).sum())
        counts.add(name, image=size, again=len(far), far=far.sum(), **more)
        print(name, counts.of(name), flush=True)


def certified(model, x, y):
    """The inputs that have a certificate: `(x, y, label, radius)`."""
    found = model.certify(x)
    radius = label_radius(found)
    chosen = (radius > 0) & np.isfinite(radius)
    return x[chosen], y[chosen], found.label[chosen], radius[chosen]


def row(name, counts):
    far, right = (
        f"{counts[part] / max(counts[whole], 1):.1%}"
        for part, whole in (("far", "again"), ("right", "points"))
    )
    return [name, counts["points"], counts["broken"], far, right]


if __name__ == "__main__":
    main()
