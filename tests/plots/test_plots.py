import sys

import numpy as np
import pytest

from gloro_tf import plots
from gloro_tf.plots import curve

pytest.importorskip("matplotlib")
RNG = np.random.default_rng(0)
RADII = np.array([0.0, 0.2, 0.5, 0.5, 1.0, np.nan])
CORRECT = np.array([True, True, True, False, True, True])


def test_curve_is_exact(tmp_path):
    figure = plots.certified_accuracy(RADII, CORRECT, epsilon=0.5, path=tmp_path / "a" / "c.png")
    assert (tmp_path / "a" / "c.png").stat().st_size > 5000
    x, y = figure.axes[0].lines[1].get_data()
    np.testing.assert_allclose(x[:4], [0, 0.2, 0.5, 1.0])
    np.testing.assert_allclose(y[:4], np.array([3, 2, 1, 0]) * 100 / 6)
    # Exactly at a radius it is no longer certified beyond it, as in the strict definition.
    assert curve.accuracy_at(np.nan_to_num(RADII), CORRECT, 0.5) == 1 / 6
    assert figure.axes[0].get_xlabel() == "L2 radius (pixels in [0, 1])"
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert "16.7 %" in texts and "clean 83.3 %" in texts and "ε = 0.5" in texts


def test_curves_of_several_models_and_epsilons():
    models = {"one": (RADII, CORRECT), "two": (2 * RADII, CORRECT)}
    figure = plots.certified_accuracy(models, epsilon=[0.1, 0.15, 1.5], title="both")
    legend = figure.axes[0].get_legend().get_texts()
    assert [t.get_text() for t in legend] == ["one (clean 83.3 %)", "two (clean 83.3 %)"]
    assert figure.axes[0].get_xlim()[1] > 2


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_degenerate_radii(value, tmp_path):
    radii, correct = np.full(4, value), np.ones(4, bool)
    plots.certified_accuracy(radii, correct, path=tmp_path / "c.png")
    plots.margins(radii, correct, path=tmp_path / "m.png")


def test_given_axes_and_range():
    import matplotlib.figure

    figure = matplotlib.figure.Figure()
    left, right = figure.subplots(1, 2)
    assert plots.certified_accuracy(RADII, CORRECT, ax=left, max_radius=0.7) is figure
    assert plots.margins(RADII, CORRECT, ax=right, max_radius=0.7, bins=7) is figure
    assert left.get_xlim() == right.get_xlim() == (0, 0.7)


def test_margins_count_everything(tmp_path):
    figure = plots.margins(RADII, CORRECT, epsilon=0.3, path=tmp_path / "m.png")
    ax = figure.axes[0]
    assert sum(bar.get_height() for bar in ax.patches) == 4
    labels = {t.get_text() for t in ax.get_legend().get_texts()}
    assert labels == {"right (50.0 %)", "wrong (16.7 %)", "not certified (33.3 %)"}


@pytest.mark.parametrize("shape", [(6, 8, 8), (6, 8, 8, 1), (6, 8, 8, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_examples(shape, dtype, tmp_path):
    images = RNG.integers(0, 256, shape).astype("uint8")
    images = images if dtype == "uint8" else (images / 255).astype("float32")
    labels, predicted = np.arange(6), np.array([0, 1, 2, 3, 4, 0])
    names = ["ant", "bee", "cat", "dog", "eel", "fox"]
    path = tmp_path / "e.png"
    figure = plots.examples(images, labels, predicted, RADII, names, 2, 4, path)
    assert path.stat().st_size > 5000
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[0] == "ant\nnot certified" and titles[2] == "cat\nr = 0.5"
    assert titles[5] == "ant, is fox\nnot certified" and len(titles) == 8


def test_more_images_than_places():
    figure = plots.examples(
        np.zeros((9, 4, 4)), *np.zeros((2, 9), int), np.ones(9), rows=2, columns=2
    )
    assert len(figure.axes) == 4 and figure.axes[0].get_title() == "0\nr = 1"


@pytest.mark.parametrize(
    "radii, correct, message",
    [
        (np.zeros((2, 2)), np.ones(4), r"radii\.shape=\(2, 2\)"),
        ([], [], r"radii\.shape=\(0,\)"),
        ([1.0, 2.0], None, "correct=None"),
        ([1.0, 2.0], [True], r"booleans of shape \(2,\)"),
        ([1.0, 2.0], [3, 4], "booleans"),
    ],
)
def test_refused_arrays(radii, correct, message):
    for plot in (plots.certified_accuracy, plots.margins):
        with pytest.raises(ValueError, match=message):
            plot(radii, correct)


def test_refused_examples():
    with pytest.raises(ValueError, match=r"images\.shape=\(2, 4, 4, 2\)"):
        plots.examples(np.zeros((2, 4, 4, 2)), [0, 1], [0, 1], [1, 1])
    with pytest.raises(ValueError, match="3 images, 2 labels"):
        plots.examples(np.zeros((3, 4, 4)), [0, 1], [0, 1], [1, 1])
    with pytest.raises(ValueError, match="at least one model"):
        plots.certified_accuracy({})


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "gloro_tf\[plots\]"'):
        plots.certified_accuracy(RADII, CORRECT)


def test_no_global_state():
    plots.margins(RADII, CORRECT)
    if "matplotlib.pyplot" in sys.modules:
        assert not sys.modules["matplotlib.pyplot"].get_fignums()
