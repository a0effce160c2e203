"""Evaluates many linear regions at once: a hyperplane for every unit and every rival class."""

import dataclasses

import numpy as np

from gloro_tf.geometric_projections.network import ROUNDOFF, UNDERFLOW, gamma


@dataclasses.dataclass
class Planes:
    """Hyperplanes `{t: value + normal . t = 0}` of `b` regions, relative to each region's input.

    The first columns are the units with a kink, in the order of their bits; the last `classes`
    are the margins of the label over each class, the label's own being void (NaN-free, no use).

    Args:
        normal: `(b, rows, columns)`, in the evaluator's coordinates.
        value: `(b, columns)`, the affine function at the input.
        length: `(b, columns)`, computed dual norms of the normals.
        normal_error, value_error: `(b, columns)`, bounds on the errors, the former in the dual norm.
    """

    normal: np.ndarray
    value: np.ndarray
    length: np.ndarray
    normal_error: np.ndarray
    value_error: np.ndarray

    def __len__(self):
        return len(self.value)

    def rows(self, index):
        """The same for some of the regions."""
        return Planes(*[getattr(self, f.name)[index] for f in dataclasses.fields(self)])

    def distances(self):
        """Lower bounds on the distances from the input to the planes, `(b, columns)`."""
        longest = self.length * (1 + gamma(self.normal.shape[1])) + self.normal_error
        reach = np.maximum(np.abs(self.value) - self.value_error, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = reach / longest * (1 - 4 * ROUNDOFF)
        return np.where(reach > 0, ratio, 0.0)


class Evaluator:
    """Computes `Planes` from activation patterns; whole batches by matrix products, float64.

    In L2 the first layer's matrix is replaced by the triangular factor of its QR decomposition,
    where that is smaller: all normals lie in its range, so lengths and angles stay.

    Args:
        network: `Network`.
        norm: `"l2"` or `"linf"`, of the ball; normals are measured in the dual norm.
    """

    def __init__(self, network, norm):
        self.network, self.norm = network, norm
        first = network.blocks[0].affine
        inputs, units = first.weight.shape
        error = first.roundings * ROUNDOFF * self.lengths(first.weight_size[None])[0]
        self.frame = None
        self.base = first.weight
        if norm == "l2" and units < inputs:
            self.frame, self.base = np.linalg.qr(first.weight)
            error = error + 10 * inputs * units * ROUNDOFF * self.lengths(first.weight[None])[0]
        self.base_error = 1.01 * error + UNDERFLOW
        self.base_length = self.lengths(self.base[None])[0]
        self.rows = len(self.base)
        self.columns = network.units + network.classes
        offsets = np.cumsum([0] + [len(b.kinks) for b in network.blocks[:-1]])
        self.bits = [slice(a, b) for a, b in zip(offsets[:-1], offsets[1:], strict=True)]

    def lengths(self, normals):
        """Dual norms over the middle axis of `(b, rows, columns)`."""
        if self.norm == "l2":
            return np.sqrt(np.einsum("brc,brc->bc", normals, normals))
        return np.abs(normals).sum(axis=1)

    def start(self, x):
        """Values of the first affine map at flattened inputs, and bounds on their error."""
        return self.network.step(self.network.blocks[0], x, np.zeros(x.shape))

    def pattern(self, x):
        """On/off bits of all units at inputs, and which of them rounding leaves in doubt."""
        value, error = np.asarray(x, "float64"), np.zeros(x.shape)
        bits, doubts = [], []
        for block in self.network.blocks:
            value, error = self.network.step(block, value, error)
            bits.append(value[:, block.kinks] > 0)
            doubt = np.abs(value) <= error
            exact = (value == 0) & (error <= 2 * UNDERFLOW)
            doubts.append((doubt & ~exact)[:, block.kinks])
            value = value * np.where(value > 0, block.positive, block.negative)
            error = error * block.steepest + ROUNDOFF * np.abs(value)
        return np.concatenate(bits, axis=1), np.concatenate(doubts, axis=1)

    def planes(self, start, start_error, bits, label):
        """Evaluates regions.

        Args:
            start, start_error: `(b, first units)`, of `start` at each region's input.
            bits: `(b, units)` bool, the patterns.
            label: `(b,)` integers, whose margins to take.

        Returns:
            `Planes`.
        """
        first, found = self.network.blocks[0], []
        shape = len(bits), self.rows, start.shape[1]
        normal = np.broadcast_to(self.base, shape)
        length = np.broadcast_to(self.base_length, start.shape)
        errors = np.stack([np.broadcast_to(self.base_error, start.shape), start_error], axis=1)
        value, block = start, first
        for part, after in zip(self.bits, self.network.blocks[1:], strict=True):
            kinks = block.kinks
            full = slice(None) if len(kinks) == value.shape[1] else kinks
            columns = normal, value, length, errors[:, 0], errors[:, 1]
            found.append([column[..., full] for column in columns])
            on = np.zeros(value.shape, "bool")
            on[:, kinks] = bits[:, part]
            slope = np.where(on, block.positive, block.negative)
            sizes = np.stack([length * (1 + gamma(self.rows)), np.abs(value)], axis=1)
            errors = self._spread(after, errors, sizes, slope)
            normal = (normal * slope[:, None]).reshape(-1, normal.shape[2]) @ after.affine.weight
            normal = normal.reshape(len(bits), self.rows, -1)
            value = (value * slope) @ after.affine.weight + after.affine.bias
            length, block = self.lengths(normal), after
        found.append(self._margins(normal, value, errors, label))
        return Planes(*[np.concatenate(parts, axis=-1) for parts in zip(*found, strict=True)])

    def _spread(self, block, errors, sizes, slope):
        """Errors of normals and values after one more affine map, from those before it."""
        rounding = gamma(block.terms)
        weights = (errors + rounding * (sizes + errors)) * np.abs(slope)[:, None]
        count, _, width = weights.shape
        spread = (weights.reshape(2 * count, width) @ block.affine.weight_size).reshape(
            count, 2, -1
        )
        spread[:, 1] += rounding * block.affine.bias_size
        return spread * (1 + 1e-9) + UNDERFLOW

    def _margins(self, normal, value, errors, label):
        """Planes on which the label ties with each class."""
        count = len(value)
        rows, own = np.arange(count), np.asarray(label)
        length = self.lengths(normal) * (1 + gamma(self.rows))
        margin = normal[rows, :, own][:, :, None] - normal
        difference = value[rows, own][:, None] - value
        error = errors[rows, :, own][:, :, None] + errors
        sizes = np.stack([length[rows, own][:, None] + length, np.abs(value)], axis=1)
        sizes[:, 1] += np.abs(value[rows, own])[:, None]
        error = (error + 4 * ROUNDOFF * sizes) * (1 + 1e-9)
        return margin, difference, self.lengths(margin), error[:, 0], error[:, 1]
