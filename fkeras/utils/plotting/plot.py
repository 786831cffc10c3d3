"""`plot_model` and `model_to_dot`."""

from __future__ import annotations

import os
import pathlib
import sys
from typing import Any

from ...atomic import writing
from .diagram import Diagram, Labels
from .picture import draw, raster, svg

FORMS = ("svg", "png", "pdf", "jpg", "jpeg", "dot", "gv")


class Dot:
    """A diagram that can be written in several forms; `to_string()` is the language of Graphviz."""

    def __init__(self, diagram: Diagram, rankdir: str = "TB", dpi: float = 200, splines: str = "ortho"):
        self.diagram, self.rankdir, self.dpi, self.splines = diagram, rankdir, dpi, splines

    def to_string(self) -> str:
        """The diagram in the language of Graphviz."""
        lines = [
            "digraph model {",
            f"  graph [rankdir={self.rankdir}, splines={self.splines}, dpi={self.dpi:g}];",
            '  node [shape=record, fontname="Helvetica"];',
        ]
        self._group((), lines, "  ")
        lines += [f"  n{a} -> n{b};" for a, b in self.diagram.edges]
        return "\n".join([*lines, "}\n"])

    def _group(self, inside: tuple[str, ...], lines: list[str], indent: str) -> None:
        """The boxes in one nested model, and the models in it."""
        for i, box in enumerate(self.diagram.boxes):
            if box.inside == inside:
                lines.append(f'{indent}n{i} [label="{{{"|".join(map(escaped, [box.title, *box.rows]))}}}"];')
        depth = len(inside)
        for name in dict.fromkeys(b.inside[depth] for b in self.diagram.boxes if b.inside[:depth] == inside < b.inside):
            lines += [
                f'{indent}subgraph "cluster_{"_".join((*inside, name))}" {{',
                f'{indent}  label="{escaped(name)}";',
            ]
            self._group((*inside, name), lines, indent + "  ")
            lines.append(f"{indent}}}")

    def create(self, prog: Any = None, format: str = "svg", encoding: str | None = None) -> bytes:
        """The bytes of a file in some form; no program is run."""
        if format not in FORMS:
            raise ValueError(f"A model is drawn as {', '.join(FORMS)}; got {format!r}.")
        if format in ("dot", "gv"):
            return self.to_string().encode()
        picture = draw(self.diagram, self.rankdir)
        return svg(picture).encode() if format == "svg" else raster(picture, format, self.dpi)

    def write(self, path: Any, prog: Any = None, format: str | None = None) -> None:
        """Writes a file; its ending says in which form."""
        data = self.create(None, format or ending(path))
        with writing(os.fspath(path)) as temporary:
            pathlib.Path(temporary).write_bytes(data)

    def _repr_svg_(self) -> str:
        return self.create(format="svg").decode()


def escaped(text: str) -> str:
    """Text in a label of Graphviz."""
    return "".join(f"\\{c}" if c in '{}|<>"\\' else c for c in text)


def ending(path: Any) -> str:
    """The form that the name of a file asks for."""
    return os.path.splitext(os.fspath(path))[1].lstrip(".").lower() or "png"


def model_to_dot(
    model: Any, show_shapes: bool = False, show_dtype: bool = False, show_layer_names: bool = True,
    rankdir: str = "TB", expand_nested: bool = False, dpi: float = 200, subgraph: bool = False,
    show_layer_activations: bool = False, show_trainable: bool = False, splines: str = "ortho", **kwargs: Any,
) -> Dot:  # fmt: skip
    """The diagram of a model, as `plot_model` writes it. subgraph: has no meaning here.

    >>> from fkeras import layers, models
    >>> model = models.Sequential([layers.Dense(3, input_shape=(4,)), layers.Dense(2)])
    >>> print(model_to_dot(model, show_shapes=True).to_string())
    digraph model {
      graph [rankdir=TB, splines=ortho, dpi=200];
      node [shape=record, fontname="Helvetica"];
      n0 [label="{dense (Dense)|Input shape: (None, 4)|Output shape: (None, 3)}"];
      n1 [label="{dense_1 (Dense)|Input shape: (None, 3)|Output shape: (None, 2)}"];
      n0 -> n1;
    }
    """
    if kwargs.pop("layer_range", None) is not None or kwargs:
        raise ValueError(f"model_to_dot got unexpected arguments: {', '.join(kwargs) or 'layer_range'}.")
    labels = Labels(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    return Dot(Diagram(model, labels, expand_nested), rankdir, dpi, splines)


def plot_model(
    model: Any, to_file: Any = "model.png", show_shapes: bool = False, show_dtype: bool = False,
    show_layer_names: bool = False, rankdir: str = "TB", expand_nested: bool = False, dpi: float = 200,
    show_layer_activations: bool = False, show_trainable: bool = False, splines: str = "ortho", **kwargs: Any,
) -> Any:  # fmt: skip
    """Draws a model into a file: .svg, .png, .pdf, .jpg, or .dot for Graphviz. Returns an image in a notebook.

    show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable: what is said of a layer.
    rankdir: "TB" from top to bottom, "LR" from left to right, or "BT", "RL".
    expand_nested: whether the layers of nested models are shown. dpi: of .png. splines: for Graphviz.

    Neither Graphviz nor pydot is needed; .png, .pdf and .jpg are drawn by matplotlib.

    Raises ValueError for a model without layers yet, and for other forms of files.
    """
    if not getattr(model, "layers", None):
        raise ValueError(f"{model!r} has no layers to draw yet.")
    dot = model_to_dot(
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi, False, show_layer_activations,
        show_trainable, splines, **kwargs,
    )  # fmt: skip
    if to_file is not None:
        dot.write(to_file)
    return dot if "IPython" in sys.modules else None
