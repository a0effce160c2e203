"""Settles whether a region holds an adversarial point: an interior-point method, many at once.

For each candidate the smallest move into the region and past the tie with one rival class is a
quadratic program; its iterates give points to try on the network, and its multipliers give
weights whose bound, rounded outwards, proves that there is none. Neither is trusted unchecked.
"""

import numpy as np

from gloro_tf.geometric_projections.network import gamma

ITERATIONS = 40
PAST = 1e-7


class Programs:
    """One program per candidate, in units of the reach.

    The conditions of candidate `i` are `rows[i].T @ t >= least[i]`: a row for every unit, and the
    last one for the rival.

    Args:
        evaluator: `Evaluator`.
        planes: `Planes` of the candidates.
        bits: `(b, units)` bool.
        rival: `(b,)` integers, the classes.
        reach: `(b,)` float64.
    """

    def __init__(self, evaluator, planes, bits, rival, reach):
        self.evaluator, self.reach = evaluator, reach
        count, units = bits.shape
        column = units + np.asarray(rival)
        number = np.arange(count)
        sign = np.concatenate([np.where(bits, 1.0, -1.0), -np.ones((count, 1))], axis=1)

        def pick(values):
            own = values[number, ..., column]
            return np.concatenate([values[..., :units], own[..., None]], axis=-1)

        self.value = -sign * pick(planes.value)
        self.value_error, self.normal_error = pick(planes.value_error), pick(planes.normal_error)
        self.length = pick(planes.length)
        self.rows = pick(planes.normal) * sign[:, None]
        usable = self.length > 1e-100
        self.inverse = np.where(usable, 1 / np.where(usable, self.length, 1.0), 0.0)
        self.least = self.value * self.inverse / reach[:, None]
        self.least[:, -1] += PAST
        self.least = np.where(usable, self.least, -1.0)
        # Measured in the dual norm, rows have length 1; in L-infinity the box is in the program.
        self.unit = self.rows * self.inverse[:, None]

    def lower(self, multipliers):
        """Certified lower bounds on the distance, `(b,)`, from multipliers `(b, units + 1)`."""
        weights = np.maximum(multipliers, 0.0) * self.inverse
        normal = np.matmul(self.rows, weights[:, :, None])
        slack = self.value_error + 2 * gamma(weights.shape[1]) * np.abs(self.value)
        top = np.einsum("bk,bk->b", weights, self.value - slack)
        wrong = self.normal_error + gamma(weights.shape[1]) * self.length
        bottom = self.evaluator.lengths(normal)[:, 0] * (1 + gamma(self.rows.shape[1]))
        bottom = bottom + 1.01 * np.einsum("bk,bk->b", weights, wrong)
        positive = (top > 0) & (bottom > 0)
        ratio = np.where(positive, top, 0.0) / np.where(positive, bottom, 1.0)
        return np.where(np.isfinite(ratio), ratio * (1 - 1e-14), 0.0)

    def solve(self, visit):
        """Iterates; `visit(number, moves)` tries moves and says which candidates are settled.

        Returns:
            `(b,)` certified lower bounds.
        """
        count, _, conditions = self.unit.shape
        lower, open_ = np.zeros(count), np.arange(count)
        state = _State(self.unit, self.least, self.evaluator.norm == "linf")
        for _ in range(ITERATIONS):
            state.step()
            lower[open_] = np.maximum(lower[open_], self._lower_of(open_, state.multipliers))
            done = lower[open_] > self.reach[open_]
            feasible = state.feasible() & ~done
            if feasible.any():
                move = state.move[feasible] * self.reach[open_[feasible], None]
                done[feasible] = visit(open_[feasible], move)
            done |= state.converged() | ~np.isfinite(state.move).all(axis=1)
            open_ = open_[~done]
            if not len(open_):
                break
            state.keep(~done)
        return lower

    def _lower_of(self, numbers, multipliers):
        part = object.__new__(Programs)
        part.evaluator = self.evaluator
        for name in ("value", "value_error", "normal_error", "length", "rows", "inverse"):
            setattr(part, name, getattr(self, name)[numbers])
        return part.lower(multipliers)


