"""Local robustness of piecewise-linear networks, for whole batches of inputs."""

from __future__ import annotations

import dataclasses
import math

import keras
import numpy as np

from gloro_tf.geometric_projections._regions import Evaluator
from gloro_tf.geometric_projections._search import Search
from gloro_tf.geometric_projections.network import Network
from gloro_tf.geometric_projections.verdicts import NOT_ROBUST, Verdicts
from gloro_tf.types import ArrayLike, Norm

NORMS = ("l2", "linf")


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of `certify`, under its names."""

    keep_going: bool
    exact: bool
    lower_bound: bool
    max_regions: int
    seconds: float | None
    seconds_per_point: float | None
    batch_size: int | None
    memory: int

    def __post_init__(self):
        for name in ("max_regions", "seconds", "seconds_per_point", "batch_size", "memory"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"`{name}` must be positive. Received: {name}={value}")


def certify(
    model: keras.Model | Network,
    x: ArrayLike,
    epsilon: float,
    *,
    norm: Norm = "l2",
    keep_going: bool = True,
    exact: bool = True,
    lower_bound: bool = False,
    max_regions: int = 1_000_000,
    seconds: float | None = None,
    seconds_per_point: float | None = None,
    batch_size: int | None = None,
    memory: int = 2**30,
    verbose: int = 0,
) -> Verdicts:
    """Decides for each input whether every point within `epsilon` has the same label.

    A piecewise-linear network is linear on regions, one for each pattern of active units. From the
    region of an input the search crosses every unit's hyperplane that is within reach, and asks
    in each region whether the label's tie with another class is within reach too; distances are
    projections in closed form. Regions and facets that weak duality shows to lie outside of the
    ball are not visited. All inputs share one frontier, nearest regions first.

    The promise is about the function that the model's stored weights define in real arithmetic, on
    the whole ball, whether or not its points are images. All roundings of the float64 search are
    bounded and taken outwards. The Keras model computes in float32, and at points nearer to a
    tie than its own rounding it may answer differently.

    Args:
        model: a built `keras.Model`, a chain of `Dense`, `Conv1D`, `Conv2D`, average pooling,
            `BatchNormalization`, `Rescaling`, layers that move entries, and ReLU, leaky ReLU,
            `PReLU`, abs, `BetaAbs` or `MinMax`; a softmax at its end is left out. Or a `GloroModel`,
            whose logits are taken, or a `Network`.
        x: `(n, ...)` float array, which is rounded to float32 as Keras does.
        epsilon: float. Radius of the closed ball, in units of the input.
        norm: `"l2"` or `"linf"`. Defaults to `"l2"`.
        keep_going: bool. Whether to search on where a projection is not adversarial, instead of
            ending as `UNKNOWN` at once. Defaults to `True`.
        exact: bool. Whether to settle what is left open by solving, for each open region and class,
            for the nearest point that the other class wins. The search then always keeps going.
            Defaults to `True`, which decides all but ties and what a budget ends.
        lower_bound: bool. Whether to search on after an adversarial point was found, for the
            largest radius that can be certified. Defaults to `False`: the radius is then what was
            certain when the verdict fell.
        max_regions: int. Regions to look at for each input. Defaults to 1,000,000.
        seconds: float. Time for all inputs together. Defaults to no limit.
        seconds_per_point: float. Time for each input: its share of the batches that it was in.
            Defaults to no limit.
        batch_size: int. Regions evaluated at once. Defaults to what takes about 8 MiB.
        memory: int. Bytes for regions that wait; the farthest beyond that go to a temporary file.
            Those that were looked at are kept. Defaults to 1 GiB.
        verbose: int. 1 shows a progress bar. Defaults to 0.

    Ctrl-C ends the search after the batch in hand; what is not decided by then is `TIMED_OUT`,
    with the radius so far.

    Returns:
        `Verdicts(status, radius, adversarial)`.

    Raises:
        NotPiecewiseLinearError: for smooth or unknown layers, or a graph that is no chain.
        ValueError: for inputs of another shape or not finite, or arguments out of range.

    Example:

    ```python
    verdicts = gloro_tf.geometric_projections.certify(model, x, epsilon=0.25)
    print(verdicts.counts())
    ```

    Reference:
        [Fromherz et al., Fast Geometric Projections for Local Robustness Certification](
        https://arxiv.org/abs/2002.04742). The pruning by weak duality and the exact resolution are
        additions.
    """
    options = Options(
        keep_going, exact, lower_bound, max_regions, seconds, seconds_per_point, batch_size, memory
    )
    epsilon = _check_ball(epsilon, norm)
    network = model if isinstance(model, Network) else Network.of(model)
    x = _check_inputs(x, network)
    flat = x.reshape(len(x), network.inputs).astype("float64")
    search = Search(Evaluator(network, norm), flat, epsilon, options)
    search.run(_Progress(len(x)) if verbose else lambda search: None)
    found = search.status == NOT_ROBUST
    points = np.where(found[:, None], search.witnesses.point, np.nan)
    return Verdicts.of(
        search.status,
        search.radius,
        points.reshape(x.shape),
        label=search.label,
        distance=np.where(found, search.witnesses.distance, np.inf),
        regions=search.regions,
    )


def _check_ball(epsilon, norm):
    if norm not in NORMS:
        raise ValueError(f"`norm` must be one of {NORMS}. Received: norm={norm!r}")
    epsilon = float(epsilon)
    if not 0 < epsilon < math.inf:
        raise ValueError(
            "`epsilon` must be a positive radius in the units of the input. Received: "
            f"epsilon={epsilon}"
        )
    return epsilon


def _check_inputs(x, network):
    x = np.asarray(x)
    if x.dtype.kind not in "fiub" or x.shape[1:] != network.input_shape:
        raise ValueError(
            f"`x` must have the shape (n, {', '.join(map(str, network.input_shape))}) of the "
            f"model's inputs, and numbers. Received: x.shape={x.shape} of dtype {x.dtype}"
        )
    x = x.astype("float32")
    if not np.all(np.isfinite(x)):
        raise ValueError("`x` must be finite. Received: NaN or infinite values.")
    return x


class _Progress:
    """A bar of inputs decided, with the regions looked at."""

    def __init__(self, count):
        self.bar = keras.utils.Progbar(
            count, interval=0.5, unit_name="input", stateful_metrics=["regions"]
        )

    def __call__(self, search):
        decided = int((search.status != "").sum())
        ended = decided == search.count
        self.bar.update(decided, [("regions", int(search.regions.sum()))], finalize=ended)
