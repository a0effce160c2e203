"""Local robustness of piecewise-linear networks, for whole batches of inputs."""

import dataclasses

import keras
import numpy as np

from gloro_tf.data import check_images
from gloro_tf.geometric_projections._regions import Evaluator
from gloro_tf.geometric_projections._search import Search
from gloro_tf.geometric_projections.network import Network
from gloro_tf.geometric_projections.verdicts import Verdicts


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of `certify`, checked."""

    keep_going: bool
    exact: bool
    tight: bool
    max_regions: int
    seconds: float
    seconds_per_point: float
    batch_size: int
    memory: int
    steps: int


def certify(
    model,
    x,
    epsilon,
    *,
    norm="l2",
    keep_going=True,
    exact=True,
    lower_bound=False,
    max_regions=1_000_000,
    seconds=None,
    seconds_per_point=None,
    batch_size=None,
    memory=2**30,
    steps=8,
    verbose=0,
):
    network = model if isinstance(model, Network) else Network.of(model)
    x = np.asarray(x, "float32")
    flat = x.reshape(len(x), -1).astype("float64")
    options = Options(
        keep_going, exact, lower_bound, max_regions, seconds, seconds_per_point, batch_size, memory,
        steps,
    )
    search = Search(Evaluator(network, norm), flat, float(epsilon), options)
    search.run()
    found = search.status == "NOT_ROBUST"
    adversarial = np.where(found[:, None], search.witnesses.point, np.nan)
    v = Verdicts.of(
        search.status, search.radius, adversarial.reshape(x.shape),
        label=search.label, distance=search.witnesses.distance, regions=search.regions,
    )
    v.search = search
    return v
