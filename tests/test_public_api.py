"""Every public name says its types and what it takes, returns and raises."""

import ast
import inspect
import re
import textwrap

import keras
import public_api
import pytest

CALLABLES = public_api.public_callables()
CLASSES = {
    name: thing
    for module in (public_api.gloro_tf, public_api.zoo)
    for name, thing in public_api.public_objects(module).items()
    if inspect.isclass(thing)
}
KERAS = {
    "build",
    "call",
    "compute_output_shape",
    "compute_output_spec",
    "get_config",
    "from_config",
}
KERAS |= {"get_compile_config", "compile_from_config", "load_own_variables", "compute_loss"}
KERAS_CLASSES = (keras.layers.Layer, keras.losses.Loss, keras.metrics.Metric)
RETURNED = re.compile(
    r"\A(The|A|An|Whether|Which|What|How|By how)\b|\A`|\breturns? ", re.IGNORECASE
)
"""A summary that is the name of a value, as "The nodes of a path.", says what is returned."""


def parameters(function):
    """The parameters but `self` and `cls`, whose kind or name says all there is."""
    for index, given in enumerate(inspect.signature(function).parameters.values()):
        if index or given.name not in ("self", "cls"):
            yield given


def unannotated(function):
    """What lacks a type: names of parameters, and `return`."""
    missing = [p.name for p in parameters(function) if p.annotation is p.empty]
    has_type = inspect.signature(function).return_annotation is not inspect.Signature.empty
    return missing + ["return"] * (not has_type)


def is_override(base, name):
    """Whether a class above documents the method of that name already."""
    above = [getattr(other, name, None) for other in base.__mro__[1:]] if base else []
    return any(getattr(method, "__doc__", None) for method in above)


def section(doc, title):
    """The text of a section of a docstring, or an empty one."""
    found = re.search(rf"^{title}:\n((?:    .*\n|\n)+)", doc + "\n", re.M)
    return found[1] if found else ""


def named_in(text):
    """The parameters that the entries of a section describe."""
    entries = re.findall(r"^    ([^:\n]+):", text, re.M)
    return {name.strip(" `*") for entry in entries for name in entry.split(",")}


def raised(function):
    """The exceptions that the function's own lines raise by name."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [n.exc.func for n in ast.walk(tree) if isinstance(getattr(n, "exc", None), ast.Call)]
    return {getattr(call, "id", "") for call in calls} - {"", "NotImplementedError"}


def gaps(function, base=None, member=None):
    """What the docstring of a function, or its class's where it is the constructor, leaves out.

    The anatomy of Keras is documented there, and an override where it was introduced.
    """
    name = function.__name__
    if name in KERAS or (name != "__init__" and is_override(base, name)):
        return []
    doc = inspect.getdoc(base if name == "__init__" else function) or ""
    missing = [] if doc else ["a summary"]
    known = named_in(section(doc, "Args")) | set(re.findall(r"`\*{0,2}(\w+)", doc))
    if name == "__init__" and issubclass(base, KERAS_CLASSES):
        known.add("kwargs")  # goes to Keras, as it is known from there
    missing += [f"`{p.name}`" for p in parameters(function) if p.name not in known]
    returns = inspect.signature(function).return_annotation
    silent = name == "__init__" or returns in (None, "None", "NoReturn")
    if not silent and not isinstance(member, property) and not section(doc, "Returns"):
        missing += [] if RETURNED.search(doc) else ["what is returned"]
    missing += [error for error in raised(function) if error not in doc]
    return missing


def test_there_is_much_to_check():
    assert len(CALLABLES) > 500 and len(CLASSES) > 100


@pytest.mark.parametrize("name", CALLABLES)
def test_is_annotated(name):
    function, _, _ = CALLABLES[name]
    assert not unannotated(function), f"{name} needs types of {unannotated(function)}"


@pytest.mark.parametrize("name", CLASSES)
def test_classes_have_a_summary(name):
    assert vars(CLASSES[name]).get("__doc__"), f"{name} needs a docstring"


@pytest.mark.parametrize("name", CALLABLES)
def test_docstring_is_complete(name):
    found = gaps(*CALLABLES[name])
    assert not found, f"The docstring of {name} must say: {', '.join(found)}"


class Planted:
    """A class whose methods leave something out.

    Args:
        known: int.
    """

    def __init__(self, known, unknown=0):
        """Nothing more."""

    def silent(self, x: int) -> None:
        pass

    def half(self, x: int) -> int:
        """Adds one.

        Args:
            x: int.
        """
        if x < 0:
            raise ValueError("negative")
        return x + 1

    def whole(self, x: int) -> int:
        """Returns `x` plus one.

        Raises:
            ValueError: for negative `x`.
        """
        if x < 0:
            raise ValueError("negative")
        return x + 1


@pytest.mark.parametrize(
    ["name", "missing"],
    [
        ("__init__", ["`unknown`"]),
        ("silent", ["a summary", "`x`"]),
        ("half", ["what is returned", "ValueError"]),
        ("whole", []),
    ],
)
def test_a_planted_gap_is_found(name, missing):
    assert gaps(getattr(Planted, name), Planted) == missing


def test_a_planted_lack_of_types_is_found():
    assert unannotated(Planted.__init__) == ["known", "unknown", "return"]
    assert unannotated(Planted.half) == []
