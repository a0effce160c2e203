"""What ships in the zoo is what its cards say."""

import configparser
import dataclasses
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest

import gloro_tf
import zoo
from gloro_tf.models import preset
from zoo import _publishing, _registry
from zoo.__main__ import main

SMALL = "cholesky_mlp_5x256.mnist"
CARD = zoo.card(SMALL)


def test_names():
    names = zoo.list()
    assert SMALL in names and names == sorted(names, key=lambda n: n)
    assert zoo.list("cholesky*", dataset="mnist") == [SMALL]
    assert zoo.list(dataset="none") == []
    for wrong in ({"kind": "certified"}, {"pattern": 3}):
        with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be"):
            zoo.list(**wrong)


@pytest.mark.parametrize("name", zoo.list())
def test_cards_are_consistent(name):
    card = zoo.card(name)
    assert zoo.Card.from_json(card.to_json()) == card
    assert card.in_package == (sum(w["bytes"] for w in card.weights) <= _publishing.PACKAGE_BYTES)
    assert card.members or card.lipschitz["estimate"] <= card.lipschitz["bound"]
    result = card.result()
    assert result and result["examples"] == 10_000 and len(card.labels) >= 2
    bounds = [row["vra_bound"] for row in result["vra"]]
    assert bounds == sorted(bounds, reverse=True)
    assert all(row["vra_bound"] <= row["vra_estimate"] for row in result["vra"])
    assert bounds[0] <= result["clean_accuracy"]
    assert card.members or (_registry.FOLDER.parent / card.recipe["file"]).exists()
    assert card.full_name in card.to_markdown() and "by the bound" in str(card)


@pytest.mark.parametrize(
    "name, change, says",
    [
        (
            "vote_of_three.mnist",
            lambda c: c["architecture"]["weights"].pop(),
            "one weight for each",
        ),
        (SMALL, lambda c: c["results"][0]["curve"]["epsilon"].pop(), "several lengths"),
        (
            SMALL,
            lambda c: c["results"][0]["vra"][1].update(relaxed_vra_bound=0.5),
            "some rows only",
        ),
    ],
)
def test_cards_whose_columns_do_not_match(name, change, says):
    fields = json.loads(zoo.card(name).to_json())
    change(fields)
    with pytest.raises(ValueError, match=says):
        zoo.Card.from_json(json.dumps(fields))


@pytest.mark.parametrize("name", zoo.list())
def test_entries_load_and_certify(name):
    card = zoo.card(name)
    model = zoo.load(name, verbose=0)
    assert model.is_frozen and model.epsilon == pytest.approx(card.epsilon)
    parameters = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert parameters == card.architecture["parameters"]
    x = np.random.default_rng(2026).random((8, *card.input["shape"]), "float32")
    np.testing.assert_allclose(model.certify(x).radius, card.golden["radii"], atol=1e-4)


def test_verify():
    answer = zoo.verify(SMALL)
    assert answer["estimate"] <= answer["bound"] <= answer["stored_bound"]


def test_verify_sees_a_bound_that_is_too_small(monkeypatch):
    """The planted bug: tables times 0.9, with weights and golden logits untouched."""
    from zoo import _checking

    def shrunk(name, **kwargs):
        model = zoo.load(name, **kwargs)
        tables = {k: np.float32(0.9) * v for k, v in model.frozen_tables().items()}
        return model.restore_frozen(tables)

    monkeypatch.setattr(_checking, "load", shrunk)
    with pytest.raises(ValueError, match="the stored bound .* is below"):
        zoo.verify(SMALL)


def test_unknown_names():
    with pytest.raises(ValueError, match="zoo.list.*Did you mean .*cholesky_mlp_5x256.mnist"):
        zoo.load("cholesky_mlp_5x25.mnist")
    with pytest.raises(ValueError, match=r"one of \[1\]"):
        zoo.card(SMALL + "@7")
    with pytest.raises(ValueError, match="`weights`"):
        zoo.load(SMALL, weights="imagenet")


def test_architecture_only():
    model = zoo.load(SMALL, weights=None)
    assert not model.is_frozen and model.classes == 10


