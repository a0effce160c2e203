import numpy as np
import pytest
from small_language_models import random_trace

from gloro_tf import influence as gi
from gloro_tf.influence import grammar as words

NUMBER = {"S": "singular", "P": "plural"}


def test_vocabularies():
    disjoint, shared = gi.AgreementGrammar("disjoint"), gi.AgreementGrammar("shared")
    assert len(disjoint.words) == len(set(disjoint.words)) == 106
    assert len(shared.words) == len(set(shared.words)) == 86
    assert not set(words.PEOPLE) & set(words.THINGS)
    assert sum(share for _, share in gi.TASKS.values()) == pytest.approx(1)
    assert (len(words.PEOPLE), len(words.THINGS), len(words.VERBS)) == (20, 10, 12)


@pytest.mark.parametrize("nouns", ["disjoint", "shared"])
def test_every_training_sentence_agrees(nouns):
    grammar = gi.AgreementGrammar(nouns)
    table = grammar.sentences(400, seed=3)
    assert table.shape == (400, 11) and table.dtype == np.int32
    verbs = set(words.VERBS) | {v + "s" for v in words.VERBS}
    lengths = set()
    for row in table:
        sentence = grammar.decode(row)
        end = sentence.index(".")
        assert sentence[end + 1 :] == ["<eos>"] * (10 - end)
        verb = next(k for k, word in enumerate(sentence) if word in verbs)
        assert sentence[verb + 1] == "the" and end == verb + 3
        assert sentence[1].endswith("s") != sentence[verb].endswith("s")
        objects = words.PEOPLE if nouns == "shared" else words.THINGS
        assert sentence[verb + 2].removesuffix("s") in objects
        lengths.add(end)
    assert len(lengths) == 5


def test_attraction_is_planted_where_it_belongs():
    grammar = gi.AgreementGrammar("shared", attraction=0.25)
    wrong, right = 0, 0
    for row in grammar.sentences(4000, seed=1):
        sentence = grammar.decode(row)
        if sentence[2] in words.SLOTS["PREP"] and sentence[3] == "the":
            verb = 6 if sentence[5] in words.SLOTS["ADV"] else 5
            subject, between, third = (sentence[k].endswith("s") for k in (1, 4, verb))
            if subject != between:
                wrong, right = wrong + (subject == third), right + (subject != third)
            else:
                assert subject != third
    assert abs(wrong / (wrong + right) - 0.25) < 0.05


def test_seeds():
    grammar = gi.AgreementGrammar("shared", 0.25)
    np.testing.assert_array_equal(grammar.sentences(50, 4), grammar.sentences(50, 4))
    assert np.any(grammar.sentences(50, 4) != grammar.sentences(50, 5))
    one, two, other = (grammar.agreement_set("nounpp", 9, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.ids, two.ids)
    assert np.any(one.ids != other.ids)


@pytest.mark.parametrize("task", list(gi.TASKS))
def test_agreement_sets(task):
    grammar = gi.AgreementGrammar()
    data = grammar.agreement_set(task, number=30)
    two = task.startswith("nounpp")
    assert data.conditions == (["SS", "SP", "PS", "PP"] if two else ["S", "P"])
    assert len(data) == 30 * len(data.conditions) and len(data.select("SP" if two else "P")) == 30
    for k in range(len(data)):
        sentence = grammar.decode(data.ids[k])
        right, wrong, other = grammar.decode([data.correct[k], data.wrong[k], data.counterpart[k]])
        plural = data.condition[k][0] == "P"
        assert sentence[data.subject].endswith("s") == plural != other.endswith("s")
        assert right.endswith("s") != plural == wrong.endswith("s")
        assert right.removesuffix("s") == wrong.removesuffix("s")
        assert sentence[1].removesuffix("s") == other.removesuffix("s")
        if two:
            between = sentence[data.intervening]
            assert between.endswith("s") == (data.condition[k][1] == "P")
            other = grammar.decode([data.intervening_counterpart[k]])[0]
            assert other in (between + "s", between.removesuffix("s")) and other != between
    steps = {"simple": 1, "nounpp": 4, "nounppadv": 5}
    if task in steps:
        assert data.ids.shape[1] - data.subject == steps[task]


def test_a_set_makes_batched_questions():
    grammar = gi.AgreementGrammar()
    data = grammar.agreement_set("nounpp", 3)
    assert data.line(steps=7).steps == 7 and data.line("intervening").position == 4
    np.testing.assert_array_equal(data.quantity.correct_id, data.correct)
    part = data[:2]
    assert len(part) == 2 and len(part.intervening_counterpart) == 2
    with pytest.raises(ValueError, match="intervening"):
        grammar.agreement_set("simple", 3).line("intervening")
    with pytest.raises(ValueError, match="one of \\['SS', 'SP', 'PS', 'PP'\\]"):
        data.select("S")


def test_ties_count_half_and_each_condition_alone():
    trace = random_trace()
    data = gi.AgreementGrammar().agreement_set("simple", 8)
    ids = data.ids % 20
    correct = np.where(data.condition == "S", 3, 4)
    tied = gi.AgreementSet("t", ids, correct, correct, data.condition, data.counterpart)
    assert gi.agreement_accuracy(trace, tied) == {"S": 0.5, "P": 0.5}
    both = gi.AgreementSet("t", ids, correct, 7 - correct, data.condition, data.counterpart)
    margins = gi.agreement_margins(trace, both)
    logits = trace.logits(ids)[:, -1]
    rows = np.arange(len(ids))
    np.testing.assert_allclose(margins, logits[rows, correct] - logits[rows, 7 - correct])
    expected = {c: np.mean(margins[both.condition == c] > 0) for c in "SP"}
    assert gi.agreement_accuracy(trace, both) == expected


def write(path, data, grammar, task):
    lines = []
    for k in range(len(data)):
        sentence = " ".join(grammar.decode(data.ids[k]))
        condition = "_".join(NUMBER[letter] for letter in data.condition[k])
        for word, state in ((data.correct[k], "correct"), (data.wrong[k], "wrong")):
            verb = grammar.words[word]
            lines.append(f"{sentence.capitalize()} {verb}\t{condition}\t{state}\tid{k}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("task", ["simple", "nounpp"])
def test_tables_are_read(tmp_path, task):
    grammar = gi.AgreementGrammar()
    data = grammar.agreement_set(task, 6)
    write(tmp_path / f"{task}.txt", data, grammar, task)
    options = {"intervening": data.intervening, "lower": True}
    for vocabulary in (grammar.index, grammar.words):
        read = gi.read_agreement_set(tmp_path / f"{task}.txt", vocabulary, **options)
        assert read.task == task and read.subject == 1 and read.intervening == data.intervening
        for field in ("ids", "correct", "wrong", "condition", "counterpart"):
            np.testing.assert_array_equal(getattr(read, field), getattr(data, field))
        if task == "nounpp":
            expected = data.intervening_counterpart
            np.testing.assert_array_equal(read.intervening_counterpart, expected)


def test_irregular_nouns(tmp_path):
    file = tmp_path / "t.tab"
    file.write_text(
        "the women sing\tplural\tcorrect\t1\nthe women sings\tplural\twrong\t1\n"
        "the box sings\tsingular\tcorrect\t2\nthe box sing\tsingular\twrong\t2\n"
    )
    vocabulary = "the women woman box boxes sing sings".split()
    with pytest.raises(ValueError, match="women.*Remedy: pass counterparts"):
        gi.read_agreement_set(file, vocabulary)
    data = gi.read_agreement_set(file, vocabulary, counterparts={"woman": "women"})
    assert [vocabulary[k] for k in data.counterpart] == ["woman", "boxes"]
    assert data.conditions == ["S", "P"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "at least one item"),
        ("the dog barks\tsingular\tcorrect\n", "line 1"),
        ("the dog barks\tdual\tcorrect\t1\n", "line 1"),
        ("the dog barks\tsingular\tcorrect\t1\n", "a correct and a wrong line"),
        (
            "the dog barks\tsingular\tcorrect\t1\na dog bark\tsingular\twrong\t1\n",
            "differ in the last word",
        ),
        (
            "the dog barks\tsingular\tcorrect\t1\nthe dog bark\tsingular\twrong\t1\n"
            "the dog now barks\tsingular\tcorrect\t2\nthe dog now bark\tsingular\twrong\t2\n",
            "one length.*Remedy",
        ),
        (
            "the dog sleeps\tsingular\tcorrect\t1\nthe dog sleep\tsingular\twrong\t1\n",
            "2 that are not.*Remedy",
        ),
    ],
)
def test_bad_tables(tmp_path, text, message):
    file = tmp_path / "bad.tab"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        gi.read_agreement_set(file, "the a now dog dogs bark barks".split())


