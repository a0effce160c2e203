"""Where the taps of a convolution fall: integers only, shared by estimate and bound."""

import math

import numpy as np


class ConvGeometry:
    """Two-dimensional convolution geometry with the stride folded into channels.

    Along one axis, output cell `o` reads input cell `o * stride + tap * dilation - low`. Writing
    that offset as `stride * block + phase` turns the stride into channels (space to depth): a
    stride-1 convolution between blocks. On a torus of `sides` blocks whatever leaves the image
    falls on cells that hold zeros.

    Args:
        size: `(int, int)`. Input height and width.
        kernel_size, strides, dilation: `(int, int)`.
        padding: `"same"`, `"valid"` or `"causal"` (first axis 1, second causal).
        output: optional `(int, int)`. Output cells, if the layer says so itself.
    """

    def __init__(self, size, kernel_size, strides, padding, dilation=(1, 1), output=None):
        self.size, self.kernel_size = tuple(size), tuple(kernel_size)
        self.strides, self.dilation = tuple(strides), tuple(dilation)
        self.low, self.output = [], []
        for n, k, s, d in zip(
            self.size, self.kernel_size, self.strides, self.dilation, strict=True
        ):
            low, count = _placement(n, (k - 1) * d + 1, s, padding)
            self.low.append(low)
            self.output.append(count)
        if output is not None:
            self.output = list(output)
        first = [math.floor(-low / s) for low, s in zip(self.low, self.strides)]
        last = [
            ((k - 1) * d - low) // s
            for k, d, low, s in zip(self.kernel_size, self.dilation, self.low, self.strides)
        ]
        self.first, self.blocks = first, [b - a + 1 for a, b in zip(first, last)]
        self.reach = tuple(-a for a in first), tuple(last)
        grid = [-(-n // s) for n, s in zip(self.size, self.strides)]
        self.sides = tuple(
            max(g - min(a, 0), m + max(b, 0)) for g, m, a, b in zip(grid, self.output, first, last)
        )
        self.phases = self.strides[0] * self.strides[1]
        self.input_cells = self.size[0] * self.size[1]
        self.output_cells = self.output[0] * self.output[1]

    def block_kernel(self, kernel, module):
        """Folds dilation and stride into a `(height, width, in, out)` kernel.

        Returns a `(blocks, blocks, in * phases, out)` kernel; `module` is `keras.ops` or `numpy`.
        """
        if self.strides == (1, 1) and self.dilation == (1, 1):
            return kernel
        select = [self._selection(axis) for axis in (0, 1)]
        if module is not np:
            select = [module.convert_to_tensor(s) for s in select]
        folded = module.einsum("pj,qk,jkio->pqio", *select, kernel)
        (b1, b2), (s1, s2) = self.blocks, self.strides
        inside, outside = kernel.shape[2:]
        folded = module.reshape(folded, (b1, s1, b2, s2, inside, outside))
        folded = module.transpose(folded, (0, 2, 4, 1, 3, 5))
        return module.reshape(folded, (b1, b2, inside * s1 * s2, outside))

    def block_sum(self, kernel):
        """Sums a non-negative kernel over the taps that can read one input cell."""
        flat = kernel.reshape(*kernel.shape[:2], -1, 1)
        folded = self.block_kernel(flat, np) if self.phases > 1 else flat
        return folded.sum(axis=(0, 1))

    def _selection(self, axis):
        """0/1 matrix from taps to positions in the block kernel."""
        stride, dilation = self.strides[axis], self.dilation[axis]
        matrix = np.zeros((self.blocks[axis] * stride, self.kernel_size[axis]), "float32")
        for tap in range(self.kernel_size[axis]):
            matrix[tap * dilation - self.low[axis] - stride * self.first[axis], tap] = 1
        return matrix

    def masks(self):
        """Which cells of the torus are input pixels, and which are outputs (float32)."""
        inside = [
            (np.arange(side * s) < n).reshape(side, s)
            for side, s, n in zip(self.sides, self.strides, self.size)
        ]
        outside = [np.arange(side) < m for side, m in zip(self.sides, self.output)]
        pixels = inside[0][:, None, :, None] & inside[1][None, :, None, :]
        pixels = pixels.reshape(1, *self.sides, self.phases)
        outputs = (outside[0][:, None] & outside[1][None, :]).reshape(1, *self.sides, 1)
        return pixels.astype("float32"), outputs.astype("float32")

    def matrix(self, kernel):
        """The explicit zero-padded operator, `(input cells * in, output cells * out)`."""
        inside, outside = kernel.shape[2:]
        matrix = np.zeros((*self.size, inside, *self.output, outside))
        for (i, j), tap in _taps(kernel):
            columns, out_columns = self._reads(1, j)
            for row, out_row in zip(*self._reads(0, i)):
                matrix[row, columns, :, out_row, out_columns, :] += tap
        return matrix.reshape(self.input_cells * inside, self.output_cells * outside)

    def _reads(self, axis, tap):
        """Input and output cells joined by one tap along one axis."""
        outputs = np.arange(self.output[axis])
        inputs = outputs * self.strides[axis] + tap * self.dilation[axis] - self.low[axis]
        valid = (inputs >= 0) & (inputs < self.size[axis])
        return inputs[valid], outputs[valid]


def _taps(kernel):
    for index in np.ndindex(*kernel.shape[:2]):
        yield index, kernel[index]


def _placement(size, extent, stride, padding):
    """Cells of padding before the image, and the number of outputs."""
    if padding == "valid":
        return 0, (size - extent) // stride + 1
    if padding == "causal":
        return extent - 1, (size - 1) // stride + 1
    outputs = -(-size // stride)
    return max((outputs - 1) * stride + extent - size, 0) // 2, outputs
