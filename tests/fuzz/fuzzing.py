"""What the fuzz tests share: texts that are nearly right, and what a refusal must look like."""

import contextlib
import pathlib
import re
import signal
import traceback

import hypothesis
import pytest
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).parents[2]
OURS = (ROOT / "gloro_tf", ROOT / "zoo", ROOT / "train.py")
NUMBERS = (
    "0 -0 -1 1 2 3 7 0.5 1e-9 1e400 -1e400 nan inf -inf 1_0 ٣ ² 0x10 1e 1.5.2 2**3 None".split()
)
NUMBERS += ["", " ", "9" * 30, "9" * 5000, "1e-320", "4294967296", "1e39", "1e-46", "True"]


def fuzz(examples=100, **strategies):
    """Makes a property a test: derandomised and short, and, marked slow, at random and longer."""

    def decorate(check):
        @pytest.mark.parametrize("rounds", [1, pytest.param(40, marks=pytest.mark.slow)])
        def test(rounds):
            settings = hypothesis.settings(
                max_examples=rounds * examples,
                derandomize=rounds == 1,
                deadline=None,  # `limit` bounds each call; a loaded machine is no failure
                database=None,
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            settings(hypothesis.given(**strategies)(check))()

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return decorate


def edited(*samples, pieces=NUMBERS):
    """Texts that a few edits make of right ones: words replaced, dropped, doubled, or any text."""

    @st.composite
    def edit(draw):
        parts = re.findall(r"\w+|\s+|.", draw(st.sampled_from(samples)), re.DOTALL)
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, len(parts)))
            kind = draw(st.sampled_from(("replace", "drop", "double", "insert")))
            if kind in ("drop", "replace"):
                del parts[at : at + 1]
            if kind == "double":
                parts[at:at] = parts[at : at + 3]
            if kind in ("replace", "insert"):
                parts.insert(at, draw(st.sampled_from(pieces) | st.text(max_size=3)))
        return "".join(parts)

    return edit() | st.text(max_size=12)


def edited_tree(tree, leaves):
    """What a few edits make of nested dicts and lists: leaves replaced, entries dropped."""

    @st.composite
    def edit(draw):
        places = list(_places(tree))
        changed = tree
        for _ in range(draw(st.integers(1, 2))):
            place = draw(st.sampled_from(places))
            drop = draw(st.booleans()) and draw(st.booleans())
            changed = _set(changed, place, None if drop else (draw(leaves),))
        return changed

    return edit()


def _places(tree, path=()):
    yield path
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if _is_list(tree) else ()
    for key, part in pairs:
        yield from _places(part, (*path, key))


def _is_list(tree):
    return isinstance(tree, list)


def _set(tree, path, value):
    """The tree with another part at a path, or without it where `value` is `None`."""
    if not path:
        return tree if value is None else value[0]
    head, *rest = path
    known = isinstance(tree, dict) and head in tree or _is_list(tree) and head in range(len(tree))
    if not known:  # an earlier edit took it away
        return tree
    copy = tree.copy()
    if not rest and value is None:
        del copy[head]
    else:
        copy[head] = _set(tree[head], rest, value)
    return copy


@contextlib.contextmanager
def limit(seconds):
    """Ends what takes longer with an `AssertionError`: nothing may hang."""

    def stop(*_):
        raise AssertionError(f"still not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def answer(call, *arguments, says=(), seconds=20, **options):
    """What a call returns, or `None` where it refuses as it should; anything else fails.

    A refusal is a `ValueError` or `FileNotFoundError` raised by our own code, not by what it calls,
    with a message that holds all of `says`.
    """
    try:
        with limit(seconds):
            return call(*arguments, **options)
    except (ValueError, FileNotFoundError) as error:
        check_refusal(error, says)


def check_refusal(error, says=()):
    """Whether an error was raised by our code, and its message holds every text of `says`."""
    raised_in = pathlib.Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    assert any(raised_in.is_relative_to(path) for path in OURS), f"raised in {raised_in}: {error}"
    check_message(str(error), says)


def check_message(message, says=()):
    """Whether a message is one for people."""
    for text in says:
        assert text in message, f"{text!r} is not in: {message}"
    assert "Traceback" not in message and len(message) > 20, message
