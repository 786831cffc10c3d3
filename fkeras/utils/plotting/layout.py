"""Where boxes stand: in layers, each below what it takes, with few crossings (Sugiyama, Tagawa & Toda 1981)."""

from __future__ import annotations

import dataclasses
import itertools

GAP, RISE = 24.0, 38.0  # between boxes of a layer; between layers
FRAME = 20.0  # more of both, for each frame that stands between
SWEEPS = 6


@dataclasses.dataclass
class Spot:
    """A box, or a point on a long arrow (of no size), in a layer.

    tall: the height of the layer. inside: the frames that it stands in, from outside to inside.
    """

    width: float
    height: float
    x: float = 0.0  # of the middle
    y: float = 0.0
    tall: float = 0.0
    inside: tuple[str, ...] = ()


@dataclasses.dataclass
class Layout:
    """Spots by number, and for each arrow the spots that it runs through."""

    spots: list[Spot]
    routes: list[list[int]]
    width: float
    height: float


def ranks(n: int, edges: list[tuple[int, int]]) -> list[int]:
    """The layer of each box: one more than the largest of those before it.

    >>> ranks(3, [(0, 1), (1, 2), (0, 2)])
    [0, 1, 2]
    """
    found = [0] * n
    for _ in range(n):
        before = list(found)
        for a, b in edges:
            found[b] = max(found[b], found[a] + 1)
        if found == before:
            break
    return found


def arrange(
    sizes: list[tuple[float, float]], edges: list[tuple[int, int]], inside: list[tuple[str, ...]] | None = None
) -> Layout:
    """The places of boxes of these sizes, from top to bottom.

    inside: for each box the names of the frames around it, which are kept free of other boxes.

    >>> found = arrange([(10, 10)] * 3, [(0, 1), (0, 2)])
    >>> found.spots[0].y < found.spots[1].y == found.spots[2].y, found.spots[1].x < found.spots[0].x < found.spots[2].x
    (True, True)
    """
    rank = ranks(len(sizes), edges)
    inside = inside or [()] * len(sizes)
    spots = [Spot(w, h, inside=frames) for (w, h), frames in zip(sizes, inside, strict=True)]
    routes: list[list[int]] = []
    for a, b in edges:
        route = [a]
        for level in range(rank[a] + 1, rank[b]):
            spots.append(Spot(4.0, 0.0, inside=common(spots[a].inside, spots[b].inside)))
            rank.append(level)
            route.append(len(spots) - 1)
        routes.append([*route, b])
    layers: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    for i, level in enumerate(rank):
        layers[level].append(i)
    links = [pair for route in routes for pair in itertools.pairwise(route)]
    up: dict[int, list[int]] = {i: [] for i in range(len(spots))}
    down: dict[int, list[int]] = {i: [] for i in range(len(spots))}
    for a, b in links:
        up[b].append(a)
        down[a].append(b)
    order(layers, up, down, spots)
    place(spots, layers, up, down)
    clear(spots, layers)
    left = min((s.x - s.width / 2 for s in spots), default=0.0)
    for spot in spots:
        spot.x -= left
    y, rise = 0.0, RISE + FRAME * max(map(len, inside), default=0)
    for layer in layers:
        tall = max(spots[i].height for i in layer)
        for i in layer:
            spots[i].y, spots[i].tall = y + tall / 2, tall
        y += tall + rise
    width = max((s.x + s.width / 2 for s in spots), default=0.0)
    return Layout(spots, routes, width, max(y - rise, 0.0))


