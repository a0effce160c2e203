"""How a certified model is saved: Keras' own format, and presets."""

import keras
from keras import ops

from gloro_tf.models import preset


class Saving:
    """The part of `GloroModel` that writes it and reads it back."""

    def save_to_preset(self, folder):
        """Writes `config.json`, `model.weights.npz` and `SHA256SUMS`; see `from_preset`."""
        preset.save_to_preset(self, folder)

    @classmethod
    def from_preset(cls, folder):
        """Loads a folder of `save_to_preset`, frozen if it was, after checking its SHA-256 sums."""
        return preset.load_preset(folder)

    def get_compile_config(self):
        config = super().get_compile_config()
        if config and self.optimizer is not None:
            config["optimizer_is_built"] = self.optimizer.built
        return config

    def compile_from_config(self, config):
        was_built = config.pop("optimizer_is_built", True)
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and was_built:
            self.optimizer.build(self.trainable_variables)

    def load_own_variables(self, store):
        super().load_own_variables(store)
        self._set_frozen(bool(ops.convert_to_numpy(self._frozen_flag)))

    def get_config(self):
        return {
            "name": self.name,
            "epsilon": self.epsilon,
            "power_iterations": self.power_iterations,
            "model": keras.saving.serialize_keras_object(self.logits_model),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        arguments = {k: v for k, v in config.items() if k != "model"}
        net = keras.saving.deserialize_keras_object(config["model"], custom_objects)
        return cls(model=net, **arguments)
