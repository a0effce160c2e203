"""A set of training choices."""

import dataclasses
import difflib
import importlib.util
import math
import pathlib
from typing import Self

import keras

from gloro_tf import losses, models
from gloro_tf.callbacks import Schedule
from gloro_tf.data import augmentation as augmentations
from gloro_tf.types import PathLike

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "nadam": keras.optimizers.Nadam,
    "sgd": lambda rate, **kwargs: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **kwargs),
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run computes; equal recipes give equal weights.

    Args:
        dataset: str. As in `gloro_tf.data.load`.
        model: str. As in `gloro_tf.models.build`.
        epsilon: float. The radius to certify, L2, pixels in [0, 1].
        loss: str. As in `gloro_tf.losses.get`.
        relaxation: str. `""` for `GloroModel`; `"rtk.K"` for `RTKModel` with `k=K`;
            `"affinity.NAME"` for `AffinityModel` with a shipped collection of sets.
        epochs, batch_size, seed: int.
        optimizer: `"adam"`, `"adamw"`, `"nadam"` or `"sgd"` (Nesterov momentum 0.9).
        learning_rate: float. What `learning_rate_schedule` multiplies.
        learning_rate_schedule, epsilon_schedule, trades_schedule: str. As in
            `gloro_tf.callbacks.Schedule`. The last sets a TRADES loss' weight; `""` leaves it.
        augmentation: str. As in `gloro_tf.data.augmentation.get`.
        clip_norm: float. Global gradient norm to clip at; 0 for none.
        weight_decay: float. Decoupled decay of the weights, times the learning rate; 0 for none.
        ema: float. Momentum of an exponential average of the weights, which replaces them when
            training ends (`0.999`); 0 for none.
        power_iterations: int. Per training step.
        validation: float. Fraction of the training images held out to watch progress on.
        image_size: int. Side to which folders of images are resized; 0 keeps theirs.

    Raises:
        ValueError: naming the field, the value received and what is possible.
    """

    dataset: str = "digits"
    model: str = "cholesky_mlp.2x256"
    epsilon: float = 0.3
    loss: str = "emma.0.2"
    relaxation: str = ""
    epochs: int = 80
    batch_size: int = 128
    optimizer: str = "adam"
    learning_rate: float = 3e-3
    learning_rate_schedule: str = "0.1 linear 5% 1 cosine 100% 0"
    epsilon_schedule: str = "0.1 linear 50% 1.1"
    trades_schedule: str = ""
    augmentation: str = "none"
    clip_norm: float = 0.0
    weight_decay: float = 0.0
    ema: float = 0.0
    power_iterations: int = 2
    validation: float = 0.1
    image_size: int = 0
    seed: int = 0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            kinds = (int, float) if field.type is float else field.type
            right = isinstance(value, kinds) and not isinstance(value, bool)
            _require(right, field.name, value, f"of type {field.type.__name__}")
            if field.type is int:
                _require(value < 2**31, field.name, value, "below 2**31")
        for field in ("epochs", "batch_size"):
            _require(getattr(self, field) >= 1, field, getattr(self, field), "at least 1")
        for field in ("epsilon", "learning_rate"):
            value = getattr(self, field)
            _require(1e-37 < value < 1e38, field, value, "positive and finite, in float32 too")
        for field in ("clip_norm", "weight_decay", "image_size", "seed", "power_iterations"):
            _require(getattr(self, field) >= 0, field, getattr(self, field), "at least 0")
        for field in ("clip_norm", "weight_decay"):
            _require(math.isfinite(getattr(self, field)), field, getattr(self, field), "finite")
        for field in ("validation", "ema"):
            _require(0 <= getattr(self, field) < 1, field, getattr(self, field), "in [0, 1)")
        _require_one_of(OPTIMIZERS, "optimizer", self.optimizer)
        models.wrapper(self.relaxation)
        loss = losses.get(self.loss)
        augmentations.get(self.augmentation)
        for field in ("learning_rate_schedule", "epsilon_schedule", "trades_schedule"):
            self._check_schedule(field)
        if self.trades_schedule and not isinstance(loss, losses.Trades):
            must = f"empty for loss={self.loss!r}, which has no weight to move"
            _require(False, "trades_schedule", self.trades_schedule, must)

    def _check_schedule(self, field):
        text = getattr(self, field)
        if field == "trades_schedule" and not text:
            return
        try:
            Schedule(text).turning_points(self.epochs)
        except ValueError as error:
            raise ValueError(f"`{field}` is wrong. {error}") from None

    @classmethod
    def load(cls, name: PathLike) -> Self:
        """Reads `RECIPE` from a Python file.

        Args:
            name: a path that ends in `.py`.

        Returns:
            `Recipe`.

        Raises:
            FileNotFoundError: where there is no such file.
            ValueError: for a file that sets no `RECIPE`.
        """
        path = pathlib.Path(name)
        if not path.is_file():
            raise FileNotFoundError(f"`recipe` must be a file. Received: recipe={str(path)!r}")
        recipe = getattr(_executed(path), "RECIPE", None)
        if not isinstance(recipe, cls):
            raise ValueError(
                f"`recipe` must be a file that sets RECIPE to a `gloro_tf.training.Recipe`. "
                f"Received: recipe={str(path)!r} with RECIPE={recipe!r}"
            )
        return recipe

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """Returns the optimiser; schedules move its learning rate."""
        kwargs = {"global_clipnorm": self.clip_norm} if self.clip_norm else {}
        if self.weight_decay or self.optimizer == "adamw":
            kwargs["weight_decay"] = self.weight_decay
        if self.ema:
            kwargs |= {"use_ema": True, "ema_momentum": self.ema}
        return OPTIMIZERS[self.optimizer](self.learning_rate, **kwargs)


def _executed(path):
    """The module that a file is; what goes wrong in it is an error that names the file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ValueError(
            f"`recipe` must be a Python file that runs. Received: recipe={str(path)!r}, which ends "
            f"with {type(error).__name__}: {error}. Mend that file."
        ) from error
    return module


def _require(condition, field, value, must, hint=""):
    if not condition:
        raise ValueError(f"`{field}` must be {must}. Received: {field}={value!r}.{hint}")


def _require_one_of(names, field, value):
    close = difflib.get_close_matches(value, names, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    _require(value in names, field, value, f"one of {sorted(names)}", hint)
