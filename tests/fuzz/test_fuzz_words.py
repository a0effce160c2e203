"""Schedules, augmentations, losses and architectures by name: a value, or a refusal that helps."""

import math

import keras
import numpy as np
import pytest
from fuzzing import NUMBERS, answer, edited, fuzz
from hypothesis import strategies as st

import gloro_tf
from gloro_tf.callbacks import Schedule

SCHEDULES = ("0.1 linear 50% 1.5", "1 constant 50% 1 exponential 100% 0.001", "0 log 5 1", "1.0")
SHAPES = ("constant", "linear", "cosine", "exponential", "log", "50%", "100%", "5", *NUMBERS)
AUGMENTATIONS = ("flip+crop.4+cutout.8", "standard", "rotate.15+zoom.0.1", "randaugment.9", "none")
LOSSES = ("emma.0.5", "trades_kl.1.5", "sparse_crossentropy.2", "margin", "logit_annealing")
MODELS = ("2C2F.relu", "cholesky_mlp.2x16", "liresnet.2x8.1x16", "liresnet_neurips.2x8", "4C3F")
SIZES = ("2", "16", "3x8", "0", "x", "9" * 9, "9" * 5000, "٣", "²", "-1", "relu", "minmax")
IMAGES = np.random.default_rng(0).random((2, 4, 4, 1), "float32")


@fuzz(400, text=edited(*SCHEDULES, pieces=SHAPES), epochs=st.integers(1, 40) | st.just(10**9))
def test_a_schedule_stays_between_its_values(text, epochs):
    schedule = answer(Schedule, text, says=("Not a schedule", "Write e.g."))
    if schedule is None:
        return
    ends = answer(schedule.turning_points, epochs, says=("must",))
    if ends is None:
        return
    words = schedule.text.split()
    values = [float(words[0]), *map(float, words[3::3])]
    for epoch in (0, 1e-9, 0.5, *ends, *(math.nextafter(end, 0) for end in ends), 2 * epochs):
        assert min(values) <= schedule(epoch, epochs) <= max(values)


@fuzz(200, text=edited(*AUGMENTATIONS, pieces=(*NUMBERS, "flip", "crop", "+", "shear", "noise")))
def test_augmentations_keep_shape_and_range(text):
    found = answer(gloro_tf.data.augmentation.get, text, says=("Received: ",))
    if found is not None:
        images = found(IMAGES, np.random.default_rng(0))
        assert images.shape == IMAGES.shape and images.dtype == np.float32
        assert images.min() >= 0 and images.max() <= 1


@fuzz(150, text=edited(*LOSSES))
def test_losses_are_finite(text):
    loss = answer(gloro_tf.losses.get, text, says=("Received: ",))
    if loss is None:
        return
    width = 3 if isinstance(loss, gloro_tf.losses.MarginLoss) else 0
    scores = np.linspace(-1, 1, 3 + (width or 1), dtype="float32")[None]
    value = float(loss(np.array([1]), scores))
    assert math.isfinite(value), (text, value)


@pytest.mark.parametrize("given", [3, ["emma"], {"class_name": "Nothing"}, {}])
def test_losses_of_another_kind_are_refused(given):
    with pytest.raises(ValueError, match="`loss` must be") as error:
        gloro_tf.losses.get(given)
    assert "Received: loss=" in str(error.value)


SHAPE = st.sampled_from(((8, 8, 1), (6, 4, 2), (8,), (1, 1, 1), (0, 4, 1), (None, 4, 1), "8x8", 3))


@fuzz(
    12, text=edited(*MODELS, pieces=SIZES), shape=SHAPE, classes=st.sampled_from((3, 3, 2, 1, -1))
)
def test_architectures_are_built_or_refused(text, shape, classes):
    model = answer(gloro_tf.models.build, text, shape, classes, says=("Received: ",))
    if model is not None:
        assert model.output_shape == (None, classes)
    keras.backend.clear_session()


@pytest.mark.parametrize("given", [None, 3, ["2C2F"], ""])
def test_architectures_that_are_no_names(given):
    with pytest.raises(ValueError, match="`model` must be one of"):
        gloro_tf.models.build(given, (8, 8, 1), 3)


@fuzz(100, text=edited("rtk.3", "affinity.cifar10_fine", ""))
def test_relaxations(text):
    answer(gloro_tf.models.wrapper, text, says=("`relaxation`", "Received: "))
