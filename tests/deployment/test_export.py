"""Exported programs, each in its own runtime, against `certify`."""

import importlib.util
import pathlib

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf.deployment import FORMATS, _program, exporting, open_program

TENSORFLOW = keras.backend.backend() == "tensorflow"
NEEDS = {"saved_model": (), "onnx": ("tf2onnx", "onnxruntime"), "litert": ("ai_edge_litert",)}
tensorflow_only = pytest.mark.skipif(not TENSORFLOW, reason="programs are exported on TensorFlow")


def available(format):
    missing = [name for name in NEEDS[format] if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {missing}: pip install 'gloro_tf[{format}]'")


@pytest.fixture(scope="module", params=FORMATS)
def exported(request, frozen, digits, tmp_path_factory):
    """`(path, format)` of a program of the small model of the digits."""
    if not TENSORFLOW:
        pytest.skip("programs are exported on TensorFlow")
    available(request.param)
    path = tmp_path_factory.mktemp("exported") / "program"
    return gloro_tf.export(frozen, path, request.param, check_on=digits[2][:8]), request.param


def test_programs_agree_with_certify_and_never_promise_more(exported, frozen, digits):
    program, certificate = open_program(*exported), frozen.certify(digits[2])
    found = program(digits[2])
    assert (certificate.radius > 0.05).mean() > 0.5
    assert found["radius"].dtype == np.float32 and found["logits"].shape == (len(digits[2]), 10)
    assert np.all(found["radius"] <= certificate.radius)
    np.testing.assert_allclose(found["radius"], certificate.radius, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(found["label"], certificate.label)
    np.testing.assert_array_equal(found["certified"], found["radius"] > frozen.epsilon)
    assert 0 < found["certified"].sum() <= certificate.certified.sum()
    logits = frozen.logits_model.predict(digits[2], verbose=0)
    np.testing.assert_allclose(found["logits"], logits, atol=1e-4)


def test_any_batch_and_what_is_no_number(exported, digits):
    program = open_program(*exported)
    for value in (np.nan, np.inf, -np.inf, 1e30):
        images = digits[2][:3].copy()
        images[1, 4, 4, 0] = value
        found = program(images)
        assert found["radius"][1] == 0 and not found["certified"][1], value
        assert found["radius"][0] > 0
    assert program(digits[2][:1])["radius"].shape == (1,)


@tensorflow_only
@pytest.mark.parametrize("strict", [False, True])
def test_strict_programs_stay_below_by_the_slack(frozen, digits, strict):
    certificate = frozen.certify(digits[2])
    found = _program.Program(frozen, strict)(digits[2])
    below = certificate.radius - keras.ops.convert_to_numpy(found["radius"])
    assert np.all(below >= 0)
    assert (below.max() > 1e-5) == strict


@tensorflow_only
@pytest.mark.parametrize("format", FORMATS)
def test_a_bound_that_is_too_small_is_not_exported(frozen, digits, tmp_path, monkeypatch, format):
    available(format)

    class Planted(_program.Program):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self._growth = 0.9 * self._growth

    monkeypatch.setattr(exporting, "Program", Planted)
    with pytest.raises(RuntimeError, match="does not agree with `certify`.*Nothing was written"):
        gloro_tf.export(frozen, tmp_path / "program", format, check_on=digits[2][:32])
    assert list(tmp_path.iterdir()) == []


@tensorflow_only
@pytest.mark.parametrize("format", FORMATS)
def test_twins_and_constants_are_numbers(digits, tmp_path, format):
    """Classes with equal weights are tied and have constants of 0."""
    available(format)
    inputs = keras.Input((8, 8, 1))
    net = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(inputs)))
    kernel, _ = net.get_weights()
    kernel[:, 1], kernel[:, 3] = kernel[:, 0], kernel[:, 2]
    net.set_weights([kernel, np.array([3.0, -3.0, 2.0, 2.0], "float32")])
    model = gloro_tf.GloroModel(model=net, epsilon=0.1).freeze()
    path = gloro_tf.export(model, tmp_path / "program", format)
    found, certificate = open_program(path, format)(digits[2]), model.certify(digits[2])
    assert np.all(np.isfinite(found["radius"])) and np.all(found["radius"] <= certificate.radius)
    np.testing.assert_allclose(found["radius"], certificate.radius, atol=1e-5)
    assert set(certificate.label) == {0, 2}
    assert not found["certified"][found["label"] >= 2].any()
    assert found["certified"][found["label"] == 0].any()