def common(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    """The frames around both of two boxes."""
    return tuple(x for x, y in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


Links = dict[int, list[int]]


def order(layers: list[list[int]], up: Links, down: Links, spots: list[Spot]) -> None:
    """Sorts each layer by where its neighbors stand, back and forth; what one frame is around stays together."""
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for above, layer in itertools.pairwise(layers if forward else layers[::-1]):
            seat = {i: k for k, i in enumerate(above)}
            links = up if forward else down
            now = {i: k for k, i in enumerate(layer)}
            wish = {i: mean([seat[j] for j in links[i] if j in seat], now[i]) for i in layer}
            layer.sort(key=lambda i: [*framed(i, layer, wish, spots), wish[i]])


def framed(i: int, layer: list[int], wish: dict[int, float], spots: list[Spot]) -> list[float]:
    """For each frame around a box, the mean of what all boxes of the layer in it wish."""
    own = spots[i].inside
    depths = range(1, len(own) + 1)
    return [mean([wish[j] for j in layer if spots[j].inside[:d] == own[:d]], 0.0) for d in depths]


def mean(values: list[float] | list[int], otherwise: float) -> float:
    """The mean, or another number if there are no values."""
    return sum(values) / len(values) if values else otherwise


def place(spots: list[Spot], layers: list[list[int]], up: Links, down: Links) -> None:
    """Sets x: near the neighbors, without overlap."""
    for layer in layers:
        spread(spots, layer, [0.0] * len(layer))
    for sweep in range(SWEEPS * 2):
        links = up if sweep % 2 == 0 else down
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            spread(spots, layer, [mean([spots[j].x for j in links[i]], spots[i].x) for i in layer])


def spread(spots: list[Spot], layer: list[int], wanted: list[float]) -> None:
    """Puts a layer near where it wants to be: the mean of pushing from the left and from the right."""
    left, right = list(wanted), list(wanted)
    for k in range(1, len(layer)):
        left[k] = max(left[k], left[k - 1] + apart(spots, layer[k - 1], layer[k]))
    for k in range(len(layer) - 2, -1, -1):
        right[k] = min(right[k], right[k + 1] - apart(spots, layer[k], layer[k + 1]))
    for k, i in enumerate(layer):
        spots[i].x = (left[k] + right[k]) / 2


def apart(spots: list[Spot], a: int, b: int) -> float:
    """How far the middles of two neighbors must be apart: further, if a frame stands between them."""
    one, other = spots[a].inside, spots[b].inside
    between = len(one) + len(other) - 2 * len(common(one, other))
    return (spots[a].width + spots[b].width) / 2 + GAP + FRAME * between


def clear(spots: list[Spot], layers: list[list[int]]) -> None:
    """Pushes aside what stands where a frame will be drawn, but is not in it; the outer frames first."""
    frames = {s.inside[:d] for s in spots for d in range(1, len(s.inside) + 1)}
    for frame in sorted(frames, key=lambda f: (len(f), f)):
        inner = [s for s in spots if s.inside[: len(frame)] == frame]
        left, right = min(s.x - s.width / 2 for s in inner), max(s.x + s.width / 2 for s in inner)
        margin = GAP / 2 + FRAME * (1 + max(len(s.inside) for s in inner) - len(frame))
        rows = [k for k, layer in enumerate(layers) if any(spots[i].inside[: len(frame)] == frame for i in layer)]
        for layer in layers[rows[0] : rows[-1] + 1]:
            push(spots, layer, frame, left - margin, right + margin)


def push(spots: list[Spot], layer: list[int], frame: tuple[str, ...], left: float, right: float) -> None:
    """Moves the boxes of a layer that are not in a frame out of the strip that it takes, to the side where they are."""
    seats = [k for k, i in enumerate(layer) if spots[i].inside[: len(frame)] == frame]
    middle = (left + right) / 2
    first = seats[0] if seats else sum(spots[i].x < middle for i in layer)
    last = seats[-1] + 1 if seats else first
    for k in range(last, len(layer)):
        spot = spots[layer[k]]
        edge = right if k == last else spots[layer[k - 1]].x + apart(spots, layer[k - 1], layer[k]) - spot.width / 2
        spot.x = max(spot.x, edge + spot.width / 2)
    for k in range(first - 1, -1, -1):
        spot = spots[layer[k]]
        edge = left if k == first - 1 else spots[layer[k + 1]].x - apart(spots, layer[k], layer[k + 1]) + spot.width / 2
        spot.x = min(spot.x, edge - spot.width / 2)
