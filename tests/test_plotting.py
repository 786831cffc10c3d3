"""Pictures of models: what stands in them, and that nothing overlaps."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fkeras import layers, models, utils
from fkeras.utils.plotting.diagram import Diagram, Labels
from fkeras.utils.plotting.layout import GAP, arrange, ranks
from fkeras.utils.plotting.picture import CLUSTER, PAPER, Rectangle, draw

GRAPH = st.integers(1, 9).flatmap(
    lambda n: st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda e: e[0] < e[1])).map(
        lambda edges: (n, list(dict.fromkeys(edges)))
    )
)


def branched():
    a, b = layers.Input((4,), name="left"), layers.Input((3,), name="right")
    inner = models.Sequential([layers.Dense(5, "relu", input_shape=(4,)), layers.Dropout(0.5)], name="tower")
    h = layers.concatenate([inner(a), layers.Dense(2, name="narrow")(b)])
    return models.Model([a, b], [layers.Dense(1, name="out")(h), layers.Dense(2, name="<&>")(layers.add([h, h]))])


@given(GRAPH)
def test_layout(case):
    n, edges = case
    rank = ranks(n, edges)
    assert all(rank[a] < rank[b] for a, b in edges)
    found = arrange([(10.0 + i, 8.0) for i in range(n)], edges)
    boxes = found.spots[:n]
    for a, b in itertools.combinations(boxes, 2):
        assert a.y != b.y or abs(a.x - b.x) >= (a.width + b.width) / 2 + GAP - 1e-6
    assert all(boxes[a].y < boxes[b].y for a, b in edges)
    assert (
        min(s.x - s.width / 2 for s in boxes) >= -1e-6 and max(s.x + s.width / 2 for s in boxes) <= found.width + 1e-6
    )
    assert [route[0] for route in found.routes] == [a for a, _ in edges]


def test_svg(tmp_path):
    path = tmp_path / "model.svg"
    utils.plot_model(branched(), path, show_shapes=True, show_layer_names=True, show_dtype=True, show_trainable=True)
    root = ET.fromstring(path.read_text())
    space = "{http://www.w3.org/2000/svg}"
    said = [t.text for t in root.iter(f"{space}text")]
    assert {"left (InputLayer)", "tower (Sequential)", "narrow (Dense)", "<&> (Dense)"} <= set(said)
    assert said.count("Dtype: float32") == 8 and "Output shape: (None, 7)" in said and "Trainable: True" in said
    assert len([p for p in root.iter(f"{space}path") if p.get("marker-end")]) == 7
    width = float(root.get("width"))
    assert all(
        float(r.get("x", 0)) >= 0 and float(r.get("x", 0)) + float(r.get("width")) <= width
        for r in root.iter(f"{space}rect")
    )


def test_nested_models_are_opened():
    closed, opened = (
        utils.model_to_dot(branched()),
        utils.model_to_dot(branched(), expand_nested=True, show_layer_activations=True, rankdir="LR"),
    )
    assert "cluster" not in closed.to_string()
    text = opened.to_string()
    assert 'subgraph "cluster_tower"' in text and "Activation: relu" in text and "rankdir=LR" in text
    assert len(re.findall(r"n\d+ \[", text)) == len(re.findall(r"n\d+ \[", closed.to_string())) + 1
    for direction in ("TB", "BT", "LR", "RL"):
        assert (
            utils.model_to_dot(branched(), rankdir=direction, expand_nested=True)
            .create(format="svg")
            .startswith(b"<svg")
        )


def towers():
    """Two inputs through one encoder, and an arrow that passes by wide boxes."""
    a, b = layers.Input((8,)), layers.Input((8,))
    encoder = models.Sequential([layers.Dense(4, input_shape=(8,)), layers.Dropout(0.2)], name="encoder")
    h = layers.concatenate([encoder(a), encoder(b)])
    h = layers.Dense(8, name="a_layer_with_a_rather_long_name")(h)
    return models.Model([a, b], layers.add([h, layers.Dense(8)(a)]))


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
@pytest.mark.parametrize("make", [branched, towers])
def test_frames_and_arrows_keep_clear_of_other_boxes(make, rankdir):
    diagram = Diagram(make(), Labels(shapes=True), nested=True)
    drawn = draw(diagram, rankdir)
    shapes = [s for s in drawn.shapes if isinstance(s, Rectangle)]
    boxes, (frame,) = [s for s in shapes if s.fill == PAPER], [s for s in shapes if s.fill == CLUSTER]
    assert frame.x >= 0 and frame.y >= 0
    assert frame.x + frame.width <= drawn.width and frame.y + frame.height <= drawn.height
    for box, said in zip(boxes, diagram.boxes, strict=True):
        apart = max(box.x - frame.x - frame.width, frame.x - box.x - box.width)
        apart = max(apart, box.y - frame.y - frame.height, frame.y - box.y - box.height)
        assert (apart < -1) if said.inside else (apart > 1), said.title
    for points in drawn.arrows:
        for (x, y), (u, v) in itertools.pairwise(points):
            for part in np.linspace(0, 1, 50):
                p, q = x + part * (u - x), y + part * (v - y)
                for box in boxes:
                    within = 0.5 < p - box.x < box.width - 0.5 and 0.5 < q - box.y < box.height - 0.5
                    assert not within


def test_other_forms(tmp_path):
    model = models.Sequential([layers.Dense(2), layers.Dense(3)])
    for name, start in (("a.png", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.dot", b"digraph"), ("a.svg", b"<svg")):
        if name.endswith(("png", "pdf")):
            pytest.importorskip("matplotlib")
        utils.plot_model(model, tmp_path / name, dpi=50)
        assert (tmp_path / name).read_bytes().startswith(start)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.dot", "a.pdf", "a.png", "a.svg"]
    with pytest.raises(ValueError, match="svg, png"):
        utils.plot_model(model, tmp_path / "a.gif")
    with pytest.raises(ValueError, match="rankdir"):
        utils.plot_model(model, tmp_path / "b.svg", rankdir="up")
    with pytest.raises(ValueError, match="no layers"):
        utils.plot_model(models.Sequential(), tmp_path / "b.svg")


def test_a_model_with_a_call_of_its_own(tmp_path):
    class Own(models.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model(np.ones((1, 3)))
    assert "own (Own)" in utils.model_to_dot(model).to_string()
