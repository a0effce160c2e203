"""A folder belongs to one recipe, and nothing in it is ever lost."""

import json

import keras
import pytest

from gloro_tf.training.workdir import Workdir, load_model, save_model, write_text


def contents(folder):
    """Every file but the lock."""
    files = (path for path in folder.iterdir() if path.name != ".lock")
    return {path.name: path.read_bytes() for path in files}


def test_opening_changes_nothing_and_claiming_says_whose_it_is(tmp_path):
    folder = Workdir(tmp_path / "a" / "b", {"epochs": 3})
    assert not (tmp_path / "a").exists()
    folder.claim()
    assert json.loads((tmp_path / "a/b/recipe.json").read_text()) == {"epochs": 3}
    folder.release()
    Workdir(tmp_path / "a" / "b", {"epochs": 3}).claim()
    assert folder.seconds() == 0.0


@pytest.mark.parametrize("text", ["", "abc", "[]", "null", "{", "[" * 100_000])
def test_seconds_that_cannot_be_read(tmp_path, text):
    folder = Workdir(tmp_path, {"epochs": 3})
    folder.claim()
    folder.checkpoint.write_bytes(b"")
    folder.seconds_file.write_text(text)
    with pytest.raises(ValueError, match="seconds.json' cannot be read.*Delete that file"):
        folder.seconds()


def test_another_recipes_run_is_left_alone(tmp_path):
    Workdir(tmp_path, {"epochs": 3, "loss": "emma"}).claim()
    before = contents(tmp_path)
    with pytest.raises(ValueError) as error:
        Workdir(tmp_path, {"epochs": 4, "loss": "emma", "mixed_precision": True})
    message = str(error.value)
    assert "epochs: 3 there, 4 now" in message and "mixed_precision: None there" in message
    assert "loss" not in message and "another --workdir" in message and str(tmp_path) in message
    assert contents(tmp_path) == before


def test_an_existing_run_is_not_restarted(tmp_path):
    Workdir(tmp_path, {"epochs": 3}).claim()
    with pytest.raises(ValueError, match="already holds this run. Nothing was changed.*--resume"):
        Workdir(tmp_path, {"epochs": 3}, resume=False)


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(ValueError, match="new, empty, or hold a run .*with other files in it"):
        Workdir(tmp_path, {})
    with pytest.raises(ValueError, match="must be a folder. Received: the file"):
        Workdir(tmp_path / "thesis.tex", {})
    assert contents(tmp_path) == {"thesis.tex": b"all of it"}


def test_a_process_killed_while_claiming_leaves_a_usable_folder(tmp_path):
    (tmp_path / ".part-recipe.json").write_text('{"epo')
    Workdir(tmp_path, {"epochs": 3}).claim()
    assert json.loads((tmp_path / "recipe.json").read_text()) == {"epochs": 3}


@pytest.mark.parametrize("text", ["", '{"epochs": ', "[1]", "3"])
def test_a_damaged_stamp_is_an_error(tmp_path, text):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(ValueError, match="recipe.json' cannot be read .*Nothing was changed"):
        Workdir(tmp_path, {})
    assert (tmp_path / "recipe.json").read_text() == text


def test_writing_replaces_in_one_step(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    write_text(tmp_path / "a.txt", "new")
    assert contents(tmp_path) == {"a.txt": b"new"}


@pytest.mark.parametrize("damage", ["truncated", "empty", "html", "one byte"])
def test_a_damaged_model_is_named_and_kept(tmp_path, damage):
    path = tmp_path / "checkpoint.keras"
    save_model(keras.Sequential([keras.Input((4,)), keras.layers.Dense(32)]), path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    broken = {
        "truncated": whole[:middle],
        "empty": b"",
        "html": b"<html>404</html>",
        "one byte": whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :],
    }[damage]
    path.write_bytes(broken)
    with pytest.raises(ValueError) as error:
        load_model(path)
    message = str(error.value)
    assert str(path) in message and "Delete that file to start" in message
    assert path.read_bytes() == broken
