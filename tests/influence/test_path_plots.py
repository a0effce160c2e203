import matplotlib.figure
import numpy as np
import pytest

from gloro_tf import influence as gi
from gloro_tf.plots import paths as draw


def arrows(figure):
    """The drawn edges."""
    return [t for t in figure.axes[0].texts if getattr(t, "arrow_patch", None) is not None]


def test_top_paths_are_drawn(tmp_path, trace, ids, quantity, short):
    found = gi.path_influences(trace, ids, quantity, short)
    words = "the baker by the boats".split()
    figure = draw.influence_paths(found, words, top=4, title="t", path=tmp_path / "a" / "p.svg")
    assert (tmp_path / "a" / "p.svg").stat().st_size > 5000
    top = found.top(4, by="size")
    lines = arrows(figure)
    assert len(lines) == sum(len(p.nodes) - 1 for p in top)
    widths = np.array([line.arrow_patch.get_linewidth() for line in lines])
    assert widths.max() == pytest.approx(6.0) and widths.min() >= 0.6
    colors = {line.arrow_patch.get_edgecolor()[:3] for line in lines}
    assert len(colors) == len({p.value > 0 for p in top})
    labels = [t.get_text() for t in figure.axes[0].get_xticklabels()]
    assert labels == words[1:]
    assert f"widest line: {top[0].value:+.3g}" in figure.axes[0].texts[-1].get_text()


def test_width_is_by_influence_and_color_by_sign():
    graph = gi.GateGraph(2, 0, 0)
    made = [gi.GuidedPath(graph.path(0), 0.5, ()), gi.GuidedPath(graph.path(9), -0.25, ())]
    ax = matplotlib.figure.Figure().add_subplot()
    figure = draw.influence_paths(made, ax=ax)
    assert figure is ax.figure
    lines = [line.arrow_patch for line in arrows(figure)]
    first = lines[: len(graph.path(9)) - 1]  # the smaller path is drawn first, below
    assert {round(line.get_linewidth(), 6) for line in first} == {3.3}
    red, _, blue = first[0].get_edgecolor()[:3]
    assert red > blue
    red, _, blue = lines[-1].get_edgecolor()[:3]
    assert blue > red


def test_heat_map(tmp_path, trace, ids, quantity, short):
    values = gi.node_influence(trace, ids, quantity, short)
    figure = draw.node_influence(values, list("abcde"), title="t", path=tmp_path / "n.png")
    assert (tmp_path / "n.png").stat().st_size > 5000
    table = figure.axes[0].images[0].get_array()
    assert table.shape == (12, 4)
    assert table[1, 3] == values["c", 1, 4] and table[11, 0] == values["i", 0, 1]
    shown = {t.get_text() for t in figure.axes[0].texts}
    assert f"{values['c', 1, 4]:+.2f}" in shown
    draw.node_influence({("c", 0, 0): 0.0})


def test_bad_input(trace, ids, quantity, short):
    graph = gi.GateGraph(1, 0, 1)
    made = [gi.GuidedPath(graph.path(0), 0.5, ())]
    with pytest.raises(ValueError, match="at least one path"):
        draw.influence_paths([])
    with pytest.raises(ValueError, match="finite"):
        draw.influence_paths([made[0]._replace(value=np.nan)])
    with pytest.raises(ValueError, match="all 2 words"):
        draw.influence_paths(made, ["one"])
    neurons = gi.node_influence(trace, ids, quantity, short, neurons=True)
    with pytest.raises(ValueError, match="neurons=False"):
        draw.node_influence(neurons)
