"""A cascade of three MNIST members trained in sequence at radius 1.58, and what an attack leaves of it.

    PYTHONPATH=. python benchmarks/cascades.py --data_dir=... [--epochs 12] [--points 1000]

The first member is the zoo's `cholesky_mlp_5x256.mnist`; each next one trains only on the training
images that no earlier member certifies, as in Wong et al., 2018, and Mangal et al., 2023. The attack
then goes for test images that the cascade labels rightly, and for the sound cascade and the vote of
the same members, of which it must break no certified one.
"""

import argparse
import dataclasses
import pathlib

import keras
import numpy as np
from _timing import print_machine, print_table

import gloro_tf
import zoo
from zoo import recipes

BATCH = 128
HEADERS = ["ensemble", "clean", "VRA claimed, 10,000 images", "VRA claimed, attacked images"]
HEADERS += ["broken of these", "surviving", "right under attack", "farthest / epsilon"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--restarts", type=int, default=2)
    parser.add_argument("--folder", default="cascade_members", help="where members are kept")
    return parser.parse_args()


def next_member(x, y, epochs, number):
    """A member of the same recipe, trained on fewer images."""
    recipe = gloro_tf.training.Recipe.load(recipes.find("mnist_eps158"))
    recipe = dataclasses.replace(recipe, epochs=epochs)
    keras.utils.set_random_seed(number)
    net = gloro_tf.models.by_name.build(recipe.model, x.shape[1:], 10)
    model = gloro_tf.GloroModel(model=net, epsilon=recipe.epsilon, name=f"member_{number}")
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * -(-len(x) // BATCH))
    model.compile(keras.optimizers.Nadam(rate), loss=recipe.loss, metrics=[])
    model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=2)
    return model.freeze()


def members(x, y, epochs, folder):
    """Three members in sequence; those that were trained before are read from `folder`."""
    first = zoo.load("cholesky_mlp_5x256.mnist")
    found, left = [first], ~first.certify(x).certified
    for number in (1, 2):
        path = pathlib.Path(folder) / f"member_{number}.keras"
        if path.exists():
            member = keras.saving.load_model(path, compile=False)
        else:
            print(f"member {number}: {left.sum():,} images that no earlier member certifies")
            member = next_member(x[left], y[left], epochs, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            member.save(path)
        found.append(member)
        left &= ~member.certify(x).certified
    return found


def main():
    args = parse()
    data = gloro_tf.data.load("mnist", data_dir=args.data_dir)
    x, y = gloro_tf.data.to_float(data.x_train), data.y_train
    chosen = members(x, y, args.epochs, args.folder)
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
