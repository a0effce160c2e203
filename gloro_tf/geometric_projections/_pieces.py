"""The pieces a piecewise-linear network is made of: affine maps, kinks, and moved entries."""

import dataclasses

import numpy as np

ENTRIES = 2**28


@dataclasses.dataclass(frozen=True)
class Affine:
    """`v -> v W + b`, float64, with a bound on how far `W` and `b` are from the exact ones.

    The exact entries differ from the stored ones by at most `roundings * 2**-53` times
    `weight_size` and `bias_size`; with no roundings the stored numbers are the layer's own.

    Args:
        weight: `(inputs, outputs)`.
        bias: `(outputs,)`.
        weight_size, bias_size: arrays of the same shapes, at least the absolute values.
        roundings: int.
    """

    weight: np.ndarray
    bias: np.ndarray
    weight_size: np.ndarray
    bias_size: np.ndarray
    roundings: int = 0

    @classmethod
    def of(cls, weight, bias=None, roundings=0):
        """An affine map whose sizes are the absolute values of its entries."""
        weight = np.asarray(weight, "float64")
        bias = np.zeros(weight.shape[1]) if bias is None else np.asarray(bias, "float64")
        return cls(weight, bias, np.abs(weight), np.abs(bias), roundings)

    @classmethod
    def identity(cls, size):
        """The identity on vectors of that size."""
        check_size(size, size)
        return cls.of(np.eye(size))

    def then(self, other):
        """The composition, first this map and then `other`."""
        check_size(self.weight.shape[0], other.weight.shape[1])
        size = self.weight_size @ other.weight_size
        bias_size = self.bias_size @ other.weight_size + other.bias_size
        terms = self.roundings + other.roundings + other.weight.shape[0] + 4
        return Affine(
            self.weight @ other.weight,
            self.bias @ other.weight + other.bias,
            size * (1 + 1e-9),
            bias_size * (1 + 1e-9),
            terms,
        )


@dataclasses.dataclass(frozen=True)
class Scale:
    """`v -> v * scale + shift`, entry by entry, each known to within `roundings` units."""

    scale: np.ndarray
    shift: np.ndarray
    shift_size: np.ndarray
    roundings: int = 0

    def is_identity(self, width):
        return False

    def after(self, affine):
        """The composition, first `affine` and then this one."""
        size = np.abs(self.scale)
        return Affine(
            affine.weight * self.scale,
            affine.bias * self.scale + self.shift,
            affine.weight_size * size * (1 + 1e-9),
            (affine.bias_size * size + self.shift_size) * (1 + 1e-9),
            affine.roundings + self.roundings + 4,
        )


@dataclasses.dataclass(frozen=True)
class Gather:
    """Every output copies one input, or is zero where the index is -1."""

    index: np.ndarray

    def is_identity(self, width):
        """Whether every entry of vectors of that width stays where it is."""
        return np.array_equal(self.index, np.arange(width))

    def after(self, affine):
        """The composition, first `affine` and then this one."""
        used, index = self.index >= 0, np.maximum(self.index, 0)

        def take(entries):
            return np.where(used, entries[..., index], 0.0)

        fields = affine.weight, affine.bias, affine.weight_size, affine.bias_size
        return Affine(*map(take, fields), affine.roundings)


@dataclasses.dataclass(frozen=True)
class Halves:
    """`(a, b) -> ((a + b) / 2, (a - b) / 2)` for pairs of entries, given by their indices."""

    first: np.ndarray
    second: np.ndarray

    def is_identity(self, width):
        return False

    def after(self, affine):
        """The composition, first `affine` and then this one: all sums, then all differences."""

        def combine(entries, sign):
            a, b = entries[..., self.first], entries[..., self.second]
            return np.concatenate([(a + b) / 2, (a + sign * b) / 2], axis=-1)

        signed = [combine(v, -1.0) for v in (affine.weight, affine.bias)]
        sizes = [combine(v, 1.0) for v in (affine.weight_size, affine.bias_size)]
        return Affine(*signed, *sizes, affine.roundings + 2)


@dataclasses.dataclass(frozen=True)
class Kinks:
    """`h -> positive * h` where `h > 0`, else `negative * h`; slopes entry by entry.

    ReLU is `(0, 1)`, the absolute value `(-1, 1)`; where both agree there is no kink.
    """

    negative: np.ndarray
    positive: np.ndarray


def check_size(rows, columns):
    """Refuses matrices that would not fit: one region's normals are as large as that."""
    if rows * columns > ENTRIES:
        raise ValueError(
            "`model` must be small enough to hold the matrices of its layers. Received: a layer "
            f"with {rows} inputs and {columns} outputs. Fast geometric projections keep a normal "
            "of every unit in input space for each region; use a smaller network or smaller inputs."
        )
