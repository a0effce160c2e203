"""Postconditions: what they mean, and mistakes of writing them."""

import json

import brute_force
import numpy as np
import pytest
from deciding import satisfied

from gloro_tf.self_correcting import (
    Always,
    Box,
    LinearLE,
    Normalizer,
    Outputs,
    PredictedIn,
    Property,
    SafeOrdering,
    SelfCorrectingLayer,
    chain,
)
from gloro_tf.self_correcting._combinations import Combinations
from gloro_tf.self_correcting.normal_form import alternatives
from gloro_tf.self_correcting.outputs import expression_from_config

Y = Outputs(5, names=["COC", "WL", "WR", "SL", "SR"])


def test_normal_form_keeps_the_meaning():
    rng = np.random.default_rng(0)
    kinds = set()
    for _ in range(300):
        m = int(rng.integers(2, 6))
        every, y = brute_force.permutations(m), Outputs(m)
        post, decide = brute_force.random_post(rng, y, 3)
        for score, sign in (("max", 1), ("min", -1)):
            found = alternatives(post, score)
            np.testing.assert_array_equal(satisfied(found, sign * every), decide(every))
            tops = np.any([a.tops() for a in found], axis=0) if found else np.zeros(m, "bool")
            expected = np.isin(np.arange(m), (sign * every)[decide(every)].argmax(1))
            np.testing.assert_array_equal(tops, expected)
            kinds.add(len(found))
        again = expression_from_config(json.loads(json.dumps(post.to_config())), m)
        assert again.to_config() == post.to_config()
    assert kinds >= {0, 1, 2, 3}


def test_frequent_shapes_count_once():
    """However they are written."""
    others = [Y[j] for j in range(1, 5)]
    not_best = Y[0] < others[0]
    for other in others[1:]:
        not_best = not_best | (Y[0] < other)
    best = (Y[1] < Y[0]) & (Y[2] < Y[0]) & (Y[3] < Y[0]) & (Y[4] < Y[0])
    for post in (
        not_best,
        ~Y["COC"].is_max(),
        best,
        Y["COC"].is_max() | Y["WL"].is_max(),
        ~Y[3].is_max() & ~Y[4].is_max(),
        Y.above([0, 1], [2, 3, 4]),
        chain(Y[0], Y[1], Y[2]),
    ):
        assert len(alternatives(post)) == len(alternatives(post, "min")) == 1


def test_mistakes_of_writing():
    with pytest.raises(TypeError, match=r"chain\(a, b, c\)"):
        _ = Y[0] < Y[1] < Y[2]
    with pytest.raises(TypeError, match="Put each comparison in parentheses"):
        _ = Y[0] < Y[1] | Y[1] < Y[2]
    with pytest.raises(TypeError, match="Use `&`"):
        assert not (Y[0] < Y[1])
    with pytest.raises(TypeError, match="Orders are strict"):
        _ = Y[0] <= Y[1]
    with pytest.raises(TypeError, match="orders carry no numbers"):
        _ = Y[0] < 1500
    with pytest.raises(ValueError, match="above itself"):
        _ = Y[0] < Y["COC"]
    with pytest.raises(ValueError, match="must not be empty"):
        Y.argmax_in()
    with pytest.raises(IndexError, match="from 0 to 4"):
        Y[5]
    with pytest.raises(ValueError, match="must be one of"):
        Y["COCO"]
    with pytest.raises(ValueError, match="different strings"):
        Outputs(2, names=["a", "a"])
    with pytest.raises(TypeError, match="`&`, `\\|` and `~`"):
        assert Always() and Always()


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: Box([1.0, 2.0], [1.0]), r"lower.shape=\(2,\)"),
        (lambda: Box([1.0, 3.0], [1.0, 2.0]), "input 1 between 3.0 and 2.0"),
        (lambda: Box([np.nan], [1.0]), "must not be NaN"),
        (lambda: Box([0.0], [1.0], tolerance=-1), "`tolerance`"),
        (lambda: LinearLE([[1.0, 2.0]], [1.0, 2.0]), r"\(rows, n\) and \(rows,\)"),
        (lambda: Normalizer(0.0, 0.0), "`range`"),
        (lambda: Property(Y[0] < Y[1], Always()), "`pre` must be a precondition"),
        (lambda: Property(Always(), Always()), "`post` must be a postcondition"),
        (lambda: SafeOrdering([]), "`num_outputs` must be given"),
        (lambda: SafeOrdering([], 3, score="argmin"), "`score`"),
        (
            lambda: SafeOrdering([Property(Always(), (Y[0] < Y[1]) & (Y[1] < Y[0]), "p")]),
            r"Property 'p' \(number 0\) contradicts itself",
        ),
        (
            lambda: SafeOrdering([Property(Always(), Y[0] < Y[1], "p")], 4),
            "must be about 4 outputs",
        ),
        (lambda: SafeOrdering([Property(PredictedIn([7]), Y[0] < Y[1])]), "must be below 5"),
        (lambda: SelfCorrectingLayer([], on_conflict="abstain"), "`on_conflict`"),
        (lambda: SelfCorrectingLayer([], gradient="ste"), "`gradient`"),
    ],
)
def test_bad_arguments(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_bad_inputs():
    layer = SelfCorrectingLayer([Property(Box([0.0, 0.0], [1.0, 1.0]), Y[0] < Y[1], "p")])
    rows = np.zeros((2, 5), "float32")
    with pytest.raises(ValueError, match=r"Property 'p' \(number 0\).*\(3,\).*\(2,\)"):
        layer([np.zeros((2, 3)), rows])
    with pytest.raises(ValueError, match=r"called on `\[x, y\]`"):
        SelfCorrectingLayer([Property(Always(), Y[0] < Y[1])])(rows)
    with pytest.raises(ValueError, match="the 4 outputs of the model"):
        SelfCorrectingLayer([Property(Always(), Y[0] < Y[1])])([rows, rows[:, :4]])


def test_too_many_combinations_are_refused():
    either = [Property(Always(), (Y[0] < Y[i]) | (Y[i] < Y[4]), f"p{i}") for i in (1, 2, 3)]
    with pytest.raises(ValueError, match="at least 8.*p1: 2, p2: 2, p3: 2"):
        SelfCorrectingLayer(either, max_combinations=7)
    SelfCorrectingLayer(either, max_combinations=8)


def test_exclusive_properties_share_a_slot():
    either = (Y[0] < Y[1]) | (Y[2] < Y[3])
    apart = [Property(Box([float(i)], [i + 0.5]), either) for i in range(20)]
    assert len(Combinations(SafeOrdering(apart), 4096)) == 2
    touching = [Property(Box([float(i)], [i + 1.0]), either) for i in range(3)]
    assert len(Combinations(SafeOrdering(touching), 4096)) == 4
    named = [Property(PredictedIn([i]), either) for i in range(5)]
    assert len(Combinations(SafeOrdering(named), 4096)) == 2
