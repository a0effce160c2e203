"""How a certified model is saved: Keras' own format, and presets."""

from __future__ import annotations

from typing import Any, Self

import keras
from keras import ops

from gloro_tf.models import preset
from gloro_tf.models._part import Part
from gloro_tf.types import Config, PathLike


class Saving(Part):
    """The part of `GloroModel` that writes it and reads it back."""

    def save_to_preset(self, folder: PathLike) -> None:
        """Writes `config.json`, `model.weights.npz` and `SHA256SUMS`; see `from_preset`.

        Args:
            folder: path. It is made if it is not there.
        """
        preset.save_to_preset(self, folder)

    @classmethod
    def from_preset(cls, folder: PathLike) -> Any:
        """Loads a folder of `save_to_preset`, frozen if it was, after checking its SHA-256 sums.

        Args:
            folder: path of what `save_to_preset` wrote.

        Returns:
            The model, of the class that was saved.
        """
        return preset.load_preset(folder)

    def get_compile_config(self) -> Config:
        config = super().get_compile_config()
        if config and self.optimizer is not None:
            config["optimizer_is_built"] = self.optimizer.built
        return config

    def compile_from_config(self, config: Config) -> None:
        was_built = config.pop("optimizer_is_built", True)
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and was_built:
            self.optimizer.build(self.trainable_variables)

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        self._set_frozen(bool(ops.convert_to_numpy(self._frozen_flag)))

    def get_config(self) -> Config:
        return {
            "name": self.name,
            "epsilon": self.epsilon,
            "power_iterations": self.power_iterations,
            "model": keras.saving.serialize_keras_object(self.logits_model),
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: Config | None = None) -> Self:
        arguments = {k: v for k, v in config.items() if k != "model"}
        net = keras.saving.deserialize_keras_object(config["model"], custom_objects)
        return cls(model=net, **arguments)