class _State:
    """Primal and dual iterates of `min ||t||^2 / 2` with `unit.T @ t >= least` (and a unit box)."""

    def __init__(self, unit, least, box):
        self.unit, self.least, self.box = unit, least, box
        count, rows, conditions = unit.shape
        self.move = np.zeros((count, rows))
        self.slack = np.maximum(-least, 1.0)
        self.multipliers = np.ones((count, conditions))
        if box:
            self.sides = np.ones((2, count, rows))
            self.pressure = np.ones((2, count, rows))
        self.gap = np.full(count, np.inf)

    def keep(self, which):
        """Goes on with some of the programs."""
        for name in ("unit", "least", "move", "slack", "multipliers", "gap"):
            setattr(self, name, getattr(self, name)[which])
        if self.box:
            self.sides, self.pressure = self.sides[:, which], self.pressure[:, which]

    def feasible(self):
        """Whether the moves meet all conditions and stay in the ball."""
        gap = np.matmul(self.move[:, None], self.unit)[:, 0] - self.least
        size = np.abs(self.move).max(axis=1) if self.box else np.linalg.norm(self.move, axis=1)
        return (gap.min(axis=1) >= -PAST / 2) & (size <= 1)

    def converged(self):
        """Whether the duality gap is closed as far as float64 allows."""
        return self.gap < 1e-13

    def step(self):
        """One predictor-corrector step."""
        primal = np.matmul(self.move[:, None], self.unit)[:, 0] - self.least - self.slack
        dual = self.move - np.matmul(self.unit, self.multipliers[:, :, None])[:, :, 0]
        complement = self.multipliers * self.slack
        total = complement.sum(axis=1)
        size = complement.shape[1]
        boxed = None
        if self.box:
            above = np.stack([1 + self.move, 1 - self.move]) - self.sides
            dual = dual - self.pressure[0] + self.pressure[1]
            boxed = self.pressure * self.sides
            total, size = total + boxed.sum(axis=(0, 2)), size + 2 * boxed.shape[2]
            primal = primal, above
        mean = total / size
        solve = self._factor()
        first = solve(primal, dual, complement, boxed)
        ratio = np.clip(1 - self._longest(first), 0.0, 1.0) ** 3 + 1e-3
        aim = (np.minimum(ratio, 1.0) * mean)[:, None]
        second = solve(primal, dual, complement - aim, None if boxed is None else boxed - aim)
        length = 0.99 * self._longest(second)[:, None]
        self.move = self.move + length * second[0]
        self.slack = self.slack + length * second[1]
        self.multipliers = self.multipliers + length * second[2]
        if self.box:
            self.sides = self.sides + length * second[3]
            self.pressure = self.pressure + length * second[4]
        self.gap = mean

    def _factor(self):
        weight = self.multipliers / self.slack
        diagonal = np.ones(self.move.shape)
        if self.box:
            diagonal = diagonal + (self.pressure / self.sides).sum(axis=0)
        rows, conditions = self.unit.shape[1:]
        wide = rows > conditions
        if wide:  # Woodbury: the system of the conditions is smaller than that of the moves
            scaled = self.unit / diagonal[:, :, None]
            matrix = np.matmul(self.unit.transpose(0, 2, 1), scaled)
            matrix = matrix + np.eye(conditions) / weight[:, :, None]
        else:
            matrix = np.matmul(self.unit * weight[:, None], self.unit.transpose(0, 2, 1))
            matrix = matrix + np.eye(rows) * diagonal[:, :, None]
        matrix = matrix + 1e-14 * np.eye(matrix.shape[1]) * np.abs(matrix).max(
            (1, 2), keepdims=True
        )

        def invert(right):
            if not wide:
                return np.linalg.solve(matrix, right[:, :, None])[:, :, 0]
            first = right / diagonal
            inner = np.matmul(first[:, None], self.unit)[:, 0]
            inner = np.linalg.solve(matrix, inner[:, :, None])
            return first - np.matmul(scaled, inner)[:, :, 0]

        def solve(primal, dual, complement, boxed):
            primal, above = primal if self.box else (primal, None)
            pull = -complement / self.slack - weight * primal
            right = -dual + np.matmul(self.unit, pull[:, :, None])[:, :, 0]
            if self.box:
                ratio = self.pressure / self.sides
                push = -boxed / self.sides - ratio * above
                right = right + push[0] - push[1]
            move = invert(right)
            slack = np.matmul(move[:, None], self.unit)[:, 0] + primal
            multipliers = -(complement + self.multipliers * slack) / self.slack
            if not self.box:
                return move, slack, multipliers
            sides = np.stack([move, -move]) + above
            pressure = -(boxed + self.pressure * sides) / self.sides
            return move, slack, multipliers, sides, pressure

        return solve

    def _longest(self, direction):
        """How far, at most 1, a direction can be followed with all of these positive."""
        pairs = [(self.slack, direction[1]), (self.multipliers, direction[2])]
        if self.box:
            pairs += [(self.sides[i], direction[3][i]) for i in (0, 1)]
            pairs += [(self.pressure[i], direction[4][i]) for i in (0, 1)]
        longest = np.ones(len(self.move))
        for value, change in pairs:
            steepest = (-change / value).max(axis=1, initial=1.0)
            longest = np.minimum(longest, 1 / steepest)
        return longest
