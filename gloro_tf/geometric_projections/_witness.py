"""Adversarial points: found by projection, checked on the network itself."""

import numpy as np

from gloro_tf.geometric_projections.network import gamma

# How far a projected point is pushed past the boundary, as shares of the radius of the ball.
PUSHES = (1e-6, 1e-3, 1.0)
INSIDE = 1 - 1e-9
FLOAT32_OVER_FLOAT64 = 2.0**29


class Witnesses:
    """Looks for inputs in the ball whose label is proven to differ; keeps the nearest.

    One is *firm* if its margin is also larger than what float32 arithmetic can lose.

    Args:
        evaluator: `Evaluator`.
        x: `(n, inputs)` float64, the inputs.
        label: `(n,)` integers.
        epsilon: float.
        firm: bool. Whether to prefer firm points to nearer ones.
    """

    def __init__(self, evaluator, x, label, epsilon, firm):
        self.evaluator, self.network = evaluator, evaluator.network
        self.x, self.label, self.epsilon = x, label, epsilon
        self.point = x.copy()
        self.distance, self.cost = np.full((2, len(x)), np.inf)
        self.firm = firm
        self.start = evaluator.start(x)[0]

    def project(self, inputs, normal, value, length):
        """Pushes inputs to planes and past them.

        Args:
            inputs: `(k,)` integers, the inputs' numbers.
            normal, value, length: `(k, rows)`, `(k,)`, `(k,)`: one plane for each.

        Returns:
            `(k,)` bool: where an adversarial point was found.
        """
        if self.evaluator.norm == "l2":
            unit = normal / np.maximum(length, 1e-300)[:, None]
        else:
            unit = np.sign(normal)
        away = np.abs(value) / np.maximum(length, 1e-300)
        sign = -np.where(value < 0, -1.0, 1.0)
        found = np.zeros(len(inputs), "bool")
        for push in PUSHES:
            size = np.minimum(away + push * self.epsilon, self.epsilon * INSIDE)
            found |= self.try_moves(inputs, unit * (sign * size)[:, None])
        return found

    def try_moves(self, inputs, moves):
        """Tries moves `(k, rows)` in the evaluator's coordinates; returns `(k,)` bool."""
        kept = np.zeros(len(inputs), "bool")
        hit = np.flatnonzero(self._flips(inputs, moves))
        if not len(hit):
            return kept
        frame = self.evaluator.frame
        moves = moves[hit] if frame is None else moves[hit] @ frame.T
        points = self.x[inputs[hit]] + moves
        for candidate in (points.astype("float32").astype("float64"), points):
            left = ~kept[hit]
            kept[hit[left]] = self.offer(inputs[hit[left]], candidate[left])
        return kept

    def _flips(self, inputs, moves):
        """Whether moved inputs seem to be labelled otherwise; cheap, and only a hint."""
        value = self.start[inputs] + moves @ self.evaluator.base
        for number, block in enumerate(self.network.blocks):
            if number:
                value = value @ block.affine.weight + block.affine.bias
            value = value * np.where(value > 0, block.positive, block.negative)
        return value.argmax(axis=1) != self.label[inputs]

    def offer(self, inputs, points):
        """Accepts points that are in the ball and, beyond rounding, labelled otherwise.

        Args:
            inputs: `(k,)` integers.
            points: `(k, inputs)` float64.

        Returns:
            `(k,)` bool: which were accepted.
        """
        order = 2 if self.evaluator.norm == "l2" else np.inf
        distance = np.linalg.norm(points - self.x[inputs], ord=order, axis=1)
        distance = distance * (1 + gamma(points.shape[1]))
        logits, error = self.network.logits(points)
        rows, own = np.arange(len(points)), self.label[inputs]
        margin = logits - logits[rows, own][:, None]
        error = error + error[rows, own][:, None]
        margin[rows, own] = -np.inf
        valid = ((margin > error).any(axis=1)) & (distance <= self.epsilon)
        firm = (margin > FLOAT32_OVER_FLOAT64 * error).any(axis=1) | (not self.firm)
        cost = distance + np.where(firm, 0.0, 2 * self.epsilon)
        better = np.flatnonzero(valid & (cost < self.cost[inputs]))
        better = better[np.argsort(-cost[better], kind="stable")]  # of several the best is kept
        self.cost[inputs[better]], self.distance[inputs[better]] = cost[better], distance[better]
        self.point[inputs[better]] = points[better]
        return valid
