"""How tight the guaranteed bound is, and how long it takes.

The truth is the norm of the zero-padded operator itself, by Lanczos (ARPACK, tolerance 1e-10) on
an independent NumPy convolution in float64; small operators and Dense get an explicit SVD. Needs
SciPy, which comes with JAX.

    python benchmarks/bounds.py                   # tightness, then the 12-layer network
    python benchmarks/bounds.py --only-network
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _timing as timing  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
from scipy.sparse.linalg import LinearOperator, eigsh  # noqa: E402

import gloro_tf  # noqa: E402

# The strided convolutions of 2C2F, 4C3F and 6C2F on 28x28x1 and 32x32x3, and LiResNet's 5x5 stem:
# (side, channels in, channels out, kernel size)
STRIDED = (
    [(28, 1, 16, 4), (14, 16, 32, 4), (28, 32, 32, 4), (14, 64, 64, 4)]
    + [(32, 3, 16, 4), (16, 16, 32, 4), (32, 32, 32, 4), (16, 64, 64, 4)]
    + [(28, 1, 64, 5), (32, 3, 64, 5), (32, 3, 256, 5)]
)
EXPLICIT_SIDE = gloro_tf.lipschitz.operators.ConvOperator.explicit_side


def true_norm(kernel, side, stride):
    """The norm of a 'same' zero-padded convolution of a square image."""
    size, _, inside, outside = kernel.shape
    count = -(-side // stride)
    total = max((count - 1) * stride + size - side, 0)
    low, padded = total // 2, side + total
    reads = [slice(i, i + (count - 1) * stride + 1, stride) for i in range(size)]
    taps = [(kernel[i, j], (reads[i], reads[j])) for i in range(size) for j in range(size)]

    def square(flat):
        x = np.zeros((padded, padded, inside))
        x[low : low + side, low : low + side] = flat.reshape(side, side, inside)
        y = sum(x[window] @ tap for tap, window in taps)
        x = np.zeros_like(x)
        for tap, window in taps:
            x[window] += y @ tap.T
        return x[low : low + side, low : low + side].ravel()

    entries = side * side * inside
    operator = LinearOperator((entries, entries), square, dtype="float64")
    start = np.random.default_rng(1).normal(size=entries)
    return float(np.sqrt(eigsh(operator, k=1, ncv=24, tol=1e-10, v0=start)[0][0]))


def stretched(size, inside, outside, kind, rng):
    """Float32 kernels: near the identity, all taps equal, or alternating in sign."""
    matrix = rng.normal(size=(inside, outside)) / np.sqrt(inside)
    if kind == "near identity":
        kernel = 0.05 * rng.normal(size=(size, size, inside, outside)) / np.sqrt(inside)
        kernel[size // 2, size // 2] += np.eye(inside, outside)
    elif kind == "low-pass":
        kernel = np.ones((size, size, 1, 1)) * matrix
    elif kind == "checkerboard":
        kernel = ((-1.0) ** np.add.outer(range(size), range(size)))[:, :, None, None] * matrix
    else:
        kernel = rng.normal(size=(size, size, inside, outside)) / np.sqrt(size * size * inside)
    return kernel.astype("float32")


def timed_bound(model_or_layer):
    """The bound, then CPU and wall seconds as text."""
    wall, cpu = time.perf_counter(), time.process_time()
    value = gloro_tf.lipschitz.bound(model_or_layer)
    return value, f"{time.process_time() - cpu:.2f}", f"{time.perf_counter() - wall:.2f}"


def row(label, layer, size, way, truth, limit):
    """One layer's line of the table."""
    value, *seconds = timed_bound(layer)
    excess = value / truth - 1
    verdict = "NOT A BOUND" if excess < -1e-9 else "MISS" if excess > limit else "ok"
    shape = "x".join(map(str, layer.kernel.shape))
    return [label, shape, size, way, f"{excess:.1e}", f"{limit:g}", verdict, *seconds]


def convolution_row(label, kernel, side, stride, limit):
    size, _, inside, outside = kernel.shape
    layer = keras.layers.Conv2D(outside, size, stride, padding="same", use_bias=False)
    layer.build((None, side, side, inside))
    layer.kernel.assign(kernel)
    shorter = min(side**2 * inside, (-(-side // stride)) ** 2 * outside)
    way, limit = ("explicit", 1e-6) if shorter <= EXPLICIT_SIDE else ("torus", limit)
    truth = true_norm(kernel.astype("float64"), side, stride)
    return row(label, layer, f"{side}x{side}", way, truth, limit)


def dense_row(inputs, units, rng):
    layer = keras.layers.Dense(units)
    layer.build((None, inputs))
    layer.kernel.assign(rng.normal(size=(inputs, units)))
    kernel = keras.ops.convert_to_numpy(layer.kernel).astype("float64")
    return row("Dense", layer, "", "explicit", np.linalg.norm(kernel, 2), 1e-6)


def network_row(width, depth, side=16):
    """Seconds for a deep stack of 3x3 convolutions."""
    rng = np.random.default_rng(2)
    inputs = x = keras.Input((side, side, width))
    for _ in range(depth):
        layer = keras.layers.Conv2D(width, 3, padding="same")
        x = keras.layers.ReLU()(layer(x))
        layer.kernel.assign(stretched(3, width, width, "near identity", rng))
    _, *seconds = timed_bound(keras.Model(inputs, x))
    return [f"{depth} x Conv2D({width}, 3), {side}x{side}", *seconds, 240]


def tightness(channels):
    """The rows of the first table, one by one."""
    rng = np.random.default_rng(0)
    for kind in ("near identity", "low-pass", "checkerboard"):
        for c in channels:
            yield convolution_row(kind, stretched(3, c, c, kind, rng), 16, 1, 0.01)
    for kind in ("random", "low-pass", "checkerboard"):
        for side, inside, outside, size in STRIDED:
            kernel = stretched(size, inside, outside, kind, rng)
            yield convolution_row(f"{kind}, stride 2", kernel, side, 2, 0.02)
    for shape in ((1568, 100), (100, 10), (3136, 512)):
        yield dense_row(*shape, rng)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--channels", type=int, nargs="*", default=[16, 32, 64, 128, 256])
    parser.add_argument("--depth", type=int, default=12, help="of the network; 0 leaves it out")
    parser.add_argument("--only-network", action="store_true")
    args = parser.parse_args()
    timing.print_machine("keras", "numpy")
    if not args.only_network:
        head = "kernel, shape, image, way, bound / truth - 1, bar, , CPU s, wall s".split(", ")
        timing.print_table("Tightness", head, tightness(args.channels))
    if args.depth:
        head = ["network", "CPU s", "wall s", "bar, s"]
        timing.print_table("Time", head, [network_row(256, args.depth)])


if __name__ == "__main__":
    main()
