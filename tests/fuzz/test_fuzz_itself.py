"""The checks of the fuzz tests can fail."""

import json
import time

import hypothesis
import numpy as np
import pytest
from fuzzing import answer, edited, edited_tree, fuzz, limit
from hypothesis import strategies as st

from gloro_tf.callbacks import Schedule


def test_an_error_of_another_kind_is_not_a_refusal():
    with pytest.raises(KeyError):
        answer({}.__getitem__, "recipe")


@pytest.mark.parametrize("call", [lambda: np.zeros(3).reshape(2, 2), lambda: json.loads("{")])
def test_an_error_from_what_we_call_is_not_a_refusal(call):
    with pytest.raises(AssertionError, match="raised in"):
        answer(call)


def test_a_refusal_must_say_what_was_received():
    assert answer(Schedule, "1 liner 5 2", says=("Not a schedule", "'1 liner 5 2'")) is None
    with pytest.raises(AssertionError, match="'`schedule`' is not in"):
        answer(Schedule, "1 liner 5 2", says=("`schedule`",))


def test_what_hangs_is_stopped():
    with pytest.raises(AssertionError, match="still not done after 0.05 s"), limit(0.05):
        time.sleep(5)


def test_a_planted_bug_is_found_within_a_short_test():
    @fuzz(100, text=edited("0.1 linear 50% 1.5"))
    def lenient(text):
        assert "50%" in text or text.count(" ") != 3

    with pytest.raises(AssertionError):
        lenient(rounds=1)


def test_edits_leave_the_right_text_and_tree_alone():
    tree = {"a": [1, {"b": 2}]}
    found = hypothesis.find(edited_tree(tree, st.just("new")), lambda t: t == {"a": [1, "new"]})
    assert found == {"a": [1, "new"]} and tree == {"a": [1, {"b": 2}]}
    assert hypothesis.find(edited("1 linear 5 2"), lambda t: t == "1 linear 5 2")