@tensorflow_only
def test_measured_norms_and_sets_are_exported_too(digits, tmp_path):
    images = digits[2][:64]
    net = gloro_tf.models.LiResNet(
        depth=1, width=4, input_shape=(8, 8, 1), classes=10, dense_width=16
    )
    first = gloro_tf.RTKModel(model=net, epsilon=1e-3, k=3)
    first.compile(keras.optimizers.Adam(5e-3), loss="crossentropy")
    first.fit(digits[0], digits[1], batch_size=64, epochs=1, verbose=0)
    sets = [[0, 1, 2, 3], [3, 4, 5], [6, 7, 8, 9]]
    for model in (first, gloro_tf.AffinityModel(model=net, epsilon=1e-3, affinity_sets=sets)):
        model.freeze()
        assert model._is_measured
        certificate = model.certify(images)
        path = gloro_tf.export(model, tmp_path / "sets", overwrite=True, check_on=images)
        found = open_program(path)(images)
        assert (certificate.loosest > 1).any()
        assert np.all(found["radius"] <= certificate.radius)
        np.testing.assert_allclose(found["radius"], certificate.radius, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(found["members"], certificate.members)


@tensorflow_only
def test_what_cannot_be_certified_is_refused(frozen, tmp_path):
    net = gloro_tf.models.ConvNet((((4, 3, 2),), (8,)), (8, 8, 1), 3)
    model = gloro_tf.GloroModel(model=net, epsilon=0.1)
    path = tmp_path / "program"
    with pytest.raises(RuntimeError, match=r"Only a frozen model certifies.*freeze\(\)"):
        gloro_tf.export(model, path)
    model.freeze()
    net.layers[-1].bias.assign(net.layers[-1].bias + 1.0)
    with pytest.raises(RuntimeError, match="weights changed"):
        gloro_tf.export(model, path)
    with pytest.raises(ValueError, match="export each member.*ensembles.vote"):
        gloro_tf.export(gloro_tf.ensembles.VotingEnsemble([frozen]), path)
    with pytest.raises(ValueError, match="`model` must be a `GloroModel`.*ConvNet"):
        gloro_tf.export(net, path)
    with pytest.raises(ValueError, match="`format` must be one of.*format='pickle'"):
        gloro_tf.export(frozen, path, "pickle")
    assert not path.exists()


@tensorflow_only
def test_nothing_is_overwritten_silently(frozen, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("years")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        gloro_tf.export(frozen, precious)
    with pytest.raises(FileExistsError, match="replaces programs only"):
        gloro_tf.export(frozen, precious, overwrite=True)
    with pytest.raises(ValueError, match='`path` must fit the format.*format="onnx"'):
        gloro_tf.export(frozen, tmp_path / "model.onnx")
    with pytest.raises(ValueError, match=r"`check_on` must have shape \(n, \*\(8, 8, 1\)\)"):
        gloro_tf.export(frozen, tmp_path / "new", check_on=np.zeros((2, 3, 3)))
    path = gloro_tf.export(frozen, tmp_path / "program")
    before = (path / "saved_model.pb").stat().st_ino
    gloro_tf.export(frozen, path, overwrite=True)
    assert (path / "saved_model.pb").stat().st_ino != before
    assert {p.name for p in tmp_path.iterdir()} == {"precious", "program"}
    assert isinstance(path, pathlib.Path) and (precious / "thesis.tex").read_text() == "years"


@tensorflow_only
def test_only_programs_are_replaced(frozen, tmp_path):
    folder = gloro_tf.export(frozen, tmp_path / "program")
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "notes").write_text("years")
    before = sorted(p.name for p in tmp_path.iterdir())
    for name, kind in (("link", "a link"), ("broken", "a link"), ("notes", "a file")):
        with pytest.raises(FileExistsError, match=f"replaces programs only.*{kind}.*Nothing was"):
            gloro_tf.export(frozen, tmp_path / name, overwrite=True)
    for format in FORMATS[1:]:
        available(format)
        with pytest.raises(FileExistsError, match="a file. Received.*a folder"):
            gloro_tf.export(frozen, folder, format, overwrite=True)
    with pytest.raises(NotADirectoryError, match="`path` must lie in a folder.*notes"):
        gloro_tf.export(frozen, tmp_path / "notes" / "program")
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert (folder / "saved_model.pb").is_file() and (tmp_path / "notes").read_text() == "years"


@tensorflow_only
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_inputs_that_check_nothing_are_refused(frozen, digits, tmp_path, value):
    images = digits[2][:4].astype("float64")
    images[2, 0, 0, 0] = value
    with pytest.raises(ValueError, match="`check_on` must be finite.*in 1 of 4 inputs"):
        gloro_tf.export(frozen, tmp_path / "program", check_on=images)
    assert list(tmp_path.iterdir()) == []


@tensorflow_only
@pytest.mark.filterwarnings("ignore:`x` should have pixels:UserWarning")
@pytest.mark.parametrize("factor", [1.0, 0.995])
def test_pixels_up_to_255(digits, tmp_path, monkeypatch, factor):
    """Radii of many pixels are compared in proportion; a bound that is half a percent low is seen."""

    class Planted(_program.Program):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self._growth = np.float32(factor) * self._growth
            exact = self._execute
            self._execute = lambda x: (rounded(exact(x)[0]), None)

    def rounded(logits):  # as a runtime that sums in another order
        best = logits == keras.ops.max(logits, axis=-1, keepdims=True)
        most = keras.ops.max(keras.ops.abs(logits), axis=-1, keepdims=True)
        return logits + keras.ops.cast(best, "float32") * 60 * 2.0**-24 * most

    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Dense(32, "relu")(keras.layers.Flatten()(inputs))
    net = keras.Model(inputs, keras.layers.Dense(10)(hidden))
    model = gloro_tf.GloroModel(model=net, epsilon=5.0)
    model.compile("adam", loss=gloro_tf.losses.Crossentropy())
    model.fit(255 * digits[0], digits[1], epochs=2, verbose=0)
    model.freeze()
    images = 255 * digits[2][:64]
    assert np.median(model.certify(images).radius) > 1
    monkeypatch.setattr(exporting, "Program", Planted)
    if factor == 1.0:
        assert gloro_tf.export(model, tmp_path / "program", check_on=images).is_dir()
    else:
        with pytest.raises(RuntimeError, match="does not agree"):
            gloro_tf.export(model, tmp_path / "program", check_on=images)


@pytest.mark.skipif(TENSORFLOW, reason="the refusal of other backends")
def test_other_backends_are_refused(frozen, tmp_path):
    with pytest.raises(ValueError, match="needs the TensorFlow backend"):
        gloro_tf.export(frozen, tmp_path / "program")


@tensorflow_only
def test_what_cannot_be_written_says_what_to_do(frozen, tmp_path, monkeypatch):
    import tensorflow as tf

    exported = gloro_tf.export(frozen, tmp_path / "program")
    full = tf.errors.ResourceExhaustedError(None, None, "variables; No space left on device")
    for cause in (OSError(28, "No space left on device"), full, PermissionError(13, "Read-only")):

        def stop(*arguments, cause=cause):
            arguments[1].mkdir()
            raise cause

        monkeypatch.setattr(exporting, "_convert", stop)
        with pytest.raises(OSError, match="`path` cannot be written.*(space|only).*Nothing.*free"):
            gloro_tf.export(frozen, exported, overwrite=True)
        assert list(tmp_path.iterdir()) == [exported]
    assert open_program(exported)(np.zeros((1, 8, 8, 1)))["radius"].shape == (1,)
    with pytest.raises(OSError, match="`path` cannot be written.*too long"):
        gloro_tf.export(frozen, tmp_path / ("x" * 300))


@tensorflow_only
def test_an_interrupted_export_leaves_the_old_program(frozen, tmp_path, monkeypatch):
    exported = gloro_tf.export(frozen, tmp_path / "program")

    def stop(*arguments):
        raise KeyboardInterrupt

    for where in ("_convert", "_compare", "_replace"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(exporting, where, stop)
            gloro_tf.export(frozen, exported, overwrite=True)
        assert list(tmp_path.iterdir()) == [exported]
    assert open_program(exported)(np.zeros((1, 8, 8, 1)))["radius"].shape == (1,)


def test_inputs_of_another_shape_or_kind(exported, digits):
    program = open_program(*exported)
    for wrong in (np.zeros((2, 7, 7, 1)), digits[2][0], np.float32(1), []):
        with pytest.raises(ValueError, match=r"`x` must have shape \(n, \*\(8, 8, 1\)\). Received"):
            program(wrong)
    listed = program(digits[2][:2].tolist())
    np.testing.assert_array_equal(listed["radius"], program(digits[2][:2])["radius"])
    assert program(np.full((1, 8, 8, 1), 1e39))["radius"] == 0


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_no_program_is_refused_by_name(exported, tmp_path, format):
    available(format)
    path, own = exported
    with pytest.raises(FileNotFoundError, match="`path` must be a program.*nowhere"):
        open_program(tmp_path / "nowhere", format)
    wrong = {name: tmp_path / name for name in ("garbage", "empty", "folder")}
    wrong["garbage"].write_bytes(b"no program" * 20)
    wrong["empty"].write_bytes(b"")
    wrong["folder"].mkdir()
    if format != own:
        wrong["another format's"] = path
    elif path.is_file():
        wrong["half"] = tmp_path / "half"
        wrong["half"].write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for file in wrong.values():
        with pytest.raises(
            ValueError, match=f"`path` must be a program.*format='{format}'.*Pass its"
        ):
            open_program(file, format)


@tensorflow_only
def test_a_saved_model_that_certifies_nothing_is_no_program(frozen, tmp_path):
    frozen.logits_model.export(str(tmp_path / "plain"), verbose=False)
    with pytest.raises(ValueError, match="`path` must be a program.*it answers"):
        open_program(tmp_path / "plain")


@tensorflow_only
def test_inputs_that_are_no_numbers(frozen, tmp_path):
    for wrong in (np.full((2, 8, 8, 1), "a"), np.full((2, 8, 8, 1), 1j)):
        with pytest.raises(ValueError, match="`check_on` must be real numbers"):
            gloro_tf.export(frozen, tmp_path / "program", check_on=wrong)
