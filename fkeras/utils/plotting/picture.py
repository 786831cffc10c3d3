"""A diagram as rectangles, lines of text and arrows; and these as SVG, or drawn by matplotlib."""

from __future__ import annotations

import dataclasses
import html
import io
from typing import Any

from .diagram import Diagram
from .layout import Layout, Spot, arrange

CHARACTER, LINE, PAD, MARGIN = 7.4, 18.0, 12.0, 16.0
HEAD, PAPER, INK, CLUSTER = "#1f2430", "#ffffff", "#1f2430", "#f0f2f6"
Point = tuple[float, float]


@dataclasses.dataclass
class Rectangle:
    """Left, top, width, height, and the color inside."""

    x: float
    y: float
    width: float
    height: float
    fill: str


@dataclasses.dataclass
class Text:
    """A line of text around a middle."""

    x: float
    y: float
    text: str
    color: str
    bold: bool = False


@dataclasses.dataclass
class Picture:
    """What is drawn, in order, on a sheet of some size."""

    width: float
    height: float
    shapes: list[Rectangle | Text]
    arrows: list[list[Point]]


def draw(diagram: Diagram, rankdir: str = "TB") -> Picture:
    """The picture of a diagram; rankdir: TB, BT, LR or RL."""
    if rankdir not in ("TB", "BT", "LR", "RL"):
        raise ValueError(f"rankdir must be 'TB', 'BT', 'LR' or 'RL'; got {rankdir!r}.")
    sizes = [
        (max(map(len, [b.title, *b.rows])) * CHARACTER + 2 * PAD, LINE * (1 + len(b.rows)) + PAD) for b in diagram.boxes
    ]
    lies = rankdir in ("LR", "RL")
    laid = arrange([(h, w) if lies else (w, h) for w, h in sizes], diagram.edges, [b.inside for b in diagram.boxes])
    turn(laid, rankdir)
    make_room(laid, clusters(diagram, laid.spots))
    shapes = clusters(diagram, laid.spots)
    for box, spot in zip(diagram.boxes, laid.spots, strict=False):
        left, top = spot.x - spot.width / 2, spot.y - spot.height / 2
        bar = LINE + (PAD if not box.rows else PAD / 2)
        shapes += [Rectangle(left, top, spot.width, spot.height, PAPER), Rectangle(left, top, spot.width, bar, HEAD)]
        shapes.append(Text(spot.x, top + bar / 2, box.title, PAPER, True))
        for k, row in enumerate(box.rows):
            shapes.append(Text(spot.x, top + bar + LINE * (k + 0.5) + PAD / 4, row, INK))
    return Picture(laid.width + 2 * MARGIN, laid.height + 2 * MARGIN, shapes, [way(laid, r, lies) for r in laid.routes])


def turn(laid: Layout, rankdir: str) -> None:
    """Turns a layout from top to bottom into another direction, and leaves a margin."""
    if rankdir in ("BT", "RL"):
        for spot in laid.spots:
            spot.y = laid.height - spot.y
    if rankdir in ("LR", "RL"):
        for spot in laid.spots:
            spot.x, spot.y, spot.width, spot.height = spot.y, spot.x, spot.height, spot.width
        laid.width, laid.height = laid.height, laid.width
    for spot in laid.spots:
        spot.x, spot.y = spot.x + MARGIN, spot.y + MARGIN


def make_room(laid: Layout, frames: list[Rectangle | Text]) -> None:
    """Moves a layout, and widens its sheet, so that the frames are on it."""
    sheets = [f for f in frames if isinstance(f, Rectangle)]
    left, top = (max(-min(corner, default=0.0), 0.0) for corner in ([f.x for f in sheets], [f.y for f in sheets]))
    for spot in laid.spots:
        spot.x, spot.y = spot.x + left, spot.y + top
    laid.width = max([laid.width, *(f.x + f.width - 2 * MARGIN for f in sheets)]) + left
    laid.height = max([laid.height, *(f.y + f.height - 2 * MARGIN for f in sheets)]) + top


def way(laid: Layout, route: list[int], lies: bool) -> list[Point]:
    """The points of an arrow from the edge of one box to that of another: straight through the layers, where other
    boxes stand, and aslant between them."""
    spots = [laid.spots[i] for i in route]
    down = spots[-1].x > spots[0].x if lies else spots[-1].y > spots[0].y
    found: list[Point] = []
    for spot in spots:
        across, along, size = (spot.y, spot.x, spot.width) if lies else (spot.x, spot.y, spot.height)
        reach, edge = spot.tall / 2, size / 2
        before, after = (edge, reach) if spot is spots[0] else (-reach, -edge if spot is spots[-1] else reach)
        for step in (before, after):
            here = along + (step if down else -step)
            point = (here, across) if lies else (across, here)
            found += (
                [point] if not found or max(abs(p - q) for p, q in zip(point, found[-1], strict=True)) > 0.5 else []
            )
    return found


