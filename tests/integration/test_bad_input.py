"""Bad input is met with an error that says what to do, before anything is written."""

import keras
import numpy as np
import pytest
from absl import flags

import gloro_tf


def message_of(train, *arguments):
    with pytest.raises(SystemExit) as error:
        train(*arguments)
    message = str(error.value)
    assert message.startswith("train.py: ")
    return message


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        ("--loss=emmma.0.5", ["`loss`", "'emmma.0.5'", "Did you mean 'emma'"]),
        ("--model=2c2f", ["2c2f", "Did you mean '2C2F'"]),
        ("--augmentation=cropp.4", ["`augmentation`", "cropp.4", "Did you mean crop"]),
        ("--optimizer=nadamm", ["`optimizer`", "'nadamm'", "Did you mean 'nadam'"]),
        ("--recipe=mnist_eps03", ["`recipe`", "Did you mean 'mnist_eps030'"]),
        ("--epsilon=-0.3", ["`epsilon`", "positive", "epsilon=-0.3"]),
        ("--epochs=0", ["`epochs`", "at least 1", "epochs=0"]),
        ("--epsilon_schedule=1 liner 50% 2", ["`epsilon_schedule`", "did you mean 'linear'"]),
    ],
)
def test_wrong_flag_values(train, tmp_path, argument, parts):
    message = message_of(train, argument)
    for part in parts:
        assert part in message
    assert not (tmp_path / "workdir").exists()


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        ("--epsilom=0.3", ["epsilom", "Did you mean", "epsilon"]),
        ("--epochs=many", ["epochs", "many"]),
        ("--strategy=both", ["strategy", "both", "mirrored"]),
    ],
)
def test_unknown_flags_and_values_of_another_kind(train, argument, parts):
    with pytest.raises(flags.Error) as error:
        train(argument)
    assert all(part in str(error.value) for part in parts)


def test_positional_arguments_are_refused(train):
    with pytest.raises(Exception, match="Flags only. Received: .*mnist"):
        train("mnist")


def test_a_data_set_that_is_not_there(train, tmp_path):
    message = message_of(train, "--dataset=mnist", f"--data_dir={tmp_path}")
    assert "--data_dir" in message and "--download" in message and "mnist" in message
    assert not (tmp_path / "workdir").exists()


def test_an_unknown_data_set(train):
    assert "mnist" in message_of(train, "--dataset=mnst").split("Did you mean")[1]


def test_missing_files(train, tmp_path):
    assert "nowhere.npz" in message_of(train, f"--dataset={tmp_path}/nowhere.npz")
    assert "nowhere" in message_of(train, f"--dataset=folder:{tmp_path}/nowhere")


@pytest.fixture
def arrays(tmp_path):
    """Writes an .npz data set of 64 images with some arrays replaced; returns its path."""

    def write(**changes):
        rng = np.random.default_rng(0)
        x = rng.uniform(size=(64, 4, 4, 1)).astype("float32")
        y = np.arange(64) % 3
        path = tmp_path / "data.npz"
        content = {"x_train": x, "y_train": y, "x_test": x, "y_test": y, **changes}
        np.savez(path, **content)
        return path

    return write


def nan_images():
    x = np.zeros((64, 4, 4, 1), "float32")
    x[5] = np.nan
    return x


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"y_train": np.arange(64) % 3 - 1}, ["y_train", "at least 0", "-1"]),
        ({"class_names": ["a", "b"]}, ["y_train", "in [0, 2)", "=2"]),
        ({"y_train": np.zeros(64, int)}, ["y_train", "two classes"]),
        ({"x_train": nan_images()}, ["x_train", "NaN", "x_train[5]"]),
    ],
)
def test_data_that_cannot_be_trained_on(train, arrays, tmp_path, changes, parts):
    message = message_of(train, f"--dataset={arrays(**changes)}")
    assert all(part in message for part in parts)
    assert not (tmp_path / "workdir").exists()


