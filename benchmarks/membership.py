"""Membership inference: attacks side by side, and private training.

    PYTHONPATH=. python benchmarks/membership.py --standardise      # pip install "gloro_tf[art]"
    PYTHONPATH=. python benchmarks/membership.py --part=privacy

`attacks`: an overfit digits MLP (64-64-10, 359 training images, 300 full-batch steps of Adam), by
default on pixels in [0, 1]. ART's attacks take part where it is installed, here or in the interpreter
that `--art_python` names. `privacy`: DP-SGD on the same.
"""

import argparse
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

import gloro_tf  # noqa: E402
from gloro_tf import membership  # noqa: E402
from gloro_tf.membership import curves  # noqa: E402

MEMBERS, DELTA = 359, 1e-3
EPSILONS = (0.25, 0.5, 1, 2, 4, 8, 16)
ADAM = keras.optimizers.Adam(0.01)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("attacks", "privacy"), default="attacks")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="seed of the first split")
    parser.add_argument("--rounds", type=int, default=4, help="of general-wb; 0 leaves it out")
    parser.add_argument("--standardise", action="store_true", help="inputs, by the attacker's part")
    parser.add_argument("--art_python", default="", help="an interpreter with ART 1.20.1")
    parser.add_argument("--precision", type=float, default=0.75, help="to calibrate for")
    parser.add_argument("--plot", default="", help="where to save the curve of `privacy`")
    return parser.parse_args()


def all_images():
    data = gloro_tf.data.load("digits")
    x = gloro_tf.data.to_float(np.concatenate([data.x_train, data.x_test]))
    y = np.concatenate([data.y_train, data.y_test])
    chosen = np.random.default_rng(0).permutation(len(x))
    return x[chosen], y[chosen]


def standardised(x, rows):
    """By the attacker's images; the members' own mean would leak by itself."""
    spread = x[rows].std(axis=0)
    return (x - x[rows].mean(axis=0)) / np.where(spread > 0, spread, 1)


def mlp():
    layers = [keras.layers.Flatten(), keras.layers.Dense(64, "relu"), keras.layers.Dense(10)]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


def art_scores(python, suite, model):
    """Scores of ART's attacks, trained on the outputs of the same shadows."""
    probabilities = keras.ops.softmax
    pool, judged = suite.pool, suite.judged
    shadows = np.asarray(probabilities(suite.apart.predict(pool[0])))
    labels, masks = np.broadcast_to(pool[1], shadows.shape[:2]), suite.apart.masks
    given = {"pred_in": shadows[masks], "y_in": labels[masks], "y": judged[1]}
    given |= {"pred_out": shadows[~masks], "y_out": labels[~masks]}
    given["target"] = np.asarray(probabilities(model.predict(judged[0], verbose=0)))
    with tempfile.TemporaryDirectory() as folder:
        files = [str(pathlib.Path(folder) / name) for name in ("in.npz", "out.npz")]
        np.savez(files[0], **given)
        script = str(pathlib.Path(__file__).with_name("_peer_art.py"))
        subprocess.run([python, script, *files], check=True, stderr=subprocess.DEVNULL)
        return {f"ART, {kind}": scores for kind, scores in np.load(files[1]).items()}


def attacks(args):
    from gloro_tf.membership._suite import Suite

    images, y = all_images()
    recipe = membership.TrainingRecipe(mlp, epochs=300, batch_size=10_000, optimizer=ADAM)
    art = args.art_python or (sys.executable if importlib.util.find_spec("art") else "")
    if not art:
        print('ART is left out: pip install "gloro_tf[art]", or name an interpreter that has it.')
    rows, gaps = {}, []
    for seed in range(args.first, args.first + args.splits):
        split = membership.MembershipSplit(len(y), members=MEMBERS, nonmembers=MEMBERS, seed=seed)
        x = standardised(images, split.attacker) if args.standardise else images
        model = recipe.train(x[split.members], y[split.members], seed=100 + seed)
        suite = Suite(
            recipe, x, y, split, 16, 32, args.rounds, {"1": 1} if args.rounds else {}, seed
        )
        scores = suite.attacks(model)
        if art:
            scores |= art_scores(art, suite, model)
        gaps.append(suite.accuracies(model))
        calibrators = suite.calibrators(args.precision, 0.95, 0.5)
        for name, values in scores.items():
            calibrator = calibrators.get(name)
            found = membership.evaluate(values, split.is_member, calibrator=calibrator, fpr=())
            fixed = found.calibrated
            hits = (np.nan, 0) if fixed is None else (fixed.precision * fixed.called, fixed.called)
            figures = found.auc, found.advantage, found.top_precision, *hits
            rows.setdefault(name, []).append(figures)
        print(f"target {seed - args.first + 1} of {args.splits}", flush=True)
    table = []
    for name, values in rows.items():
        values = np.array(values)
        pairs = [membership.interval_over_targets(values[:, i]) for i in range(3)]
        called = values[:, 4].sum()
        achieved = f"{np.nansum(values[:, 3]) / called:.3f} of {called:.0f}" if called else ""
        table.append([name, *(f"{m:.3f} +- {h:.3f}" for m, h in pairs), achieved])
    train, test = np.mean(gaps, axis=0)
    timing.print_table(
        f"Overfit digits MLP, {'standardised' if args.standardise else 'raw'} pixels, {args.splits} "
        f"targets from seed {args.first}, mean and 95 % interval; accuracy {train:.3f} in "
        f"training, {test:.3f} in test, gap {train - test:.3f}",
        [
            "attack",
            "AUC",
            "advantage (best threshold)",
            "precision, top 5 %",
            f"achieved, for {args.precision:g}",
        ],
        table,
    )


