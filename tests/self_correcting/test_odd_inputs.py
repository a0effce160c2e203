"""What a review with fresh eyes found: overflow, mixed models, huge scores, odd files."""

import numpy as np
import pytest
from keras import ops

from gloro_tf.self_correcting import (
    Always,
    Box,
    LinearLE,
    Normalizer,
    Outputs,
    Predicate,
    PredictedIn,
    Property,
    SafeOrdering,
    SelfCorrectingLayer,
    analyse,
    chain,
    find_violations,
    from_vnnlib,
    ordering_hinge,
    safety_report,
    to_vnnlib,
)

Y = Outputs(3)
ONE = np.zeros((1, 1), "float32")
SIX = Property(Box([5.0], [6.0]), Y[0] < Y[1])
LINE = Property(LinearLE([[1.0, 2.0]], [0.0]), Y[0] < Y[1])


def decide(pre, x):
    x = ops.convert_to_tensor(np.asarray(x, "float32"))
    best = ops.zeros((len(x), 3), "bool")
    return ops.convert_to_numpy(pre.holds(x, best)).tolist()


def test_half_spaces_are_outward_where_they_overflow():
    """A NaN on the way does not switch a property off."""
    assert decide(LinearLE([[2.0, -2.0]], [0.0]), [[3e38, 3e38]]) == [True]
    assert decide(LinearLE([[1e39, 0.0]], [1e39]), [[0, 0], [5, 0]]) == [True, False]
    assert decide(LinearLE([[1e-39, 0.0]], [-1e-39]), [[0, 0], [-2, 0], [5, 0]]) == [
        False,
        True,
        False,
    ]
    half = LinearLE([[1e39, 0.0]], [1e39])
    x, best = np.array([[5.0, 0.0]]), np.zeros((1, 3), "bool")
    assert 3.999 < half.distance(x, best)[0] <= 4


def test_bounds_at_infinity():
    """A box that no number is in was taken for all numbers."""
    for bounds in (([np.inf], [np.inf]), ([-np.inf], [-np.inf])):
        with pytest.raises(ValueError, match="must be below infinity"):
            Box(*bounds)
    for tolerance in (np.inf, [1.0, 2.0, 3.0]):
        with pytest.raises(ValueError, match="`tolerance` must be a finite number"):
            Box([0.0], [1.0], tolerance=tolerance)
    with pytest.raises(ValueError, match="`tolerance` must be finite"):
        LinearLE([[1.0]], [1.0], tolerance=np.inf)


def test_outputs_of_two_models_do_not_mix():
    wide = Outputs(5)
    for mixed in (
        lambda: Y[0] < wide[4],
        lambda: wide[0] < Y[1],
        lambda: Y.argmax_in(wide[4]),
        lambda: Y.above([wide[0]], [1]),
    ):
        with pytest.raises(ValueError, match="Outputs of one model"):
            mixed()


def test_an_output_has_no_truth_value():
    with pytest.raises(TypeError, match="no truth value"):
        bool(Y[0])
    with pytest.raises(TypeError, match="no truth value"):
        _ = not Y[0]
    for key in (None, np.nan, 1.5, slice(0, 2), True, -1):
        with pytest.raises(IndexError, match="from 0 to 2"):
            Y[key]


@pytest.mark.parametrize("dtype, huge", [("float32", 1e35), ("float16", 4e4)])
@pytest.mark.filterwarnings("ignore:Properties:UserWarning")
def test_the_extra_class_is_best_or_worst_among_huge_scores(dtype, huge):
    both = [Property(Always(), Y[0].is_max()), Property(Always(), Y[1].is_max())]
    rows = np.array([[huge, 2, 3]], dtype)
    z = ops.convert_to_numpy(SelfCorrectingLayer(both, on_conflict="extra_class")([ONE, rows]))
    assert z.argmax(1) == [3] and np.isfinite(z).all()
    low = np.array([[-huge, -1.2 * huge, -1.5 * huge]], dtype)
    for score, sign in (("max", 1), ("min", -1)):
        free = SafeOrdering([Property(Always(), Y[0] < Y[1])], score=score)
        layer = SelfCorrectingLayer(free, on_conflict="extra_class")
        z = sign * ops.convert_to_numpy(layer([ONE, sign * low]))
        assert z.argmax(1) < 3 and z[0, 3] <= z[0].min()