def test_pixels_up_to_255_warn_with_the_consequence(arrays):
    x = np.full((64, 4, 4, 1), 200.0, "float32")
    with pytest.warns(UserWarning, match="look like 0..255. `epsilon` .* 255 times smaller"):
        gloro_tf.data.load(str(arrays(x_train=x, x_test=x)))


def net(*layers):
    return keras.Sequential([keras.Input((4,)), *layers])


@pytest.mark.parametrize("epsilon", [0, -0.3, float("nan"), float("inf"), None])
def test_epsilon_of_a_model(epsilon):
    with pytest.raises(ValueError, match="`epsilon` must be"):
        gloro_tf.GloroModel(model=net(keras.layers.Dense(3)), epsilon=epsilon)


@pytest.mark.parametrize("epsilon", [0, -0.3, float("nan")])
def test_epsilon_assigned_to_a_model(epsilon):
    model = gloro_tf.GloroModel(model=net(keras.layers.Dense(3)), epsilon=0.3)
    with pytest.raises(ValueError, match=f"`epsilon` must be.*epsilon={float(epsilon)}"):
        model.epsilon = epsilon
    assert model.epsilon == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([keras.layers.Reshape((2, 2))], r"logits of shape \(batch, classes\).*Flatten"),
        ([keras.layers.Dense(1)], "at least 2 classes.*two logits"),
        ([keras.layers.Dense(3, activation="softmax")], "softmax"),
        ([keras.layers.Dense(3), keras.layers.Softmax()], "(?i)softmax"),
    ],
)
def test_models_without_logits(layers, reason):
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=reason):
        gloro_tf.GloroModel(model=net(*layers), epsilon=0.3)


def test_arrays_given_to_fit():
    model = gloro_tf.GloroModel(model=net(keras.layers.Dense(3)), epsilon=0.3)
    model.compile("sgd")
    x, y = np.zeros((6, 4), "float32"), np.arange(6) % 3
    with pytest.raises(ValueError, match=r"in \[0, 3\)"):
        model.fit(x, y + 1, verbose=0)
    with pytest.raises(ValueError, match="two classes"):
        model.fit(x, y * 0, verbose=0)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(x * np.nan, y, verbose=0)
    with pytest.warns(UserWarning, match="255 times smaller"):
        model.fit(x + 200, y, verbose=0)


def test_a_truncated_model_is_not_loaded(frozen, tmp_path):
    path = tmp_path / "model.keras"
    frozen.save(path)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises((ValueError, OSError)):
        keras.saving.load_model(path)


def flags_of(recipe):
    return [f"--{name}={value}" for name, value in recipe.items()]


def test_a_workdir_of_another_run_is_left_alone(train, finished):
    folder, report = finished
    given = [*flags_of(report["recipe"]), f"--workdir={folder}"]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    message = message_of(train, *given, "--epsilon=0.25")
    assert "epsilon: 0.3 there, 0.25 now" in message and "--workdir" in message
    message = message_of(train, *given, "--noresume")
    assert "already holds this run" in message and "--resume" in message
    message = message_of(train, *given, "--mixed_precision")
    assert "mixed_precision" in message
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_truncated_checkpoint_is_named_and_kept(train, finished, tmp_path):
    report = finished[1]
    for path in finished[0].iterdir():
        if path.suffix != ".png":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    checkpoint = tmp_path / "checkpoint.keras"
    checkpoint.write_bytes(checkpoint.read_bytes()[:2000])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    message = message_of(train, *flags_of(report["recipe"]), f"--workdir={tmp_path}")
    assert str(checkpoint) in message and "Delete that file" in message
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_that_diverges_says_so(train):
    message = message_of(
        train,
        "--model=2C2F.relu",
        "--loss=crossentropy",
        "--optimizer=sgd",
        "--learning_rate=1e30",
        "--epochs=2",
        "--batch_size=512",
        "--validation=0",
    )
    assert "NaN or infinite in or after epoch" in message and "learning_rate=1e+30" in message
