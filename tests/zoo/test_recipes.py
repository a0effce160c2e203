import dataclasses
import pathlib
import re
import shlex

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf.training import Recipe
from zoo import recipes
from zoo.__main__ import COMMANDS, parser

SHAPES = {
    "mnist": ((28, 28, 1), 10),
    "cifar10": ((32, 32, 3), 10),
    "cifar100": ((32, 32, 3), 100),
    "tiny_imagenet": ((64, 64, 3), 200),
    "imagenet2012": ((224, 224, 3), 1000),
}
EAGERLY = keras.backend.backend() != "jax"  # one step is not worth compiling for
LARGE = ("18x", "12x", "8x256", "8c2f")


def slow(name):
    return pytest.param(name, marks=pytest.mark.slow if any(s in name for s in LARGE) else ())


@pytest.mark.parametrize("name", map(slow, recipes.names()))
def test_builds_its_model_and_takes_a_step(name):
    recipe = Recipe.load(recipes.find(name))
    shape, classes = SHAPES[recipe.dataset]
    net = gloro_tf.models.build(recipe.model, shape, classes)
    model = gloro_tf.GloroModel(model=net, epsilon=recipe.epsilon)
    model.compile(recipe.make_optimizer(), loss=recipe.loss, metrics=[], run_eagerly=EAGERLY)
    x = np.random.default_rng(0).random((2, *shape), "float32")
    before = net.trainable_variables[0].numpy().copy()
    assert np.isfinite(model.train_on_batch(x, np.array([0, 1])))
    assert np.any(net.trainable_variables[0].numpy() != before)


@pytest.mark.parametrize("name", recipes.names())
def test_says_its_command(name):
    text = recipes.find(name).read_text()
    said = text.split('"""')[1]
    assert f"--recipe={name} " in said
    seed = dataclasses.asdict(Recipe.load(recipes.find(name)))["seed"]
    assert seed == 0 or f"seed {seed}" in said


def test_unknown_names_are_met_with_the_nearest():
    with pytest.raises(ValueError, match="`recipe` must be one of .*Did you mean 'mnist_eps030'"):
        recipes.find("mnist_eps03")


def test_the_commands_for_a_gpu_are_understood():
    """The flags of docs/recipes.md are those of `train.py` and `python -m zoo`."""
    root = pathlib.Path(__file__).parents[2]
    text = (root / "docs" / "recipes.md").read_text()
    block = text.split("```bash\n")[1].split("```")[0].replace("\\\n", " ")
    lines = [shlex.split(line) for line in block.splitlines()]
    train = [line for line in lines if "train.py" in line]
    assert len(train) == 1 and train[0][0] == "KERAS_BACKEND=jax"
    fields = [field.name for field in dataclasses.fields(Recipe)]
    defined = [*fields, *re.findall(r'flags.DEFINE_\w+\("(\w+)"', (root / "train.py").read_text())]
    given = [word[2:].partition("=")[0] for word in train[0] if word.startswith("--")]
    assert {"recipe", "resident", "mixed_precision", "time_budget"} <= set(given) <= set(defined)
    for line in lines:
        if line[1:3] == ["-m", "zoo"]:
            assert parser().parse_args(line[3:]).command in COMMANDS
