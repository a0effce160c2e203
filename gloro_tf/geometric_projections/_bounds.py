"""How near a linear region, or a facet of it, can be: lower bounds by weak duality."""

import numpy as np

from gloro_tf.geometric_projections.network import gamma

WORKING, SWEEPS = 8, 6
TINY = 1e-100


class RegionBounds:
    """Lower bounds on the distance from inputs to regions, and to facets of those regions.

    A region asks `side_j (value_j + normal_j . t) >= 0` of every unit `j`. For any weights
    `w >= 0` the sum of these conditions holds in it too, so every point of it has
    `||t|| >= sum_j w_j c_j / ||sum_j w_j side_j normal_j||*` with `c_j = -side_j value_j`. Any
    weights will do; good ones solve the dual of the projection onto the few conditions that
    are violated most. All roundings are taken outwards.

    Args:
        evaluator: `Evaluator`.
        planes: `Planes`.
        bits: `(b, units)` bool.
        rounds: int. How often the set of conditions that count is chosen anew.
    """

    def __init__(self, evaluator, planes, bits, rounds):
        self.evaluator, self.planes = evaluator, planes
        units = bits.shape[1]
        self.side = np.where(bits, 1.0, -1.0)
        length = planes.length[:, :units]
        usable = length > TINY
        self.inverse = np.where(usable, 1 / np.where(usable, length, 1.0), 0.0)
        self.violation = -self.side * planes.value[:, :units]
        self.gap = np.where(usable, self.violation * self.inverse, -1e30)
        alone = np.where(self.violation > 0, planes.distances()[:, :units], 0.0)
        self.lower = alone.max(axis=1, initial=0.0)
        score = self.gap
        for number in range(rounds + 1):
            self._combine(score)
            if number == rounds or not units:
                break
            full = np.zeros(self.side.shape)
            np.put_along_axis(full, self.chosen, self.multipliers, axis=1)
            residual = self.gap - self.inner[:, :units] * self.side * self.inverse
            if not np.any((residual > 1e-6) & (full == 0)):
                break
            score = np.where(full > 0, 1e30, residual)

    def _combine(self, score):
        """Weights for the conditions that score highest, and the bound they give."""
        units = score.shape[1]
        count = min(WORKING, units)
        chosen = np.argpartition(-score, count - 1, axis=1)[:, :count] if count else score[:, :0]
        chosen = chosen.astype(np.int64)
        rows = np.arange(len(score))[:, None]
        scale = (self.side * self.inverse)[rows, chosen]
        unit = self.planes.normal[rows, :, chosen] * scale[:, :, None]
        self.chosen = chosen
        self.multipliers = _ascend(unit, self.gap[rows, chosen])
        self.normal = np.matmul(self.multipliers[:, None], unit)[:, 0]
        self.inner = np.matmul(self.normal[:, None], self.planes.normal)[:, 0]
        self._certify(rows, chosen)

    def _certify(self, rows, chosen):
        """Numerator rounded down and denominator rounded up of the bound, and the bound."""
        planes, rounding = self.planes, gamma(2 * WORKING)
        weights = self.multipliers * self.inverse[rows, chosen]
        violation, length = self.violation[rows, chosen], planes.length[rows, chosen]
        slack = planes.value_error[rows, chosen] + rounding * np.abs(violation)
        self.top = np.einsum("bk,bk->b", weights, violation - slack)
        spread = planes.normal_error[rows, chosen] + rounding * length
        size = self.evaluator.lengths(self.normal[:, :, None])[:, 0]
        self.bottom = size * (1 + gamma(len(self.normal[0])))
        self.bottom = self.bottom + 1.01 * np.einsum("bk,bk->b", weights, spread)
        self.lower = np.maximum(self.lower, _ratio(self.top, self.bottom))

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
        usable = (scale > TINY) & (self.top > 0)
        scale = np.where(usable, scale, 1.0)[:, None]
        top, wrong = self.top[:, None] / scale, (self.bottom[:, None] - scale) / scale
        length = np.maximum(planes.length, TINY)
        plane_top = np.maximum(np.abs(planes.value) - planes.value_error, 0.0) / length
        plane_wrong = planes.normal_error / length + count
        cosine = -np.sign(planes.value) * self.inner / (scale * length)
        first = np.maximum(top - cosine * plane_top, 0.0)
        second = np.maximum(plane_top - cosine * top, 0.0)
        both = first + second
        square = first**2 + second**2 + 2 * first * second * cosine + 4 * count * both**2
        bottom = np.sqrt(np.maximum(square, 0.0)) + first * np.abs(wrong) + second * plane_wrong
        joint = _ratio((first * top + second * plane_top) * (1 - 1e-14), bottom * (1 + 1e-14))
        valid = usable[:, None] & (planes.length > TINY)
        return np.where(valid, np.maximum(alone, joint), alone)

    def _facets_any_norm(self, alone):
        """The same with weights that are good in L2, and lengths computed in the dual norm."""
        planes, rows = self.planes, self.planes.normal.shape[1]
        mine = np.einsum("br,br->b", self.normal, self.normal)[:, None]
        theirs = np.einsum("brc,brc->bc", planes.normal, planes.normal)
        sign = -np.sign(planes.value)
        inner = self.inner * sign
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


def _ascend(unit, gap):
    """Multipliers `(b, k)`, not negative, of the projection onto `unit @ t >= gap`, nearly."""
    gram = np.matmul(unit, unit.transpose(0, 2, 1))
    multipliers = np.zeros(gap.shape)
    inverse = 1 / np.maximum(np.einsum("bkk->bk", gram), TINY)
    for _ in range(SWEEPS):
        for k in range(gap.shape[1]):
            slope = gap[:, k] - np.einsum("bj,bj->b", gram[:, k], multipliers)
            multipliers[:, k] = np.maximum(multipliers[:, k] + slope * inverse[:, k], 0.0)
    return multipliers


def _ratio(top, bottom):
    """`top / bottom` rounded down; 0 where the top is not positive."""
    positive = top > 0
    with np.errstate(divide="ignore", over="ignore"):
        ratio = np.where(positive, top, 0.0) / np.where(positive, bottom, 1.0)
    return np.where(positive, ratio * (1 - 1e-14), 0.0)
