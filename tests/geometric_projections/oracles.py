"""Independent answers to compare with: dense grids, and every pattern by a convex program."""

import itertools

import numpy as np
from scipy.optimize import linprog, minimize

from gloro_tf.geometric_projections import Network
from gloro_tf.geometric_projections._pieces import Affine
from gloro_tf.geometric_projections.network import Block


def random_weights(seed, inputs=2, widest=7):
    """Weights of a small random dense network, float32 values in float64; and an epsilon, a slope."""
    rng = np.random.default_rng(seed)
    hidden = rng.integers(2, widest + 1, rng.integers(1, 4)).tolist()
    sizes = [inputs, *hidden, int(rng.integers(2, 5))]
    weights = []
    for a, b in zip(sizes[:-1], sizes[1:], strict=True):
        pair = rng.normal(size=(a, b)), 0.4 * rng.normal(size=b)
        weights.append(tuple(part.astype("float32").astype("float64") for part in pair))
    epsilon, slope = float(rng.choice([0.1, 0.3, 1.0])), float(rng.choice([0, 0, 0.25, -1.0]))
    return weights, epsilon, slope


def network(weights, slope=0.0):
    """Those weights as a `Network`."""
    blocks = []
    for number, (kernel, bias) in enumerate(weights):
        negative = 1.0 if number == len(weights) - 1 else slope
        blocks.append(
            Block(Affine.of(kernel, bias), np.full(len(bias), negative), np.ones(len(bias)))
        )
    return Network(blocks, (len(weights[0][0]),))


def forward(weights, x, slope=0.0):
    """Logits in the precision of `x`."""
    for kernel, bias in weights[:-1]:
        x = x @ kernel.astype(x.dtype) + bias
        x = np.where(x > 0, x, slope * x)
    return x @ weights[-1][0].astype(x.dtype) + weights[-1][1]


def length(moves, norm):
    return np.linalg.norm(moves, ord=2 if norm == "l2" else np.inf, axis=-1)


def grid_distances(weights, x, epsilon, norm, side=110, slope=0.0):
    """For each 2-D input the nearest point with another label on a grid of its ball, or inf."""
    axis = np.linspace(-epsilon, epsilon, side)
    first, second = np.meshgrid(axis, axis)
    if norm == "l2":
        first, second = np.meshgrid(
            epsilon * np.sqrt(np.linspace(0, 1, side)), np.linspace(0, 2 * np.pi, side)
        )
        first, second = first * np.cos(second), first * np.sin(second)
    moves = np.stack([first, second], -1).reshape(-1, 2)
    lengths = length(moves, norm)
    found = []
    for row in x.astype("float64"):
        labels = forward(weights, row + moves, slope).argmax(axis=1)
        other = labels != forward(weights, row[None], slope).argmax()
        found.append(lengths[other].min() if other.any() else np.inf)
    return np.array(found)


def patterns(weights, slope=0.0):
    """Every pattern's conditions `t @ A + a >= 0`, and its logits `t @ B + b`."""
    sizes = [len(bias) for _, bias in weights[:-1]]
    for pattern in itertools.product([0, 1], repeat=sum(sizes)):
        normal, value = np.eye(len(weights[0][0])), np.zeros(len(weights[0][0]))
        normals, values, at = [], [], 0
        for kernel, bias in weights[:-1]:
            normal, value = normal @ kernel, value @ kernel + bias
            on = np.array(pattern[at : at + len(bias)])
            at += len(bias)
            normals.append((2 * on - 1) * normal)
            values.append((2 * on - 1) * value)
            gain = np.where(on == 1, 1.0, slope)
            normal, value = normal * gain, value * gain
        kernel, bias = weights[-1]
        yield (
            np.concatenate(normals, 1),
            np.concatenate(values),
            normal @ kernel,
            value @ kernel + bias,
        )


def exact_distance(weights, x, norm, slope=0.0):
    """Smallest distance to a point where another class wins or ties, over all patterns."""
    label, best = forward(weights, x[None], slope).argmax(), np.inf
    for normals, values, logits, offsets in patterns(weights, slope):
        for rival in set(range(len(offsets))) - {label}:
            rows = np.column_stack([normals, logits[:, rival] - logits[:, label]])
            least = np.append(values, offsets[rival] - offsets[label]) + x @ rows
            best = min(best, nearest(rows, least, norm, best))
    return best


def nearest(rows, least, norm, best=np.inf):
    """Smallest norm of a `t` with `t @ rows + least >= 0`; infinite if there is none."""
    eye, size = np.eye(len(rows)), len(rows)
    upper = np.block([[-rows.T, np.zeros((len(least), 1))], [eye, -np.ones((size, 1))]])
    upper = np.vstack([upper, np.hstack([-eye, -np.ones((size, 1))])])
    done = linprog(
        np.append(np.zeros(size), 1.0),
        A_ub=upper,
        b_ub=np.append(least, np.zeros(2 * size)),
        bounds=[(None, None)] * size + [(0, None)],
    )
    if done.status != 0 or norm == "linf" or done.fun >= best:
        return done.fun if done.status == 0 else np.inf
    condition = {"type": "ineq", "fun": lambda t: least + t @ rows, "jac": lambda t: rows.T}
    move = minimize(
        lambda t: t @ t,
        done.x[:-1],
        jac=lambda t: 2 * t,
        constraints=condition,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 200},
    ).x
    move = move if (least + move @ rows).min() > -1e-7 else done.x[:-1]
    return float(np.linalg.norm(move))


def contradictions(weights, x, epsilon, norm, verdicts, slope=0.0, side=110):
    """Inputs whose verdict, radius or adversarial point a grid or the network itself refutes."""
    least = grid_distances(weights, x, epsilon, norm, side, slope)
    robust, found = verdicts.status == "ROBUST", verdicts.status == "NOT_ROBUST"
    wrong = robust & (least < epsilon)
    wrong |= least < verdicts.radius * (1 - 1e-9)
    wrong |= verdicts.radius > verdicts.distance
    points = np.where(found[:, None], verdicts.adversarial, x)
    same = forward(weights, points, slope).argmax(axis=1) == verdicts.label
    return wrong | found & (same | (length(points - x, norm) > epsilon))
