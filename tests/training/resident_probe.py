"""Run under KERAS_BACKEND=jax by test_resident.py; prints "ok" where everything holds."""

import json
import pathlib
import sys

import jax
import keras
import numpy as np

import gloro_tf
from gloro_tf.callbacks import EpsilonSchedule, LearningRateSchedule
from gloro_tf.data.on_device import OPERATIONS, on_device
from gloro_tf.training import Recipe, run
from gloro_tf.training.resident import Resident

RATE, EPSILON = LearningRateSchedule("0.5 linear 100% 1", 0.1), EpsilonSchedule("0.3 linear 100% 1")


def small_model(seed=0, dtype=None):
    keras.utils.set_random_seed(seed)
    net = gloro_tf.models.LiResNet(1, 4, (8, 8, 1), 3, dense_width=8, dense_depth=1, dtype=dtype)
    model = gloro_tf.GloroModel(model=net, epsilon=0.2)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss="emma")
    return model


def data(n=32):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, 8, 8, 1)).astype("uint8"), rng.integers(0, 3, n)


def a_step_is_keras_own():
    """One scanned epoch equals the same batches given to `train_on_batch`, one by one."""
    x, y = data()
    scanned, stepped = small_model(), small_model()
    trainer = Resident(scanned, x, y, 8, "none", 5, [EPSILON, RATE], steps_per_call=3)
    order = np.asarray(trainer._order(jax.random.fold_in(trainer._key, 2**31 + 1)))
    scanned_logs = trainer.run_epoch(1, 2)
    with jax.default_matmul_precision("highest"):
        for step in range(4):
            rows = order[8 * step : 8 * step + 8]
            stepped.epsilon_scale.assign(EPSILON.value_at(1 + step / 4, 2))
            stepped.optimizer.learning_rate = RATE.value_at(1 + step / 4, 2)
            stepped.train_on_batch(x[rows].astype("float32") / 255, y[rows])
    for a, b in zip(scanned.get_weights(), stepped.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
    assert set(scanned_logs) == {"loss", "clean_accuracy", "vra"}
    assert any(
        np.abs(a - b).max() > 1e-3
        for a, b in zip(scanned.get_weights(), small_model().get_weights(), strict=True)
    )


def calls_are_few_and_even():
    """97 steps, as CIFAR-10 has in batches of 512, are two calls: a prime is no reason for 97."""
    x, y = data(97)
    trainer = Resident(small_model(), x, y, 1, "none", 5, [EPSILON, RATE])
    assert trainer.steps == 97 and trainer.per_call == 49
    ends = []
    trainer._call = lambda state, *given: ends.append(int(given[2])) or (state, {})
    trainer.run_epoch(0, 1)
    assert ends == [49, 48]


def every_word_stays_in_range():
    x = np.random.default_rng(0).random((6, 8, 8, 3)).astype("float32")
    key = jax.random.key(0)
    for word in OPERATIONS:
        amount = {"flip": "", "crop": ".2", "shift": ".2", "cutout": ".4", "rotate": ".20"}
        name = word + amount.get(word, ".0.3" if word not in ("shear",) else ".10")
        y = np.asarray(jax.jit(on_device(name))(x, key))
        assert y.shape == x.shape and 0 <= y.min() and y.max() <= 1 and np.any(y != x), word
    moved = np.asarray(on_device("shift.1")(x, key))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for image, candidates in zip(moved, padded, strict=True):
        windows = [candidates[i : i + 8, j : j + 8] for i in range(3) for j in range(3)]
        assert any(np.array_equal(image, w) for w in windows)
    np.testing.assert_allclose(on_device("rotate.0")(x, key), x, atol=1e-5)
    np.testing.assert_array_equal(on_device("none")(x, key), x)
    for bad in ("flip+mixup.2",):
        try:
            on_device(bad)
            raise AssertionError
        except ValueError as error:
            assert "augmentation" in str(error)


def runs_resume_exactly(folder):
    recipe = Recipe(
        model="cholesky_mlp.1x8", epochs=3, augmentation="shift.1", ema=0.5, validation=0.0
    )
    keywords = dict(resident=True, checkpoint_seconds=0, verbose=0)
    whole = run(recipe, folder / "whole", **keywords)

    class Killed(Exception):
        pass

    def kill(epoch, logs):
        if epoch == 1:
            raise Killed

    from gloro_tf.training import run as module

    original = sys.modules["gloro_tf.training.run"].followers
    sys.modules["gloro_tf.training.run"].followers = lambda *a: [
        *original(*a),
        keras.callbacks.LambdaCallback(on_epoch_end=kill),
    ]
    try:
        module(recipe, folder / "killed", **keywords)
        raise AssertionError
    except Killed:
        pass
    sys.modules["gloro_tf.training.run"].followers = original
    again = run(recipe, folder / "killed", **keywords)
    assert again["test"] == whole["test"]
    first, second = (
        keras.saving.load_model(folder / name / "model.keras").logits_model.get_weights()
        for name in ("whole", "killed")
    )
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def a_budget_fixes_the_epochs(folder):
    recipe = Recipe(model="cholesky_mlp.1x8", epochs=3, validation=0.0)
    report = run(recipe, folder / "b", resident=True, time_budget=0.01, verbose=0)
    epochs = report["recipe"]["epochs"]
    assert epochs != 3
    assert json.loads((folder / "b" / "recipe.json").read_text())["epochs"] == epochs


def sixteen_bits_train():
    x, y = data()
    model = small_model(dtype="mixed_bfloat16")
    trainer = Resident(model, x, y, 8, "shift.1", 5, [EPSILON, RATE])
    history = trainer.fit(3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


if __name__ == "__main__":
    here, part = pathlib.Path(sys.argv[1]), sys.argv[2]
    if part == "step":
        a_step_is_keras_own()
        calls_are_few_and_even()
        every_word_stays_in_range()
    else:
        sixteen_bits_train()
        runs_resume_exactly(here)
        a_budget_fixes_the_epochs(here)
    print("ok")