def test_nouns_must_stand_before_the_verb(tmp_path):
    file = tmp_path / "t.tab"
    file.write_text("the dog barks\tsingular\tcorrect\t1\nthe dog bark\tsingular\twrong\t1\n")
    with pytest.raises(ValueError, match="before the verb"):
        gi.read_agreement_set(file, "the dog dogs bark barks".split(), intervening=2)


def test_marks_of_editors_are_no_words(tmp_path):
    """A byte order mark, other ends of lines, and empty lines."""
    file = tmp_path / "t.tab"
    text = "the dog barks\tsingular\tcorrect\t1\r\n\r\nthe dog bark\tsingular\twrong\t1\r\n\n"
    file.write_bytes(text.encode("utf-8-sig"))
    data = gi.read_agreement_set(file, "the dog dogs bark barks".split())
    np.testing.assert_array_equal(data.ids, [[0, 1]])


def test_bad_grammars():
    grammar = gi.AgreementGrammar()
    for message, make in {
        "'disjoint' or 'shared'": lambda: gi.AgreementGrammar("all"),
        "below 1": lambda: gi.AgreementGrammar("shared", 1.0),
        "Remedy: nouns='shared'": lambda: gi.AgreementGrammar("disjoint", 0.25),
        "of words of the grammar": lambda: grammar.encode("the cat"),
        "`task` must be one of": lambda: grammar.agreement_set("nounpp2"),
    }.items():
        with pytest.raises(ValueError, match=message):
            make()


@pytest.mark.parametrize(
    "lines, word",
    [
        (["the dog barks\tsingular\tcorrect\t1"] * 2, "another correct line"),
        (
            ["the dog barks\tsingular\tcorrect\t1", "the dog barks\tsingular\twrong\t1"],
            "differ in the last word",
        ),
        (
            [
                "the dog barks\tsingular_plural\tcorrect\t1",
                "the dog bark\tsingular_plural\twrong\t1",
            ],
            "condition must name",
        ),
    ],
)
def test_items_that_do_not_fit_are_refused(tmp_path, lines, word):
    file = tmp_path / "t.tab"
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=word):
        gi.read_agreement_set(file, ["the", "dog", "dogs", "barks", "bark"])


def test_an_item_may_return_in_another_condition(tmp_path):
    file = tmp_path / "t.tab"
    file.write_text(
        "the dog barks\tsingular\tcorrect\t1\nthe dog bark\tsingular\twrong\t1\n"
        "the dogs bark\tplural\tcorrect\t1\nthe dogs barks\tplural\twrong\t1\n"
    )
    found = gi.read_agreement_set(file, ["the", "dog", "dogs", "barks", "bark"])
    assert list(found.condition) == ["S", "P"]
