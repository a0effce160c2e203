"""A cascade of three MNIST members trained in sequence at radius 1.58, and what an attack leaves of it.

    PYTHONPATH=. python benchmarks/cascades.py --data_dir=... [--points 1000]

Each member is a 2C2F network; the first trains on the first 50,000 training images, each next one
only on those of them that no earlier member certifies, as in Wong et al., 2018, and Mangal et al.,
2023. How long they train (10 epochs, then 4 and 4) was chosen on training images 50,000 to 51,000. The
attack then goes for test images that the cascade labels rightly, and for the sound cascade and the
vote of the same members, of which it must break no certified one.
"""

import argparse
import pathlib

import keras
import numpy as np
from _timing import print_machine, print_table

import gloro_tf

BATCH, TRAINED_ON, EPSILON, EPOCHS = 256, 50_000, 1.58, (10, 4, 4)
HEADERS = ["ensemble", "clean", "VRA claimed, 10,000 images", "VRA claimed, attacked images"]
HEADERS += ["broken of these", "surviving", "right under attack", "farthest / epsilon"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--restarts", type=int, default=2)
    parser.add_argument("--folder", default="cascade_members", help="where members are kept")
    return parser.parse_args()


def trained_member(x, y, number):
    """One member, trained on the images that are left for it."""
    keras.utils.set_random_seed(number)
    net = gloro_tf.models.by_name.build("2C2F", x.shape[1:], 10)
    model = gloro_tf.GloroModel(model=net, epsilon=EPSILON, name=f"member_{number}")
    steps = EPOCHS[number] * -(-len(x) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(keras.optimizers.Adam(rate), "crossentropy", metrics=[], jit_compile=True)
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS[number], verbose=2)
    return model.freeze()


def members(x, y, folder):
    """Three members in sequence; those that were trained before are read from `folder`."""
    found, left = [], np.ones(len(x), "bool")
    for number in range(len(EPOCHS)):
        path = pathlib.Path(folder) / f"member_{number}.keras"
        if path.exists():
            member = keras.saving.load_model(path, compile=False)
        else:
            print(f"member {number}: {left.sum():,} images that no earlier member certifies")
            member = trained_member(x[left], y[left], number)
            path.parent.mkdir(parents=True, exist_ok=True)
            member.save(path)
        found.append(member)
        left &= ~member.certify(x).certified
    return found


def main():
    args = parse()
    data = gloro_tf.data.load("mnist", data_dir=args.data_dir)
    x = gloro_tf.data.to_float(data.x_train[:TRAINED_ON])
    chosen = members(x, data.y_train[:TRAINED_ON], args.folder)
    x, y = gloro_tf.data.to_float(data.x_test), data.y_test
    names = ("cascade as published, UNSOUND", "cascade, sound", "vote")
    ensembles = (
        gloro_tf.ensembles.CascadeEnsemble(chosen, "claimed"),
        gloro_tf.ensembles.CascadeEnsemble(chosen, "sound"),
        gloro_tf.ensembles.VotingEnsemble(chosen),
    )
    print_machine()
    for number, member in enumerate(chosen):
        found = member.certify(x)
        vra = np.mean((found.label == y) & found.certified)
        print(f"member {number}: clean {np.mean(found.label == y):.2%}, VRA {vra:.2%}")
    attack = gloro_tf.ensembles.CascadeAttack(steps=args.steps, restarts=args.restarts)
    rows = [
        row(name, e, attack, x, y, args.points) for name, e in zip(names, ensembles, strict=True)
    ]
    print_table(f"{attack}, first {args.points:,} test images", HEADERS, rows)


def row(name, ensemble, attack, x, y, points):
    """One line of the table."""
    found = ensemble.certify(x)
    whole = np.mean((found.label == y) & found.certified)
    hit = attack(ensemble, x[:points], y[:points])
    claimed = hit.certified & hit.attacked
    broken = claimed & hit.broken
    offset = (hit.points.astype("float64") - x[:points]).reshape(points, -1)
    return [
        name,
        f"{np.mean(found.label == y):.2%}",
        f"{whole:.2%}",
        f"{claimed.mean():.2%}",
        f"{broken.sum() / max(1, claimed.sum()):.1%}",
        f"{(claimed & ~broken).mean():.2%}",
        f"{(hit.attacked & ~hit.broken).mean():.2%}",
        f"{np.linalg.norm(offset, axis=1).max() / ensemble.epsilon:.7f}",
    ]


if __name__ == "__main__":
    main()