def test_the_hinge_of_huge_scores():
    rows = np.array([[-1e35, -2e35, -3e35]], "float32")
    value = ordering_hinge([Property(Always(), Y.argmax_in(1))], ONE, rows)
    assert float(value[0]) == pytest.approx(1e35)
    assert float(ordering_hinge([Property(Always(), Y.argmax_in(0))], ONE, rows)[0]) == 0


def test_arguments_that_were_met_with_raw_errors():
    layer = SelfCorrectingLayer([Property(Always(), Y[0] < Y[1])])
    with pytest.raises(ValueError, match="`y` must be of a float type"):
        layer([ONE, np.array([[3, 2, 1]])])
    for bad in (lambda x: ops.any(x > 0), lambda x: x > 0):
        layer = SelfCorrectingLayer([Property(Predicate(bad), Y[0] < Y[1])])
        with pytest.raises(ValueError, match="one value for each row"):
            layer([np.ones((4, 2), "float32"), np.zeros((4, 3), "float32")])
    for text in ("[1, 2]", '{"properties": [{"name": "a"}], "num_outputs": 3, "score": "max"}'):
        with pytest.raises(ValueError, match="does not hold a `SafeOrdering`"):
            SafeOrdering.from_json(text)
    for n in (0, -3, 1.5):
        with pytest.raises(ValueError, match="`n` must be"):
            find_violations(lambda x: x, SIX, n)
    same = [Property(Always(), Y[0] < Y[1], name) for name in ("a", "a", "a_0")]
    assert len(set(SafeOrdering(same).names)) == 3


def test_points_of_huge_boxes_are_spread():
    box = Property(Box([-3e38], [3e38]), Y[0] < Y[1])
    found = find_violations(lambda x: np.zeros((len(x), 3), "float32"), box, 100)
    assert len(np.unique(found.points)) > 50


def test_more_combinations_than_a_layer_takes():
    """A search decides without them, and a report takes as many as it is told to."""
    five, rows = Outputs(5), np.tile(np.arange(5.0, dtype="float32"), (2, 1))
    either = [(five[0] < five[i]) | (five[i] < five[4]) for i in (1, 2, 3)]
    many = [Property(Box([0.0], [1.0]), e, f"{k}") for e in either for k in range(5)]
    ordering = SafeOrdering(many)
    assert find_violations(lambda x: rows[: len(x)], ordering, 2).tried == 2
    with pytest.raises(ValueError, match="at least 32768"):
        safety_report(lambda x: rows, ordering, np.zeros((2, 1)))
    report = safety_report(lambda x: rows, ordering, np.zeros((2, 1)), max_combinations=2**15)
    assert report.statuses[1] == 2


def test_building_a_layer_does_not_look_for_needless_properties(monkeypatch):
    """Nothing is said of them there, and of many properties it takes long."""
    from gloro_tf.self_correcting import analysis

    same = [Property(Always(), Y[0] < Y[1]), Property(Always(), Y[0] < Y[1])]
    assert [f.kind for f in analyse(SafeOrdering(same))] == ["subsumed"]
    monkeypatch.setattr(analysis, "_subsumed", None)
    SelfCorrectingLayer(same)


HEAD = "(declare-const X_0 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)"
UNSAFE = "(assert (<= Y_0 Y_1))"


@pytest.mark.parametrize(
    "text, match",
    [
        ("(assert (<= X_0 nan))", "Unknown name in an assertion: nan"),
        ("(assert (<= X_0 inf))", "Unknown name"),
        ("(assert (<= X_0 1e999))", "Unknown name"),
        ("(assert (<= X_0 1_0))", "Unknown name"),
        ("(assert)", "Unknown VNN-LIB command"),
        ("(assert (<= X_0 1) (<= X_0 0))", "Unknown VNN-LIB command"),
        ("(assert ())", "must be a formula"),
        ("(assert true)", "must be a formula"),
        ("(declare-const)", "Unknown VNN-LIB command"),
        ("(declare-const (X_0) Real)", "Unknown VNN-LIB command"),
        ("(assert (<= X_0 (+)))", "must be linear"),
        ("(assert (<= X_0 (-)))", "must be linear"),
        ("(assert (<= X_0 (/ 1 0)))", "must be linear"),
        ("(assert (<= X_0 ()))", "must be linear"),
        ("(assert (<= X_0 0))(assert (>= X_0 1))", "contradict one another"),
        ("(assert (or))", "contradict one another"),
    ],
)
def test_odd_vnnlib(text, match):
    with pytest.raises(ValueError, match=match):
        from_vnnlib(HEAD + text + UNSAFE)


