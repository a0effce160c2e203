"""Linear operators: estimate by power iteration, bound by proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from gloro_tf.lipschitz.factors import (
    FLOAT32_ROUNDOFF,
    FLOAT32_TINY,
    Factor,
    float64,
    gamma,
)
from gloro_tf.ops import certified_norm, norm, power_iterate, round_up, torus_norm, twists
from gloro_tf.types import Tensor

if TYPE_CHECKING:
    from gloro_tf.lipschitz.conv_geometry import ConvGeometry

# The square root of how many different orders of summation one layer may mix for one example.
ORDERS = 2.0


class LinearOperator(Factor):
    """A linear map with a bias, given by its `apply` and its exact `adjoint`.

    Args:
        kernel: callable without arguments that returns the layer's current kernel.
        bias: callable that returns the bias, or `None`.
        cells: int. How many output positions share the bias.
    """

    kernel_roundings = 0

    def __init__(
        self, kernel: Callable[[], Tensor], bias: Callable[[], Tensor] | None = None, cells: int = 1
    ) -> None:
        self.kernel, self.bias, self.cells = kernel, bias, cells

    def apply(self, x: Tensor, kernel: Tensor) -> Tensor:
        """Returns the map of a batch, without the bias.

        Args:
            x: `(batch, ...)` tensor in the domain.
            kernel: what `prepare` returns.
        """
        raise NotImplementedError

    def adjoint(self, y: Tensor, kernel: Tensor) -> Tensor:
        """Returns the adjoint map of a batch.

        Args:
            y: `(batch, ...)` tensor in the codomain.
            kernel: what `prepare` returns.
        """
        raise NotImplementedError

    def prepare(self) -> Tensor:
        """Returns the float32 kernel in the form that `apply` takes."""
        return ops.cast(self.kernel(), "float32")

    def estimate(self, iterate: Tensor | None = None) -> Tensor:
        return ops.min(norm(self.apply(ops.stop_gradient(iterate), self.prepare())))

    def advance(self, iterate: Tensor, steps: int) -> Tensor:
        kernel = ops.stop_gradient(self.prepare())
        return power_iterate(
            lambda x: self.apply(x, kernel), lambda y: self.adjoint(y, kernel), iterate, steps
        )

    def offset(self) -> float:
        if self.bias is None:
            return 0.0
        bias = float64(self.bias())
        return float(round_up(np.sqrt(np.sum(bias**2) * self.cells), bias.size + 4))

    def fan_in(self) -> int:
        """How many products one output accumulates."""
        raise NotImplementedError

    def output_size(self) -> int:
        """How many entries one output has."""
        raise NotImplementedError

    def absolute_norm(self) -> float:
        """Bounds the norm of the operator of absolute values by Schur's test."""
        raise NotImplementedError

    def rounding(self, constant: float) -> tuple[float, float]:
        # A partial sum over inputs S is, for all outputs at once, `A[:, S] h[S]`: at most
        # `constant * ||h||` long. ORDERS covers outputs that are summed in different orders.
        sums = ORDERS * gamma(self.fan_in() + 1)
        products = (1 + self.kernel_roundings) * FLOAT32_ROUNDOFF * self.absolute_norm()
        underflow = (self.fan_in() + 2) * FLOAT32_TINY * np.sqrt(self.output_size())
        relative = sums * constant + (1 + sums) * products
        return relative, sums * self.offset() + underflow