def test_presets_load_by_path(tmp_path):
    zoo.load(SMALL).save_to_preset(tmp_path / "mine")
    x = np.random.default_rng(0).random((4, 28, 28, 1), "float32")
    mine = zoo.load(tmp_path / "mine").certify(x)
    np.testing.assert_array_equal(mine.radius, zoo.load(SMALL).certify(x).radius)


def test_leaderboard():
    rows = zoo.leaderboard("mnist", epsilon=1.58, format="rows")
    assert rows[0]["model"].startswith(SMALL) and rows[0]["VRA"] > 0.6
    assert "67.87%" in zoo.leaderboard("mnist", 1.58)
    assert zoo.leaderboard("mnist", 0.3, "markdown").startswith("| rank | model |")
    assert len(zoo.leaderboard("mnist", 0.3, "csv").splitlines()) == len(rows) + 1
    with pytest.raises(ValueError, match="`dataset`"):
        zoo.leaderboard("imagenet21k")
    with pytest.raises(ValueError, match="`epsilon`"):
        zoo.leaderboard("mnist", 0.77)
    with pytest.raises(ValueError, match="`format`"):
        zoo.leaderboard("mnist", format="html")


@pytest.mark.parametrize("bits, exact", [(23, True), (15, False), (7, False)])
def test_shortened_mantissas(bits, exact):
    values = np.random.default_rng(0).normal(size=1000).astype("float32")
    short = _publishing.shorten(values, bits)
    assert np.array_equal(short, values) == exact
    assert np.abs(short / values - 1).max() <= 2.0 ** -(bits + 1)
    assert not np.any(short.view("uint32") & ((1 << (23 - bits)) - 1))
    np.testing.assert_array_equal(_publishing.shorten(short, bits), short)
    if bits == 7:
        as_bfloat16 = keras.ops.cast(keras.ops.cast(values, "bfloat16"), "float32")
        np.testing.assert_array_equal(short, keras.ops.convert_to_numpy(as_bfloat16))


@pytest.fixture
def own_zoo(tmp_path, monkeypatch):
    folder = tmp_path / "zoo"
    (folder / "cards").mkdir(parents=True)
    (folder / "weights").mkdir()
    monkeypatch.setattr(_registry, "FOLDER", folder)
    monkeypatch.setattr(_registry, "CARDS", folder / "cards")
    yield folder
    _registry.forget()


def test_a_run_becomes_an_entry(own_zoo, tmp_path, capsys, monkeypatch):
    run = tmp_path / "run"
    recipe = gloro_tf.training.Recipe(epochs=1, model="cholesky_mlp.1x64", loss="emma", ema=0.9)
    gloro_tf.training.run(recipe, run, verbose=0)
    monkeypatch.setattr(preset, "PART_BYTES", 2000)
    monkeypatch.setattr(preset.split, "__defaults__", (2000,))
    flags = ["--recipe=mnist_eps030", "--summary=s", "--title=t", "--url=u", "--hardware=h"]
    for revision in (1, 2):
        assert main(["publish", str(run), "toy.digits", *flags, "--mantissa_bits=7"]) == 0
        assert zoo.card("toy.digits").revision == revision
    card = zoo.card("toy.digits")
    assert len(card.weights) > 1 and card.result() is None
    assert main(["evaluate", "toy.digits", "--write"]) == 0
    result = zoo.card("toy.digits").result()
    assert result["examples"] == 360 and main(["verify", "toy.digits"]) == 0
    report = json.loads((run / "report.json").read_text())["test"]
    assert abs(result["clean_accuracy"] - report["clean_accuracy"]) < 0.02
    assert main(["publish", str(run), "Bad Name", *flags]) == 1
    assert "`name` must be" in capsys.readouterr().err


def test_large_weights_stay_out_of_the_wheel(own_zoo, monkeypatch):
    """Which `package_data` takes from `weights`, and from no folder in it."""
    setup = configparser.ConfigParser()
    setup.read(pathlib.Path(__file__).parents[2] / "setup.cfg")
    patterns = setup["options.package_data"]["zoo"].split(", ")
    arrays = {"a": np.random.default_rng(0).normal(size=1000).astype("float32")}
    (small,) = _publishing.store(arrays, "small.digits@1")
    monkeypatch.setattr(_publishing, "PACKAGE_BYTES", 1000)
    (large,) = _publishing.store(arrays, "large.digits@1")
    shipped = [path.name for pattern in patterns for path in own_zoo.glob(pattern)]
    assert shipped == [small["file"]]
    card = dataclasses.replace(CARD, name="large.digits", weights=[large])
    _publishing.save(card)
    (path,) = zoo.fetch("large.digits", offline=True)
    assert path == own_zoo / "weights" / "large" / large["file"]