def test_vnnlib_that_was_refused(tmp_path):
    """Two unions of boxes, of which some do not meet; fractions; a byte order mark; brackets."""
    unions = "(assert (or (<= X_0 0) (>= X_0 1)))(assert (or (<= X_0 -1) (>= X_0 2)))"
    (prop,) = from_vnnlib("\ufeff" + HEAD + unions + UNSAFE)
    assert decide(prop.pre, [[-2], [-0.5], [1.5], [3]]) == [True, False, False, True]
    (prop,) = from_vnnlib(HEAD + "(assert (<= X_0 (/ 1 4)))" + UNSAFE)
    assert decide(prop.pre, [[0.25], [0.26]]) == [True, False]
    path = tmp_path / "prop (1).vnnlib"
    path.write_text(HEAD + UNSAFE)
    assert from_vnnlib(path)[0].name == from_vnnlib(str(path))[0].name == "prop (1)"


def test_exports_of_empty_regions_are_refused():
    with pytest.raises(ValueError, match="No input is in the precondition"):
        to_vnnlib(SIX, bounds=(0, 1))
    either = Property(Box([0.0], [1.0]) | Box([5.0], [6.0]), Y[0] < Y[1])
    (again,) = from_vnnlib(to_vnnlib(either, bounds=(0, 2)))
    assert decide(again.pre, [[0.5], [5.5]]) == [True, False]
    zero = Property(Box([5.0], [6.0]) & LinearLE([[0.0]], [1.0]), Y[0] < Y[1])
    assert decide(from_vnnlib(to_vnnlib(zero))[0].pre, [[5.5], [0.0]]) == [True, False]


def test_inputs_of_another_shape_are_refused():
    """Boxes were broadcast over them, and so decided by the wrong values."""
    flat, wide = np.zeros((3, 3), "float32"), np.zeros((3, 2), "float32")
    for decide_on in (
        lambda: safety_report(lambda x: flat, [SIX], wide),
        lambda: ordering_hinge([SIX], wide, flat),
        lambda: find_violations(lambda x: flat, [SIX, LINE], 3),
    ):
        with pytest.raises(ValueError, match=r"(number [01]).*Received"):
            decide_on()
    for bounds in (([0, 0], [9, 9]), (0, [9, 9])):
        with pytest.raises(ValueError, match="`bounds` must be numbers or arrays"):
            find_violations(lambda x: flat, SIX, 3, bounds=bounds)
        with pytest.raises(ValueError, match="`bounds` must be numbers or arrays"):
            to_vnnlib(SIX, bounds=bounds)


def test_boxes_of_two_sizes_are_refused():
    two = Box([0.0, 0.0], [1.0, 1.0])
    for mixed in ([SIX, Property(two, Y[0] < Y[1], "q")], [Property(SIX.pre | two, Y[0] < Y[1])]):
        with pytest.raises(ValueError, match="one input. Received: 1 values.*2 values"):
            SafeOrdering(mixed)


def test_properties_that_are_none():
    for wrong in (3, [Y[0] < Y[1]], "p"):
        for takes in (SafeOrdering, SelfCorrectingLayer):
            with pytest.raises(ValueError, match="list of `Property`. Received: "):
                takes(wrong)
    rows = np.array([[2.0, 1.0, 0.0]], "float32")
    z = ops.convert_to_numpy(SelfCorrectingLayer(SIX)([ONE + 5, rows]))
    np.testing.assert_array_equal(z, [[1, 2, 0]])
    with pytest.raises(ValueError, match="`model` must be a `keras.Model` or"):
        find_violations(None, SIX, 5)
    with pytest.raises(ValueError, match="method='gradient'.*Remedy"):
        find_violations(lambda x: rows, SIX, 5, "gradient")


