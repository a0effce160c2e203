"""The language of schedules."""

import numpy as np
import pytest

from gloro_tf.callbacks import Schedule

SHAPES = ("linear", "cosine", "exponential", "log")


def values(text, epochs=20, points=400):
    return [Schedule(text)(position, epochs) for position in np.linspace(0, epochs, points)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ends", [(0.1, 1.5), (1.5, 0.1), (0.3, 0.1), (1e-3, 0.7)])
def test_end_values_are_exact_and_the_way_is_monotone(shape, ends):
    first, last = ends
    schedule = Schedule(f"{first} {shape} 7 {last}")
    assert schedule(0, 20) == first
    assert schedule(7, 20) == last and schedule(20, 20) == last
    steps = np.diff(values(schedule.text)) * np.sign(last - first)
    assert (steps >= 0).all() and steps.max() > 0
    assert min(ends) <= min(values(schedule.text)) and max(values(schedule.text)) <= max(ends)


def test_constant_holds_and_then_jumps():
    schedule = Schedule("1 constant 50% 0.1 constant 75% 0.01")
    assert [schedule(e, 8) for e in (0, 3.99, 4, 5.99, 6, 8)] == [1, 1, 0.1, 0.1, 0.01, 0.01]


def test_shapes_at_their_middle():
    assert Schedule("0 linear 10 1")(5, 20) == 0.5
    assert Schedule("0 cosine 10 1")(5, 20) == pytest.approx(0.5)
    assert Schedule("1 exponential 10 0.01")(5, 20) == pytest.approx(0.1)
    assert Schedule("0 log 10 1")(5, 20) > 0.55


def test_segments_chain_and_mix_epochs_with_percentages():
    schedule = Schedule("0 linear 5 1 cosine 100% 0")
    assert schedule.turning_points(20) == [5, 20]
    assert schedule(2.5, 20) == 0.5 and schedule(5, 20) == 1 and schedule(20, 20) == 0
    assert schedule(12.5, 20) == pytest.approx(0.5)


@pytest.mark.parametrize("percent", range(1, 100))
def test_a_percentage_that_is_a_whole_epoch_is_met_exactly(percent):
    assert Schedule(f"0.1 linear {percent}% 1.5")(percent, 100) == 1.5


def test_mixed_times_must_increase_in_the_actual_run():
    schedule = Schedule("0 linear 5 1 cosine 50% 0")
    assert schedule.turning_points(20) == [5, 10]
    for epochs in (10, 6):
        with pytest.raises(ValueError, match=f"in {epochs} epochs .* must increase; train longer"):
            schedule.turning_points(epochs)
        with pytest.raises(ValueError, match="must increase"):
            schedule(1, epochs)


def test_an_end_beyond_the_run_is_approached():
    assert Schedule("0 linear 10 1")(4, 4) == 0.4


def test_numbers_are_schedules():
    assert Schedule(1.5)(3, 7) == 1.5
    assert Schedule(" 2 ") == Schedule("2")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it must be VALUE"),
        ("0.1 linear", "it must be VALUE"),
        ("0.1 liner 50% 1", "did you mean 'linear'"),
        ("0.1 linear 50% one", "'one' is not a number"),
        ("nan", "'nan' is not a number"),
        ("0.1 linear inf 1", "'inf' is not a number"),
        ("0.1 linear 50%% 1", "'50%' is not a number"),
        ("0 exponential 50% 1", "positive values"),
        ("1 exponential 50% -1", "positive values"),
        ("0 linear 0 1", "times must be positive"),
        ("0 linear -5 1", "times must be positive"),
        ("0 linear 120% 1", "at most 100%"),
        ("0 linear 50% 1 linear 50% 0", "times must increase"),
        ("0 linear 9 1 linear 3 0", "times must increase"),
    ],
)
def test_errors_say_what_is_wrong(text, reason):
    with pytest.raises(ValueError, match="Not a schedule") as error:
        Schedule(text)
    assert reason in str(error.value)
    assert repr(text.strip()) in str(error.value) and "Write e.g." in str(error.value)
