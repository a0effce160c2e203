"""How near a linear region, or a facet of it, can be: lower bounds by weak duality."""

import numpy as np

from gloro_tf.geometric_projections.network import gamma


class RegionBounds:
    """Lower bounds on the distance from inputs to regions, and to facets of those regions.

    A region asks `side_j (value_j + normal_j . t) >= 0` of every unit `j`. For any weights
    `w >= 0` the sum of these conditions holds in it too, so every point of it has
    `||t|| >= sum_j w_j c_j / ||sum_j w_j side_j normal_j||*` with `c_j = -side_j value_j`. Any
    weights will do; better ones come from ascent on the dual of the projection onto the region.
    All roundings are taken outwards.

    Args:
        evaluator: `Evaluator`.
        planes: `Planes`.
        bits: `(b, units)` bool.
        steps: int. Ascent steps on the dual.
        reach: `(b,)`. Distances beyond which nothing matters; ascent ends there.
    """

    def __init__(self, evaluator, planes, bits, steps, reach):
        self.evaluator, self.planes = evaluator, planes
        units = bits.shape[1]
        self.side = np.where(bits, 1.0, -1.0)
        self.violation = -self.side * planes.value[:, :units]
        length = planes.length[:, :units]
        self.inverse = np.where(length > 1e-100, 1 / np.maximum(length, 1e-100), 0.0)
        single = np.where(self.violation > 0, planes.distances()[:, :units], 0.0)
        self.lower = single.max(axis=1, initial=0.0)
        gap = self.violation * self.inverse
        self.set_weights(np.maximum(gap, 0.0) * self.inverse)
        for _ in range(steps if evaluator.norm == "l2" else 0):
            if not np.any((self.lower <= reach) & (self.lower > 0)):
                break
            self._ascend(gap)

    def combine(self, weights):
        """The summed normal of weighted conditions, `(b, rows)`."""
        units = self.side.shape[1]
        return np.matmul(
            self.planes.normal[:, :, :units], (weights * self.side)[:, :, None]
        )[:, :, 0]

    def set_weights(self, weights):
        """Takes weights `(b, units)`, not negative, where they give a better bound."""
        normal = self.combine(weights)
        top, bottom = self.certified(weights, normal)
        lower = _ratio(top, bottom)
        if not hasattr(self, "weights"):
            self.weights, self.normal, self.top, self.bottom = weights, normal, top, bottom
            better = np.ones(len(lower), "bool")
        else:
            better = lower * self.bottom > self.top
            self.weights = np.where(better[:, None], weights, self.weights)
            self.normal = np.where(better[:, None], normal, self.normal)
            self.top = np.where(better, top, self.top)
            self.bottom = np.where(better, bottom, self.bottom)
        self.lower = np.maximum(self.lower, lower)
        self.trial = weights, normal

    def certified(self, weights, normal):
        """Numerator rounded down and denominator rounded up of the bound that weights give."""
        planes, units = self.planes, weights.shape[1]
        slack = planes.value_error[:, :units] + gamma(units) * np.abs(self.violation)
        top = np.einsum("bu,bu->b", weights, self.violation - slack)
        top = top - gamma(units) * np.einsum("bu,bu->b", weights, np.abs(self.violation))
        spread = planes.normal_error[:, :units] + gamma(units) * planes.length[:, :units]
        length = self.evaluator.lengths(normal[:, :, None])[:, 0] * (1 + gamma(normal.shape[1]))
        return top, length + 1.01 * np.einsum("bu,bu->b", weights, spread)

    def _ascend(self, gap):
        """One projected ascent step on the dual, with the exact step length where it is free."""
        weights, normal = self.trial
        units = self.side.shape[1]
        slope = np.matmul(normal[:, None], self.planes.normal[:, :, :units])[:, 0]
        residual = gap - slope * self.side * self.inverse
        scaled = np.where(self.inverse > 0, weights / np.maximum(self.inverse, 1e-300), 0.0)
        free = ((scaled > 0) | (residual > 0)) & (self.inverse > 0)
        move = np.where(free, residual, 0.0)
        along = self.combine(move * self.inverse)
        size = np.einsum("br,br->b", along, along)
        step = np.einsum("bu,bu->b", move, move) / np.maximum(size, 1e-300)
        moved = np.maximum(scaled + np.minimum(step, 1e3)[:, None] * move, 0.0)
        self.set_weights(moved * self.inverse)

    def facets(self):
        """Lower bounds on the distance to the part of every plane that bounds the region.

        Each is the better of the plane's own distance and of the best bound that the plane, taken
        from the input's side, and the region's summed condition give together.

        Returns:
            `(b, columns)`.
        """
        planes = self.planes
        alone = np.maximum(planes.distances(), self.lower[:, None])
        if self.evaluator.norm != "l2":
            return self._facets_any_norm(alone)
        count = gamma(planes.normal.shape[1] + 8)
        scale = np.sqrt(np.einsum("br,br->b", self.normal, self.normal))
        usable = (scale > 1e-100) & (self.top > 0)
        scale = np.where(usable, scale, 1.0)[:, None]
        top, wrong = self.top[:, None] / scale, (self.bottom[:, None] - scale) / scale
        length = np.maximum(planes.length, 1e-100)
        plane_top = np.maximum(np.abs(planes.value) - planes.value_error, 0.0) / length
        plane_wrong = planes.normal_error / length + count
        inner = np.matmul(self.normal[:, None], planes.normal)[:, 0]
        cosine = -np.sign(planes.value) * inner / (scale * length)
        first = np.maximum(top - cosine * plane_top, 0.0)
        second = np.maximum(plane_top - cosine * top, 0.0)
        both = first + second
        square = first**2 + second**2 + 2 * first * second * cosine + 4 * count * both**2
        bottom = np.sqrt(np.maximum(square, 0.0)) + first * np.abs(wrong) + second * plane_wrong
        joint = _ratio((first * top + second * plane_top) * (1 - 1e-14), bottom * (1 + 1e-14))
        valid = usable[:, None] & (planes.length > 1e-100)
        return np.where(valid, np.maximum(alone, joint), alone)

    def _facets_any_norm(self, alone):
        """The same with weights that are good in L2, and lengths computed in the dual norm."""
        planes, rows = self.planes, self.planes.normal.shape[1]
        mine = np.einsum("br,br->b", self.normal, self.normal)[:, None]
        theirs = np.einsum("brc,brc->bc", planes.normal, planes.normal)
        sign = -np.sign(planes.value)
        inner = np.matmul(self.normal[:, None], planes.normal)[:, 0] * sign
        plane_top = np.maximum(np.abs(planes.value) - planes.value_error, 0.0)
        top = np.maximum(self.top, 0.0)[:, None]
        first = np.maximum(top * theirs - plane_top * inner, 0.0)
        second = np.maximum(plane_top * mine - top * inner, 0.0)
        most = np.maximum(np.maximum(first, second), 1e-300)
        first, second = first / most, second / most
        joined = first[:, None] * self.normal[:, :, None]
        joined = joined + (second * sign)[:, None] * planes.normal
        bottom = self.evaluator.lengths(joined) * (1 + gamma(rows))
        mine_wrong = (self.bottom - self.evaluator.lengths(self.normal[:, :, None])[:, 0])[:, None]
        size = first * self.bottom[:, None] + second * planes.length
        bottom = bottom + first * np.abs(mine_wrong) + second * planes.normal_error
        bottom = bottom + gamma(rows) * size
        return np.maximum(alone, _ratio((first * top + second * plane_top) * (1 - 1e-14), bottom))


def _ratio(top, bottom):
    """`top / bottom` rounded down; 0 where the top is not positive."""
    positive = top > 0
    with np.errstate(divide="ignore", over="ignore"):
        ratio = np.where(positive, top, 0.0) / np.where(positive, bottom, 1.0)
    return np.where(positive, ratio * (1 - 1e-14), 0.0)