def test_what_is_no_output():
    """Names were compared as strings, and taken apart into letters."""
    named = Outputs(4, names=["COC", "WL", "a", "b"])
    for wrong in (("COC", "WL"), (0, 1), (named[0],), ()):
        with pytest.raises(ValueError, match="`chain` takes two or more outputs"):
            chain(*wrong)
    with pytest.raises(TypeError, match="Negate a comparison"):
        ~named[0]
    assert named.above("COC", "WL").to_config() == ["above", [0], [1]]
    assert named.above(named[0], range(1, 4)).to_config() == ["above", [0], [1, 2, 3]]
    assert named.argmax_in(i for i in (0, 1)).to_config() == ["argmax_in", [0, 1]]
    with pytest.raises(ValueError, match="must be one of.*'ab'"):
        named.above("COC", "ab")
    for wrong in ([1.5], ["COC"], [True], [-1], []):
        with pytest.raises(ValueError, match="`classes` must be indices"):
            PredictedIn(wrong)
    with pytest.raises(ValueError, match=r"one of \['property'\]. Received: 'phi2'"):
        SafeOrdering([SIX])["phi2"]


def test_units_of_another_shape_are_refused():
    """One bound became three."""
    three = Normalizer([1.0, 2.0, 3.0], 1.0)
    for make in (
        lambda: Box([0.0], [1.0], units=three),
        lambda: Box([0.0, 1.0], [1.0, 2.0], units=three),
        lambda: LinearLE([[1.0, 2.0]], [0.0], units=three),
    ):
        with pytest.raises(ValueError, match=r"`units` must be of numbers.*mean of shape \(3,\)"):
            make()
    with pytest.raises(ValueError, match="`units` must be a `Normalizer`"):
        Box([0.0], [1.0], units="ft")
    channels = Box(np.zeros((2, 2, 3)), np.ones((2, 2, 3)), units=three)
    np.testing.assert_array_equal(channels.exact()[0], [-1.0, -2.0, -3.0] * 4)
    flat = LinearLE([[1.0, 2.0, 0.0, 0.0]], [3.0], units=Normalizer(np.ones((2, 2)), 2.0))
    np.testing.assert_array_equal(flat.exact()[1], [0.0])


def test_commands_of_solvers_in_vnnlib():
    plain = HEAD + "(assert (<= X_0 1))" + UNSAFE
    text = "(set-logic QF_LRA)(set-info :status unknown)" + plain + "(check-sat)(exit)"
    text = text.replace("(declare-const X_0 Real)", "(declare-fun X_0 () Real)")
    same, one = from_vnnlib(text)[0], from_vnnlib(plain)[0]
    assert same.to_config() == one.to_config()


def test_tensors_of_any_name_and_shape_in_vnnlib():
    head = "(vnnlib-version <2.0>)(declare-network N (declare-input in float32 [1,2,3])"
    head += "(declare-output costs float32 [1, 4]))"
    text = head + "(assert (<= in[0,1,0] 5))(assert (<= costs[0,1] costs[0, 3]))"
    (prop,) = from_vnnlib(text)
    assert prop.post.to_config() == ["above", [1], [3]] and prop.post.num_outputs == 4
    np.testing.assert_array_equal(prop.pre.upper, [np.inf] * 3 + [5] + [np.inf] * 2)
    for wrong in ("in[0,2,0]", "in[3]", "in[0,1,0,0]", "X[0,1,0]", "in[0,,1]", "in[]", "in[0 1 0]"):
        with pytest.raises(ValueError):
            from_vnnlib(text.replace("in[0,1,0]", wrong))
    given = "(declare-input in float32 [1,2,3])"
    for wrong in ("()", "in", "(declare-input)", "((a))", "(declare-input (a) f [2])", given * 2):
        with pytest.raises(ValueError, match="one input and one output"):
            from_vnnlib(text.replace(given, wrong))
    with pytest.raises(ValueError, match="at most 1,000,000 values"):
        from_vnnlib(text.replace("[1,2,3]", "[99999,99999]"))
    plain = to_vnnlib(prop, bounds=(-9, 9), version=2)
    assert from_vnnlib(plain)[0].post.to_config() == prop.post.to_config()


def test_json_has_no_nan():
    text = SafeOrdering([SIX]).to_json()
    with pytest.raises(ValueError, match="must not be NaN"):
        SafeOrdering.from_json(text.replace("5.0", "NaN"))
