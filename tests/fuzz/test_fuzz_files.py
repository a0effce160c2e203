"""Recipes, presets, saved models and test sets that were edited: read, or refused by name."""

import json
import pathlib
import tempfile
import zipfile

import keras
import numpy as np
import pytest
from fuzzing import answer, edited, edited_tree, fuzz
from hypothesis import strategies as st

import gloro_tf
import zoo
from gloro_tf.influence import agreement
from gloro_tf.models import preset
from gloro_tf.models.reading import load_model
from gloro_tf.training import Recipe
from zoo._page_cards import card_html, other_card_html
from zoo._page_chart import chart

RECIPE = 'from gloro_tf.training import Recipe\n\nRECIPE = Recipe(epochs=3, loss="emma.0.5")\n'
PIECES = (
    "Recipe",
    "RECIPE",
    "=",
    "(",
    ")",
    "\n",
    "import",
    "'",
    "3",
    "nan",
    "1/0",
    "\x00",
    "raise",
)
SENTENCES = (
    "the boy near the dogs sees\tsingular_plural\tcorrect\t1\n"
    "the boy near the dogs see\tsingular_plural\twrong\t1\n"
)
WORDS = "the boy boys near dog dogs see sees".split()
LEAVES = st.sampled_from(
    [None, True, 0, 1, -1, 3, 0.5, 10**400, 1e39, "", "nan", "relu", "float16", "Dense", "os"]
    + [
        [],
        {},
        [None, 8],
        [None, 8, 8, 1],
        {"class_name": "Lambda", "config": {}},
        "gloro_tf>MinMax",
    ]
)


@pytest.fixture(scope="module")
def model():
    net = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Conv2D(2, 3),
            gloro_tf.layers.MinMax(),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    return gloro_tf.GloroModel(model=net, epsilon=0.1).freeze()


def contents(folder):
    return {path: path.read_bytes() for path in pathlib.Path(folder).rglob("*") if path.is_file()}


def unchanged(call, folder, *arguments, **options):
    """`answer`, and no file of the folder was lost or touched."""
    before = contents(folder)
    found = answer(call, *arguments, **options)
    after = contents(folder)
    assert {path: after.get(path) for path in before} == before
    return found


@fuzz(80, text=edited(RECIPE, pieces=PIECES))
def test_recipe_files(text):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "mine.py")
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        found = unchanged(Recipe.load, folder, path, says=("mine.py",))
        assert found is None or isinstance(found, Recipe)


@pytest.mark.parametrize(
    "make", [pathlib.Path.mkdir, lambda p: None, lambda p: p.write_bytes(b"\xff")]
)
def test_what_is_no_recipe_file(tmp_path, make):
    make(tmp_path / "mine.py")
    assert answer(Recipe.load, tmp_path / "mine.py", says=("`recipe`", "mine.py")) is None


def test_presets_whose_description_was_edited(model, tmp_path):
    folder = tmp_path / "preset"
    model.save_to_preset(folder)
    described = json.loads((folder / preset.CONFIG).read_text())

    @fuzz(15, tree=edited_tree(described, LEAVES))
    def check(tree):
        write(folder, json.dumps(tree))
        found = unchanged(gloro_tf.GloroModel.from_preset, folder, folder)
        assert found is None or isinstance(found, gloro_tf.GloroModel)
        keras.backend.clear_session()

    check(1)


def write(folder, text):
    """Another description, with checksums that are right."""
    (folder / preset.CONFIG).write_text(text)
    names = (preset.CONFIG, preset.WEIGHTS)
    sums = [f"{preset.sha256(folder / name)}  {name}\n" for name in names]
    (folder / preset.SUMS).write_text("".join(sums))


@pytest.mark.parametrize("text", ["", "3", "[]", "{}", "null", "[" * 100_000, '{"module": "os"}'])
def test_descriptions_of_no_model(model, tmp_path, text):
    model.save_to_preset(tmp_path)
    write(tmp_path, text)
    says = (preset.CONFIG, "Restore")
    assert unchanged(gloro_tf.GloroModel.from_preset, tmp_path, tmp_path, says=says) is None


@pytest.mark.parametrize("name", [preset.WEIGHTS, preset.SUMS])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"PK\x03\x04", b"a  b\n" * 3])
def test_presets_with_other_damage(model, tmp_path, name, content):
    model.save_to_preset(tmp_path)
    (tmp_path / name).write_bytes(content)
    assert unchanged(gloro_tf.GloroModel.from_preset, tmp_path, tmp_path, says=("Restore",)) is None


def test_saved_models_whose_config_was_edited(model, tmp_path):
    right, path = tmp_path / "right.keras", tmp_path / "model.keras"
    model.save(right)
    with zipfile.ZipFile(right) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    described = json.loads(parts["config.json"])

    @fuzz(15, tree=edited_tree(described, LEAVES))
    def check(tree):
        with zipfile.ZipFile(path, "w") as file:
            for name, content in {**parts, "config.json": json.dumps(tree).encode()}.items():
                file.writestr(name, content)
        unchanged(load_model, tmp_path, path, says=("model.keras",))
        keras.backend.clear_session()

    check(1)


@fuzz(
    250, text=edited(SENTENCES, pieces=("\t", "\n", "\r", "\x00", '"', "singular", "correct", " "))
)
def test_agreement_sets(text):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "nounpp.tsv")
        path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        found = unchanged(agreement.read_agreement_set, folder, path, WORDS, intervening=4)
        assert found is None or found.ids.dtype == np.int64


def test_an_agreement_set_in_one_very_long_line(tmp_path):
    (tmp_path / "long.tsv").write_text("boy " * 100_000 + SENTENCES)
    assert answer(agreement.read_agreement_set, tmp_path / "long.tsv", WORDS) is None


CARDS = (
    "convnet_2c2f.mnist",
    "liresnet_4x32_affinity.cifar100",
    "vote_of_three.mnist",
    "self_correcting_6x50.acas_xu_2_9",
)


@fuzz(40, data=st.data(), name=st.sampled_from(CARDS))
def test_cards(data, name):
    """What is read can be shown; the rest is refused by name."""
    card = json.loads(zoo.card(name).to_json())
    card["golden"], card["results"] = (
        {},
        [{k: v[:2] if isinstance(v, list) else v for k, v in r.items()} for r in card["results"]],
    )
    for result in card["results"]:
        if "curve" in result:
            result["curve"] = {key: values[:2] for key, values in result["curve"].items()}
    if card["kind"] == "classifier":
        card["architecture"].pop("config", None)
    found = answer(zoo.Card.from_json, json.dumps(data.draw(edited_tree(card, LEAVES))))
    if found is not None:
        assert found.full_name in found.to_markdown()
        shown = found.kind == "classifier" and found.result()
        assert chart("one", [found]) + card_html(found) if shown else other_card_html(found)