class DenseOperator(LinearOperator):
    """`x -> x W + b` for a kernel of shape `(inputs, outputs)`.

    Args:
        kernel: callable that returns the kernel.
        bias: callable that returns the bias, or `None`.
        shape: `(inputs, outputs)`.
        cells: int. Positions at which the same matrix is applied. Defaults to 1.
        kernel_roundings: int. Roundings in each kernel entry where the layer computes its kernel
            from other weights. Defaults to 0.
    """

    def __init__(
        self,
        kernel: Callable[[], Tensor],
        bias: Callable[[], Tensor] | None,
        shape: tuple[int, int],
        cells: int = 1,
        kernel_roundings: int = 0,
    ) -> None:
        super().__init__(kernel, bias, cells)
        self.kernel_roundings = kernel_roundings
        self.shape = tuple(shape)
        self.iterate_shape = (1, self.shape[0])

    def apply(self, x: Tensor, kernel: Tensor) -> Tensor:
        return ops.matmul(x, kernel)

    def adjoint(self, y: Tensor, kernel: Tensor) -> Tensor:
        return ops.matmul(y, ops.transpose(kernel))

    def bound(self) -> float:
        return certified_norm(float64(self.kernel()))

    def fan_in(self) -> int:
        return self.shape[0]

    def output_size(self) -> int:
        return self.shape[1] * self.cells

    def absolute_norm(self) -> float:
        size = np.abs(float64(self.kernel()))
        return _schur(size.sum(axis=0).max(), size.sum(axis=1).max(), size.size)