@pytest.mark.parametrize("limit", ["FILE_BYTES", "MODEL_BYTES"])
def test_weights_that_are_too_large_leave_nothing(own_zoo, monkeypatch, limit):
    monkeypatch.setattr(_publishing, limit, 1000)
    with pytest.raises(
        ValueError, match=" 1000 (bytes a file|in all)(.|\n)*Received(.|\n)*mantissa_bits=7"
    ):
        _publishing.store({"a": np.arange(5000.0) ** 0.5}, "toy.digits@1")
    assert not list((own_zoo / "weights").iterdir())


def test_a_changed_weight_file_is_refused(own_zoo, tmp_path):
    source = _registry.pathlib.Path(zoo.__file__).parent
    shutil.copytree(source / "cards", own_zoo / "cards", dirs_exist_ok=True)
    shutil.copytree(source / "weights", own_zoo / "weights", dirs_exist_ok=True)
    _registry.forget()
    path = own_zoo / "weights" / f"{SMALL}@1.npz"
    body = bytearray(path.read_bytes())
    body[5000] ^= 1
    path.write_bytes(bytes(body))
    with pytest.raises(ValueError, match="SHA-256 mismatch"):
        zoo.load(SMALL)


def test_cards_must_be_named_as_they_say(own_zoo):
    source = _registry.pathlib.Path(zoo.__file__).parent / "cards" / f"{SMALL}@1.json"
    (own_zoo / "cards" / "other.mnist@1.json").write_text(source.read_text())
    _registry.forget()
    with pytest.raises(ValueError, match="holds the card of"):
        zoo.list()


def test_terminal(capsys):
    assert main(["list", "*mnist*"]) == 0 and SMALL in capsys.readouterr().out
    assert main(["card", SMALL]) == 0 and "# cholesky" in capsys.readouterr().out
    assert main(["card", SMALL, "--json"]) == 0
    assert dataclasses.asdict(zoo.card(SMALL)) == json.loads(capsys.readouterr().out)
    assert main(["leaderboard", "mnist", "--epsilon=0.3"]) == 0
    assert main(["fetch", SMALL, "--offline"]) == 0
    assert main(["card", "nothing"]) == 1 and "zoo: `name` must" in capsys.readouterr().err
    assert main(["list", "mnist"]) == 1 and "zoo: No model is named like" in capsys.readouterr().err
    assert main(["leaderboard", "mnist", "--epsilon=7"]) == 1
    assert "one of [0.1412, 0.2824, 0.3" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["fly"])


def test_the_readme_holds_the_leaderboards():
    from zoo._readme import README, refreshed

    text = README.read_text()
    assert refreshed(text) == text, "run `python -m zoo readme`"
    assert zoo.leaderboard("mnist", 1.58, "markdown") in text


def test_audit_attacks_an_entry_and_its_card_says_what_was_found(tmp_path, monkeypatch):
    """On the test split's stand-in: noise labelled by the model itself, so nothing is downloaded."""
    import gloro_tf
    from zoo import _auditing

    name = "convnet_2c2f.mnist"
    model = zoo.load(name)
    x = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1)).astype("uint8")
    y = model.certify(gloro_tf.data.to_float(x)).label

    class Data:
        x_test, y_test = x, y

    monkeypatch.setattr(gloro_tf.data, "load", lambda *args, **kwargs: Data)
    attack = gloro_tf.attacks.PGD(steps=3, restarts=1)
    found = _auditing.audit(name, limit=20, attack=attack)
    assert found["examples"] == 20 and found["violations"] == [] and found["clean"] == 1
    page = dataclasses.replace(zoo.card(name), audit=found).to_markdown()
    assert "0 certificates broken" in page and "right under attack" in page
    with pytest.raises(ValueError, match="`limit`"):
        zoo.audit(name, limit=0)