def privacy(args):
    x, y = all_images()
    sampling, epochs, size = 60 / MEMBERS, 30, 60
    steps, rows, drawn = epochs * -(-MEMBERS // size), [], {"bayes-wb": [], "LiRA, offline": []}
    for epsilon in (*EPSILONS, np.inf):
        noise = 0.0 if np.isinf(epsilon) else membership.noise_for(epsilon, sampling, steps, DELTA)
        recipe = membership.TrainingRecipe(
            mlp, epochs, size, ADAM, private=membership.PrivateSGD(1.0, noise)
        )
        found = membership.guarantee(recipe, MEMBERS, DELTA)
        measured, accuracy = [], []
        for seed in range(args.splits):
            split = membership.MembershipSplit(
                len(x), members=MEMBERS, nonmembers=MEMBERS, seed=seed
            )
            pool = x[split.attacker], y[split.attacker]
            both = np.concatenate([split.members, split.attacker])
            masks = np.zeros((9, len(both)), bool)
            masks[0, :MEMBERS] = True
            masks[1:, MEMBERS:] = membership.random_masks(8, len(pool[0]), MEMBERS, seed)
            many = recipe.train_many(x[both], y[both], masks=masks, seeds=np.arange(9) + 100 * seed)
            model, proxies = many[0], membership.References(many.subset(range(1, 9)))
            judged = x[split.candidates], y[split.candidates]
            scores = membership.BayesWB(model, proxies), membership.LiRA(model, proxies)
            measured.append([_held_out(a.score(*judged), split.is_member, seed) for a in scores])
            right = membership.Naive(model).score(*judged)
            accuracy.append([right[split.is_member].mean(), right[~split.is_member].mean()])
        pairs = [membership.interval_over_targets(column) for column in np.transpose(measured)]
        if np.isfinite(epsilon):
            for name, (mean, _) in zip(drawn, pairs, strict=True):
                drawn[name].append(mean)
        train, test = np.mean(accuracy, axis=0)
        cells = [f"{noise:.2f}", f"{train:.3f}", f"{test:.3f}"]
        cells += [f"{m:.3f} +- {h:.3f}" for m, h in pairs]
        rows.append([f"{epsilon:g}", *cells, f"{found.advantage:.3f}", f"{found.tightest:.3f}"])
    timing.print_table(
        f"DP-SGD, digits MLP, {MEMBERS} members, {steps} steps, delta {DELTA}, replacing one example",
        ["epsilon", "noise", "training accuracy", "test accuracy", "advantage, bayes-wb"]
        + ["advantage, LiRA offline", "bound by epsilon", "bound by the whole profile"],
        rows,
    )
    if args.plot:
        bounds = {"bound on any attack": [float(r[-2]) for r in rows[:-1]]}
        gloro_tf.plots.advantage_against_epsilon(EPSILONS, drawn, bounds, path=args.plot)


def _held_out(scores, inside, seed):
    """The advantage on one half at the threshold that is best on the other."""
    half = np.random.default_rng(seed).random(len(scores)) < 0.5
    fpr, tpr, at = curves.roc(scores[half], inside[half])
    return curves.advantage(scores[~half], inside[~half], at[np.argmax(tpr - fpr)])


def main():
    args = parse()
    timing.print_machine("keras")
    {"attacks": attacks, "privacy": privacy}[args.part](args)


if __name__ == "__main__":
    main()