class ConvOperator(LinearOperator):
    """A convolution of any kernel, stride, padding, dilation and number of groups.

    The stride is folded into channels, which leaves a stride-1 convolution on a torus with a
    guard band (`specs` of the geometry: `ConvGeometry`). Where the operator is small enough for an
    explicit matrix, masks make that torus the zero-padded operator itself, and its singular
    values give the bound; elsewhere the least norm of four tori is the bound, and the iterate is
    a batch of four. Either way the power iterates live on exactly the operators that are bounded,
    so that training shrinks the bound.

    Args:
        kernel: callable that returns `(height, width, in_channels / groups, out_channels)`.
        bias: callable that returns the bias, or `None`.
        geometry: a `ConvGeometry`.
        in_channels: int.
        out_channels: int.
        groups: int. Defaults to 1.
        transposed: bool. Whether the layer applies the adjoint (a transposed convolution).
    """

    explicit_side, explicit_entries = 2048, 40_000_000

    def __init__(
        self,
        kernel: Callable[[], Tensor],
        bias: Callable[[], Tensor] | None,
        geometry: ConvGeometry,
        in_channels: int,
        out_channels: int,
        groups: int = 1,
        transposed: bool = False,
    ) -> None:
        cells = geometry.input_cells if transposed else geometry.output_cells
        super().__init__(kernel, bias, cells)
        self.geometry, self.groups, self.transposed = geometry, groups, transposed
        self.in_channels, self.out_channels = in_channels, out_channels
        rows, columns = geometry.input_cells * in_channels, geometry.output_cells * out_channels
        self.is_explicit = (
            min(rows, columns) <= self.explicit_side and rows * columns <= self.explicit_entries
        )
        signs = np.ones((1, 2))
        if self.is_explicit:
            inside, self._outside = geometry.masks()
            self._inside = np.tile(inside, (1, 1, 1, in_channels))
        else:
            signs = 1.0 - 2.0 * np.array(twists(geometry.sides))
        self._signs = [signs[:, axis].reshape(-1, 1, 1, 1).astype("float32") for axis in (0, 1)]
        self.iterate_shape = (len(signs), *geometry.sides, in_channels * geometry.phases)

    def prepare(self) -> Tensor:
        return self.geometry.block_kernel(ops.cast(self.kernel(), "float32"), ops)

    def apply(self, x: Tensor, kernel: Tensor) -> Tensor:
        if self.is_explicit:
            x = x * ops.convert_to_tensor(self._inside)
        y = self._correlate(x, kernel, *self.geometry.reach)
        return y * ops.convert_to_tensor(self._outside) if self.is_explicit else y

    def adjoint(self, y: Tensor, kernel: Tensor) -> Tensor:
        if self.is_explicit:
            y = y * ops.convert_to_tensor(self._outside)
        before, after = self.geometry.reach
        x = self._correlate(y, self._turned(kernel), after, before)
        if self.is_explicit:
            x = x * ops.convert_to_tensor(self._inside)
        return x

    def _turned(self, kernel):
        """The kernel of the adjoint: turned by 180 degrees, inputs and outputs exchanged."""
        kernel = ops.flip(kernel, axis=(0, 1))
        if self.groups == 1:
            return ops.transpose(kernel, (0, 1, 3, 2))
        height, width, per_group, _ = kernel.shape
        kernel = ops.reshape(kernel, (height, width, per_group, self.groups, -1))
        kernel = ops.transpose(kernel, (0, 1, 4, 3, 2))
        return ops.reshape(kernel, (height, width, kernel.shape[2], -1))

    def _correlate(self, x, kernel, before, after):
        if self.is_explicit:  # what lies beyond a seam is masked: zeros
            x = ops.pad(x, ((0, 0), *zip(before, after, strict=True), (0, 0)))
        else:
            for axis, sign in enumerate(self._signs):
                x = _wrap(x, axis + 1, before[axis], after[axis], sign)
        if self.groups == 1:
            return ops.conv(x, kernel, padding="valid", data_format="channels_last")
        return _grouped_correlation(x, kernel, self.groups)

    def bound(self) -> float:
        kernel = float64(self.kernel())
        per_group = kernel.shape[-1] // self.groups
        parts = [kernel[..., g * per_group : (g + 1) * per_group] for g in range(self.groups)]
        if self.is_explicit:
            return max(certified_norm(self.geometry.matrix(part)) for part in parts)
        return torus_norm([self.geometry.block_kernel(p, np) for p in parts], self.geometry.sides)

    def fan_in(self) -> int:
        height, width, per_group, outputs = self.kernel().shape
        return height * width * (outputs // self.groups if self.transposed else per_group)

    def output_size(self) -> int:
        geometry = self.geometry
        if self.transposed:
            return geometry.input_cells * self.in_channels
        return geometry.output_cells * self.out_channels

    def absolute_norm(self) -> float:
        return self.schur(self.kernel())

    def schur(self, kernel: Tensor) -> float:
        """Bounds the norm of the convolution with the absolute values of a kernel.

        Args:
            kernel: tensor of the shape of the layer's.

        Returns:
            float, rounded up.
        """
        size = np.abs(float64(kernel))
        height, width, per_group, _ = size.shape
        per_output = size.sum(axis=(0, 1, 2)).max()
        grouped = size.reshape(height, width, per_group, self.groups, -1)
        per_input = self.geometry.block_sum(grouped.sum(axis=4)).max()
        return _schur(per_output, per_input, size.size)


def _schur(row_sum, column_sum, terms):
    return float(round_up(np.sqrt(row_sum * column_sum), terms + 4))


def _wrap(x, axis, before, after, sign):
    """Pads one axis with what lies beyond the seam, times `sign` (+1 or -1 for each entry)."""
    size, parts = x.shape[axis], [x]
    index = [slice(None)] * len(x.shape)
    sign = ops.convert_to_tensor(sign)
    if before:
        index[axis] = slice(size - before, size)
        parts.insert(0, x[tuple(index)] * sign)
    if after:
        index[axis] = slice(0, after)
        parts.append(x[tuple(index)] * sign)
    return ops.concatenate(parts, axis=axis) if len(parts) > 1 else x


def _grouped_correlation(x, kernel, groups):
    """A grouped convolution as one contraction per tap (TensorFlow has no CPU gradient)."""
    height, width, per_group, outputs = kernel.shape
    rows, columns = x.shape[1] - height + 1, x.shape[2] - width + 1
    x = ops.reshape(x, (*x.shape[:3], groups, per_group))
    kernel = ops.reshape(kernel, (height, width, per_group, groups, outputs // groups))
    total = 0.0
    for i in range(height):
        for j in range(width):
            window = x[:, i : i + rows, j : j + columns]
            total = total + ops.einsum("nhwgi,igo->nhwgo", window, kernel[i, j])
    return ops.reshape(total, (x.shape[0], rows, columns, outputs))