def clusters(diagram: Diagram, spots: list[Spot]) -> list[Rectangle | Text]:
    """A sheet behind the boxes of each nested model, with its name."""
    found: list[Rectangle | Text] = []
    names = {b.inside[:d] for b in diagram.boxes for d in range(1, len(b.inside) + 1)}
    for name in sorted(names, key=len):
        inner = [(b.inside, s) for b, s in zip(diagram.boxes, spots, strict=False) if b.inside[: len(name)] == name]
        pad = [PAD / 2 + 3 * (len(i) - len(name)) for i, _ in inner]
        left = min(s.x - s.width / 2 - p for (_, s), p in zip(inner, pad, strict=True))
        right = max(s.x + s.width / 2 + p for (_, s), p in zip(inner, pad, strict=True))
        top = min(
            s.y - s.height / 2 - p - LINE * (1 + len(i) - len(name)) for (i, s), p in zip(inner, pad, strict=True)
        )
        bottom = max(s.y + s.height / 2 + p for (_, s), p in zip(inner, pad, strict=True))
        found += [
            Rectangle(left, top, right - left, bottom - top, CLUSTER),
            Text(left + PAD / 2 + len(name[-1]) * CHARACTER / 2, top + LINE / 2 + 2, name[-1], INK),
        ]
    return found


def curve(points: list[Point]) -> str:
    """The path of an arrow in SVG: smooth, upright where it begins and ends."""
    (x, y), parts = points[0], [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for u, v in points[1:]:
        if abs(v - y) >= abs(u - x) / 3:
            parts.append(f"C{x:.1f},{(y + v) / 2:.1f} {u:.1f},{(y + v) / 2:.1f} {u:.1f},{v:.1f}")
        else:
            parts.append(f"C{(x + u) / 2:.1f},{y:.1f} {(x + u) / 2:.1f},{v:.1f} {u:.1f},{v:.1f}")
        x, y = u, v
    return " ".join(parts)


def svg(picture: Picture) -> str:
    """The picture as SVG."""
    w, h = f"{picture.width:.0f}", f"{picture.height:.0f}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="13">',
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0,0 L10,5 L0,10 z" fill="{INK}"/></marker></defs>',
        f'<rect width="{w}" height="{h}" fill="{PAPER}"/>',
    ]
    for shape in picture.shapes:
        if isinstance(shape, Rectangle):
            lines.append(
                f'<rect x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" height="{shape.height:.1f}" '
                f'fill="{shape.fill}" stroke="{INK}" rx="2"/>'
            )
        else:
            bold = ' font-weight="bold"' if shape.bold else ""
            lines.append(
                f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" text-anchor="middle" dominant-baseline="central" '
                f'fill="{shape.color}"{bold}>{html.escape(shape.text)}</text>'
            )
    lines += [f'<path d="{curve(a)}" fill="none" stroke="{INK}" marker-end="url(#tip)"/>' for a in picture.arrows]
    return "\n".join([*lines, "</svg>\n"])


def raster(picture: Picture, form: str, dpi: float) -> bytes:
    """The picture as PNG, PDF or JPEG, drawn by matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.patches import Rectangle as Patch
    except ImportError:
        raise ImportError(
            f"A {form.upper()} is drawn by matplotlib: pip install matplotlib; or write to .svg."
        ) from None
    figure: Any = Figure(figsize=(picture.width / 96, picture.height / 96))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, picture.width), ylim=(picture.height, 0))
    axes.axis("off")
    for shape in picture.shapes:
        if isinstance(shape, Rectangle):
            axes.add_patch(
                Patch((shape.x, shape.y), shape.width, shape.height, facecolor=shape.fill, edgecolor=INK, lw=0.8)
            )
        else:
            weight = "bold" if shape.bold else "normal"
            axes.text(
                shape.x, shape.y, shape.text, ha="center", va="center", color=shape.color, fontsize=9, weight=weight
            )
    for points in picture.arrows:
        axes.plot([p[0] for p in points[:-1]], [p[1] for p in points[:-1]], color=INK, lw=0.8)
        axes.add_patch(
            FancyArrowPatch(
                points[-2], points[-1], arrowstyle="-|>", mutation_scale=8, color=INK, lw=0.8, shrinkA=0, shrinkB=0
            )
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, dpi=dpi)
    return buffer.getvalue()
