"""Training with everything on the device: data, augmentation, and many steps in one call (JAX)."""

import keras
import numpy as np

from gloro_tf.callbacks.scheduler import Scheduler
from gloro_tf.data.on_device import on_device


class Resident:
    """Runs the steps of a compiled model, data and augmentation inside one JAX program.

    The uint8 images lie on the device. A call loops over many steps: each gathers its rows, divides
    by 255, augments, sets the scheduled values, and does what Keras' own `train_step` does. What a
    step sees depends on the seed and its number only, so a run that is killed at the end of an
    epoch continues exactly. float32 products use full precision (no TF32).

    Args:
        model: a compiled `GloroModel`, on the JAX backend.
        images: `(n, height, width, channels)` uint8 or float array.
        labels: `(n,)` integers.
        batch_size: int. The remainder of an epoch is left out.
        augmentation: str. As in `gloro_tf.data.on_device`.
        seed: int.
        schedules: list of schedule callbacks (`gloro_tf.callbacks`).
        steps_per_call: int. At most; an epoch is cut into as few calls, and as even ones, as can be.
    """

    def __init__(
        self, model, images, labels, batch_size, augmentation, seed, schedules, steps_per_call=64
    ):
        if keras.backend.backend() != "jax":
            raise ValueError(
                "`resident` training needs the JAX backend. Received: "
                f"{keras.backend.backend()}. Set KERAS_BACKEND=jax, or leave it off."
            )
        import jax
        import jax.numpy as jnp

        self.model, self.schedules = model, schedules
        self.steps, self.batch_size = len(labels) // batch_size, batch_size
        calls = max(1, -(-self.steps // steps_per_call))
        self.per_call = -(-self.steps // calls)
        self._images, self._labels = jnp.asarray(images), jnp.asarray(labels, "int32")
        self._augment = on_device(augmentation)
        self._key = jax.random.key(seed)
        model.optimizer.build(model.trainable_variables)
        model._symbolic_build(data_batch=(self._images[:2] / 255.0, self._labels[:2]))
        self._slots = [self._slot(schedule.variable(model)) for schedule in schedules]
        self._call = jax.jit(self._many_steps, donate_argnums=0)
        self._order = jax.jit(lambda key: jax.random.permutation(key, len(labels)))

    def _groups(self):
        model = self.model
        return (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )

    def _slot(self, variable):
        """Where in the state a variable lies: `(group, index)`."""
        for group, variables in enumerate(self._groups()):
            for index, candidate in enumerate(variables):
                if candidate is variable:
                    return group, index
        raise ValueError(f"The schedule of '{variable.path}' moves no variable of the model.")

    def _many_steps(self, state, images, labels, count, orders, numbers, values):
        """The first `count` of the steps given; a shorter call needs no program of its own."""
        import jax
        import jax.numpy as jnp

        scale = 1 / 255.0 if images.dtype == jnp.uint8 else 1.0

        def step(state, given):
            rows, number, scheduled = given
            state = [list(group) for group in state]
            for (group, index), value in zip(self._slots, scheduled, strict=True):
                state[group][index] = value.astype(state[group][index].dtype)
            batch = jnp.take(images, rows, axis=0).astype("float32") * scale
            batch = self._augment(batch, jax.random.fold_in(self._key, number))
            logs, state = self.model.train_step(
                tuple(state), (batch, jnp.take(labels, rows, axis=0), None)
            )
            return tuple(list(group) for group in state), logs

        def numbered(index, carried):
            given = jax.tree.map(lambda rows: rows[index], (orders, numbers, values))
            return step(carried[0], given)

        first = jax.tree.map(lambda rows: rows[0], (orders, numbers, values))
        logs = jax.tree.map(
            lambda like: jnp.zeros(like.shape, like.dtype), jax.eval_shape(step, state, first)[1]
        )
        return jax.lax.fori_loop(0, count, numbered, (state, logs))

    def run_epoch(self, epoch, epochs, progress=lambda step, logs: None):
        """Trains one epoch; returns its logs. `progress(step, logs)` is called after each call."""
        import jax
        import jax.numpy as jnp

        self.model.reset_metrics()
        # Copies: the program takes its state's buffers, and an interrupted epoch must not cost
        # the variables theirs.
        state = tuple([jnp.array(v.value, copy=True) for v in group] for group in self._groups())
        order = self._order(jax.random.fold_in(self._key, 2**31 + epoch))
        order = order[: self.steps * self.batch_size].reshape(self.steps, self.batch_size)
        logs = {}
        for start in range(0, self.steps, self.per_call):
            end = min(start + self.per_call, self.steps)
            chunk = np.minimum(np.arange(start, start + self.per_call), self.steps - 1)
            values = [
                [s.value_at(epoch + i / self.steps, epochs) for s in self.schedules] for i in chunk
            ]
            values = np.asarray(values, "float32").reshape(len(chunk), len(self.schedules))
            numbers = (epoch * self.steps + chunk).astype("uint32")
            with jax.default_matmul_precision("highest"):
                state, found = self._call(
                    state,
                    self._images,
                    self._labels,
                    end - start,
                    order[chunk],
                    numbers,
                    values,
                )
            logs = {name: float(value) for name, value in found.items()}
            progress(end, logs)
        for variables, group in zip(self._groups(), state, strict=True):
            for variable, value in zip(variables, group, strict=True):
                variable.assign(value)
        return logs

    def fit(self, epochs, initial_epoch=0, validation_data=None, callbacks=(), verbose=1):
        """Trains like `fit`, with callbacks at the ends of epochs; returns a Keras `History`."""
        history = keras.callbacks.History()
        listed = keras.callbacks.CallbackList(
            [*callbacks, history],
            model=self.model,
            epochs=epochs,
            steps=self.steps,
            verbose=verbose,
        )
        self.model.stop_training, logs = False, {}
        listed.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            listed.on_epoch_begin(epoch)
            logs = self.run_epoch(
                epoch, epochs, lambda step, logs: listed.on_train_batch_end(step - 1, logs)
            )
            for callback in callbacks:
                if isinstance(callback, Scheduler):
                    callback.on_train_batch_begin(self.steps - 1)
            if validation_data is not None:
                found = self.model.evaluate(*validation_data, verbose=0, return_dict=True)
                logs |= {f"val_{name}": value for name, value in found.items()}
            listed.on_epoch_end(epoch, logs)
            if self.model.stop_training:
                break
        if getattr(self.model.optimizer, "use_ema", False):
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        listed.on_train_end(logs)
        return history
