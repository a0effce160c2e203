"""Recipes meet wrong choices with an error that names the field, the value and the remedy."""

import dataclasses

import pytest

from gloro_tf.training import Recipe


def test_defaults_are_consistent_and_compare_by_value():
    assert Recipe() == dataclasses.replace(Recipe(), dataset="digits")
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().epochs = 3


@pytest.mark.parametrize(
    ("field", "value", "must"),
    [
        ("epsilon", -0.3, "positive"),
        ("epsilon", 0.0, "positive"),
        ("epsilon", float("nan"), "positive"),
        ("epsilon", float("inf"), "finite"),
        ("epochs", 0, "at least 1"),
        ("epochs", 2.5, "of type int"),
        ("batch_size", 0, "at least 1"),
        ("batch_size", True, "of type int"),
        ("learning_rate", 0.0, "positive"),
        ("learning_rate", "fast", "of type float"),
        ("clip_norm", -1.0, "at least 0"),
        ("power_iterations", -1, "at least 0"),
        ("seed", -1, "at least 0"),
        ("validation", 1.0, "in [0, 1)"),
        ("model", None, "of type str"),
        ("trades_schedule", "0 linear 100% 2", "empty for loss='crossentropy'"),
    ],
)
def test_values_out_of_range(field, value, must):
    with pytest.raises(ValueError) as error:
        Recipe(**{"loss": "crossentropy", field: value})
    message = str(error.value)
    assert f"`{field}` must be" in message and must in message
    assert f"Received: {field}={value!r}" in message


@pytest.mark.parametrize(
    ("field", "value", "close"),
    [
        ("loss", "trade_kl.1.5", "trades_kl"),
        ("loss", "crossentropie", "crossentropy"),
        ("optimizer", "adamm", "adam"),
        ("optimizer", "SGD", "sgd"),
        ("augmentation", "flip+crp.4", "crop"),
        ("epsilon_schedule", "0.1 liner 50% 1", "linear"),
    ],
)
def test_unknown_names_get_close_matches(field, value, close):
    with pytest.raises(ValueError) as error:
        Recipe(**{field: value})
    message = str(error.value)
    assert f"`{field}`" in message and "Received" in message
    assert close in message.split("Received")[0] or f"mean '{close}'" in message


def test_parameters_of_names_are_checked():
    with pytest.raises(ValueError, match="`loss` must be a number.*trades_kl.x"):
        Recipe(loss="trades_kl.x")
    with pytest.raises(ValueError, match="amount of `crop`"):
        Recipe(augmentation="crop")


def test_turning_points_are_checked_on_the_actual_run():
    Recipe(epochs=20, learning_rate_schedule="0 linear 5 1 cosine 50% 0")
    with pytest.raises(ValueError, match="`learning_rate_schedule` is wrong.*in 8 epochs"):
        Recipe(epochs=8, learning_rate_schedule="0 linear 5 1 cosine 50% 0")


def test_load_reads_the_zoo_and_files(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from gloro_tf.training import Recipe\nRECIPE = Recipe(epochs=7)\n")
    assert Recipe.load(str(path)) == dataclasses.replace(Recipe(), epochs=7)


def test_load_says_what_there_is(tmp_path):
    with pytest.raises(FileNotFoundError, match="`recipe` must be a file.*nowhere.py"):
        Recipe.load(str(tmp_path / "nowhere.py"))
    (tmp_path / "empty.py").write_text("recipe = 1\n")
    with pytest.raises(ValueError, match="sets RECIPE.*empty.py.*RECIPE=None"):
        Recipe.load(str(tmp_path / "empty.py"))
    (tmp_path / "leaves.py").write_text("raise SystemExit(0)\n")
    with pytest.raises(ValueError, match="a Python file that runs.*leaves.py.*SystemExit.*Mend"):
        Recipe.load(str(tmp_path / "leaves.py"))


@pytest.mark.parametrize("name", ["adam", "adamw", "nadam", "sgd"])
def test_optimizers(name):
    optimizer = Recipe(optimizer=name, learning_rate=0.25, clip_norm=2.0).make_optimizer()
    assert float(optimizer.learning_rate) == 0.25 and optimizer.global_clipnorm == 2.0
    assert Recipe(optimizer=name).make_optimizer().global_clipnorm is None
