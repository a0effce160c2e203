"""The ACAS Xu collision-avoidance networks: properties 2 to 10, and one network.

The 45 networks N_{a,b} (`a` the previous advisory, `b` the time until vertical separation is lost)
take five normalised inputs and give the costs of five advisories; the least cost advises. The
embedded network, N_{2,9}, is by Julian, Kochenderfer et al., Stanford University, from the
repository of Reluplex (Katz et al.), under CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/); its 13,305 float32 weights are unchanged.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence

import keras
import numpy as np

from gloro_tf.self_correcting.normalizer import Normalizer
from gloro_tf.self_correcting.outputs import Outputs
from gloro_tf.self_correcting.properties import Property, SafeOrdering
from gloro_tf.self_correcting.regions import Box
from gloro_tf.types import Array, ArrayLike, PathLike

ADVISORIES = ("COC", "weak left", "weak right", "strong left", "strong right")
INPUTS = ("rho (ft)", "theta (rad)", "psi (rad)", "v_own (ft/s)", "v_int (ft/s)")
LOWEST = (0.0, -3.141593, -3.141593, 100.0, 0.0)
HIGHEST = (60760.0, 3.141593, 3.141593, 1200.0, 1200.0)
UNITS = Normalizer(
    mean=[19791.091, 0.0, 0.0, 650.0, 600.0],
    range=[60261.0, 6.28318530718, 6.28318530718, 1100.0, 1200.0],
)
NETWORKS = tuple(f"{a}_{b}" for a in range(1, 6) for b in range(1, 10))
EMBEDDED = "2_9"

_PI = 3.141592
_HEAD_ON = [1500, -0.06, 3.10, 980, 960], [1800, 0.06, None, None, None]
_AHEAD = [1500, -0.06, 0, 1000, 700], [1800, 0.06, 0, None, 800]
_BOXES = {
    2: [([55947.691, None, None, 1145, None], [None, None, None, None, 60])],
    3: [_HEAD_ON],
    4: [_AHEAD],
    5: [([250, 0.2, -_PI, 100, 0], [400, 0.4, -_PI + 0.005, 400, 400])],
    6: [
        ([12000, 0.7, -_PI, 100, 0], [62000, _PI, -_PI + 0.005, 1200, 1200]),
        ([12000, -_PI, -_PI, 100, 0], [62000, -0.7, -_PI + 0.005, 1200, 1200]),
    ],
    7: [([0, None, None, None, None], [60760, None, None, None, None])],
    8: [([0, -_PI, -0.1, 600, 600], [60760, -0.75 * _PI, 0.1, 1200, 1200])],
    9: [([2000, -0.4, -_PI, 100, 0], [7000, -0.14, -_PI + 0.01, 150, 150])],
    10: [([36000, 0.7, -_PI, 900, 600], [60760, _PI, -_PI + 0.01, 1200, 1200])],
}
_ONLY = {5: "1_1", 6: "1_1", 7: "1_9", 8: "2_9", 9: "3_3", 10: "4_5"}


def safe_ordering(network: str, tolerance: ArrayLike = 0.0) -> SafeOrdering:
    """The properties of one network, on its normalised inputs, for its raw outputs (costs).

    Property 1 bounds a value and is no ordering. Networks 1_7 and 1_8 have none.

    Args:
        network: str, one of `NETWORKS`, as `"2_9"`.
        tolerance: float or five floats. How much wider the boxes are, in physical units. Property
            4 is about `psi = 0` exactly, which random inputs never meet unless it is widened.

    Returns:
        `SafeOrdering` with `score="min"`.

    Raises:
        ValueError: for another `network`.

    Reference:
        [Katz et al., Reluplex](https://arxiv.org/abs/1702.01135), appendix; as orderings in
        [Leino et al.](https://arxiv.org/abs/2107.11445).
    """
    if network not in NETWORKS:
        raise ValueError(f"`network` must be one of {NETWORKS}. Received: network={network!r}")
    numbers = [k for k in _BOXES if _applies(k, network)]
    return SafeOrdering([_property(k, tolerance) for k in numbers], len(ADVISORIES), score="min")


def _applies(number, network):
    if number == 2:
        return network[0] != "1"
    if number in (3, 4):
        return network not in ("1_7", "1_8", "1_9")
    return _ONLY[number] == network


def _property(number, tolerance):
    y = Outputs(len(ADVISORIES), names=ADVISORIES)
    post = {  # of costs: the least one advises
        2: ~y["COC"].is_max(),
        3: ~y["COC"].is_min(),
        4: ~y["COC"].is_min(),
        5: y["strong right"].is_min(),
        6: y["COC"].is_min(),
        7: y.argmin_in("COC", "weak left", "weak right"),
        8: y.argmin_in("COC", "weak left"),
        9: y["strong left"].is_min(),
        10: y["COC"].is_min(),
    }[number]
    boxes = [Box(low, high, tolerance, units=UNITS) for low, high in _BOXES[number]]
    pre = boxes[0]
    for box in boxes[1:]:
        pre = pre | box
    return Property(pre, post, name=f"phi{number}")


def domain() -> tuple[Array, Array]:
    """`(lowest, highest)` normalised inputs, float64; what lies beyond is clipped to them."""
    return UNITS.apply(LOWEST), UNITS.apply(HIGHEST)


def sample(n: int, seed: int = 0) -> Array:
    """`n` uniform normalised inputs, `(n, 5)` float32.

    Args:
        n: int.
        seed: int. Defaults to 0.
    """
    low, high = domain()
    drawn = np.random.default_rng(seed).random((n, 5)) * (high - low) + low
    return np.clip(drawn.astype("float32"), low.astype("float32"), high.astype("float32"))


def build(weights: Sequence[ArrayLike], name: str = "acas_xu") -> keras.Model:
    """A network from its kernels and biases in turn: six layers of 50 ReLU, five costs.

    Args:
        weights: list of arrays: `(inputs, units)` and `(units,)` in turn.
        name: str. Defaults to `"acas_xu"`.
    """
    inputs = keras.Input((5,), name="state")
    x = inputs
    for layer in range(len(weights) // 2 - 1):
        x = keras.layers.Dense(50, activation="relu", name=f"hidden_{layer}")(x)
    outputs = keras.layers.Dense(5, name="costs")(x)
    model = keras.Model(inputs, outputs, name=name)
    model.set_weights(weights)
    return model


def load(network: str = EMBEDDED, path: PathLike | None = None) -> keras.Model:
    """Loads a network: the embedded one, or any from a file.

    Args:
        network: str, one of `NETWORKS`.
        path: str. A `.npz` file with arrays `w2_9_0`, `b2_9_0` and so on. Defaults to the embedded
            one.

    Returns:
        `keras.Model`, from normalised inputs to normalised costs.

    Raises:
        ValueError: for another `network`, or one without a `path`.
    """
    if path is None:
        if network != EMBEDDED:
            raise ValueError(
                f"`path` must be given for all networks but {EMBEDDED}. Received: {network!r}"
            )
        path = importlib.resources.files(__package__) / "acas_xu.npz"
    with path.open("rb") if hasattr(path, "open") else open(path, "rb") as file:
        with np.load(file) as arrays:
            names = [f"{kind}{network}_{layer}" for layer in range(7) for kind in "wb"]
            weights = [arrays[name] for name in names]
    return build(weights, name=f"acas_xu_{network}")
