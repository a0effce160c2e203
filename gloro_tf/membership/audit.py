"""One call that tells whether a model leaks its training data."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from gloro_tf.membership._checks import (
    check_counts,
    check_labels,
    check_probability,
    check_rates,
    check_recipe,
)
from gloro_tf.membership._logits import logits_model, two_columns
from gloro_tf.membership._suite import Suite
from gloro_tf.membership.evaluate import evaluate
from gloro_tf.membership.report import AuditReport
from gloro_tf.membership.slices import Cut
from gloro_tf.membership.split import MembershipSplit
from gloro_tf.types import ArrayLike, PathLike

if TYPE_CHECKING:
    from gloro_tf.membership.recipe import TrainingRecipe


def audit(
    model: keras.Model,
    recipe: TrainingRecipe,
    data: tuple[ArrayLike, ArrayLike, MembershipSplit],
    *,
    proxies: int = 16,
    shadows: int = 32,
    slices: Sequence[Any] = (),
    rounds: int = 0,
    targets: int = 1,
    precision: float = 0.9,
    confidence: float = 0.95,
    prior: float = 0.5,
    fpr: Sequence[float] = (0.01, 0.001),
    path: PathLike | None = "membership_audit",
    seed: int = 0,
    verbose: int = 1,
) -> AuditReport:
    """Attacks a model in every way the package has, prints the table and saves the plots.

    To be run before a model is released. Reference models are trained with the recipe on the
    attacker's part of the data; for online LiRA, the auditor's own attack, on halves of
    the candidates. Thresholds are calibrated on the references alone.

    Args:
        model: the Keras classifier to audit.
        recipe: `TrainingRecipe`, how it was trained.
        data: `(x, y, split)` with a `MembershipSplit`: it was trained on exactly the members.
        proxies, shadows: int. Reference models without and with the candidates; at least 2, of
            shadows an even number. LiRA is calibrated with 4 proxies or more offline, with 6
            shadows or more online. Half of the proxies see only one half of the attacker's part,
            half the other, so that each can stand for the target in calibration.
        slices: names or positions of the model's layers, for more white-box attacks. Each trains five
            sets of proxies: the model's, and, to calibrate, those of four references.
        rounds: int. Shadow targets for `GeneralWB`; 0 leaves it out.
        targets: int. Trains `targets - 1` more models by the recipe, each on other members, and
            reports intervals over all.
        precision, confidence, prior: as in `Calibrator`.
        fpr: as in `evaluate`.
        path: folder for `audit.txt` and, where matplotlib is installed, `roc.png` and
            `precision.png`; or None.
        seed: int.
        verbose: int. 0 prints nothing.

    Returns:
        `AuditReport`.

    Raises:
        ValueError: naming the argument, before anything is trained.
        OSError: likewise, for a `path` that cannot be written.

    Example:

    ```python
    split = gloro_tf.membership.MembershipSplit(len(x), members=400)
    recipe = gloro_tf.membership.TrainingRecipe(build, epochs=100)
    model = recipe.train(x[split.members], y[split.members])
    gloro_tf.membership.audit(model, recipe, (x, y, split))
    ```
    """
    check_probability(precision=precision, confidence=confidence, prior=prior)
    x, y, split = _checked(model, recipe, data)
    positions, fpr = _positions(model, slices), check_rates(fpr)
    check_counts(2, proxies=proxies, shadows=shadows)
    check_counts(0, rounds=rounds, seed=seed)
    check_counts(1, targets=targets)
    if shadows % 2:
        raise ValueError(f"`shadows` must be an even integer. Received: shadows={shadows!r}")
    if path is not None:
        _check_folder(path)  # Rather now than after trainings.
    options = proxies, shadows, rounds, positions, seed
    suite = Suite(recipe, x, y, split, *options)
    wanted, judge, others = (precision, confidence, prior), {"prior": prior, "fpr": fpr}, []
    found, calibrators = _judged(suite, model, wanted, judge)
    for number in range(1, targets):
        again = split.redraw(seed + number)
        rows = again.members
        other = recipe.train(x[rows], y[rows], seed=seed + number)
        runs = Suite(recipe, x, y, again, *options[:-1], seed + number)
        others.append(_judged(runs, other, wanted, judge)[0])
        if verbose:
            print(f"target {number + 1} of {targets}", flush=True)
    report = AuditReport(found, others, calibrators, precision, _notes(suite, calibrators, found))
    if verbose:
        print(report, flush=True)
    if path is not None:
        report.save(path, importlib.util.find_spec("matplotlib") is not None)
    return report


def _judged(suite, model, wanted, judge):
    """`{attack: Evaluation}` and the calibrators that were used."""
    train, test = suite.accuracies(model)
    attacks = suite.attacks(model)
    calibrators = suite.calibrators(*wanted)
    found = {
        name: evaluate(
            scores,
            suite.split.is_member,
            calibrator=calibrators.get(name),
            train_accuracy=train,
            test_accuracy=test,
            **judge,
        )
        for name, scores in attacks.items()
    }
    return found, calibrators


def _notes(suite, calibrators, found):
    notes = []
    members = len(suite.split.members)
    if copies := suite.copies():
        notes.append(
            f"{copies} examples outside the members equal a member, bit for bit: what was trained on "
            "is called a stranger. Remove copies before dividing the data."
        )
    for classes, what in suite.odd_classes():
        notes.append(f"class {', '.join(map(str, classes))} {what}")
    if suite.size < members:
        notes.append(
            f"references saw {suite.size} examples, the model {members}: scores are shifted. Give "
            "the attacker at least 2.4 times as many examples as there are members."
        )
    abstaining = [c for c in calibrators.values() if c.abstains]
    needed = min((c.needed for c in abstaining), default=np.inf)
    if abstaining and np.isfinite(needed):
        notes.append(
            f"{len(abstaining)} calibrated attacks abstain; the nearest would need about "
            f"{needed:,.0f} calibration points."
        )
    refused = [r for r, v in next(iter(found.values())).tpr_at_fpr.items() if v is None]
    if refused:
        notes.append(
            f"true positive rates at {', '.join(f'{r:.1%}' for r in refused)} need at least "
            f"{10 / min(refused):,.0f} non-members for the smallest."
        )
    return tuple(notes)


def _positions(model, slices):
    """`{name: position}` of the layers besides the input."""
    if isinstance(slices, str) or not isinstance(slices, Sequence):
        raise ValueError(
            f"`slices` must be a list of layers, by name or position. Received: slices={slices!r}"
        )
    return {str(slice): Cut(model, slice).layer for slice in slices if slice is not None}


def _check_folder(path):
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"`path` must be a folder or None. Received: path={path!r}")
    folder = pathlib.Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        for name in ("audit.txt", "roc.png", "precision.png"):
            if (folder / name).is_dir() or not os.access(folder, os.W_OK):
                raise PermissionError(f"{name} cannot be replaced")
    except OSError as error:
        raise OSError(
            f"`path` must be a folder that can be written. Received: path='{path}' ({error}). Pass "
            "another one, or None to save nothing."
        ) from error


def _checked(model, recipe, data):
    check_recipe(recipe)
    triple = isinstance(data, tuple | list) and len(data) == 3
    if not triple or not isinstance(data[2], MembershipSplit):
        raise ValueError(
            "`data` must be `(x, y, split)` with a `MembershipSplit`. Received: "
            f"{[type(part).__name__ for part in data] if triple else type(data).__name__}"
        )
    x, y, split = data
    x, y = np.asarray(x), np.asarray(y)
    if not np.ndim(x) or not np.ndim(y) or not len(x) == len(y) == split.n:
        raise ValueError(
            f"`data` must hold as many examples as its split divides, {split.n}. Received: "
            f"shapes {x.shape} and {y.shape}"
        )
    if len(split.attacker) < 4:
        raise ValueError(
            "`data` must leave the attacker at least 4 examples. Received: a split with "
            f"{len(split.attacker)}"
        )
    shapes = [(m.input_shape, m.output_shape) for m in map(logits_model, (model, recipe.build()))]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "`recipe` must build models of the shapes of `model`. Received: inputs and outputs "
            f"{shapes[1]} and {shapes[0]}"
        )
    y = check_labels(y, max(2, shapes[0][1][-1]), len(x))
    two_columns(Cut(model).logits(x))  # Refuses examples that do not fit, and weights of NaN.
    return x, y, split
