"""Where boxes stand: in layers, each below what it takes, with few crossings (Sugiyama, Tagawa & Toda 1981)."""

from __future__ import annotations

import dataclasses
import itertools

GAP, RISE = 24.0, 38.0  # between boxes of a layer; between layers
SWEEPS = 6


@dataclasses.dataclass
class Spot:
    """A box, or a point on a long arrow (of no size), in a layer."""

    width: float
    height: float
    x: float = 0.0  # of the middle
    y: float = 0.0


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


def arrange(sizes: list[tuple[float, float]], edges: list[tuple[int, int]]) -> Layout:
    """The places of boxes of these sizes, from top to bottom.

    >>> found = arrange([(10, 10)] * 3, [(0, 1), (0, 2)])
    >>> found.spots[0].y < found.spots[1].y == found.spots[2].y, found.spots[1].x < found.spots[0].x < found.spots[2].x
    (True, True)
    """
    rank = ranks(len(sizes), edges)
    spots = [Spot(w, h) for w, h in sizes]
    routes: list[list[int]] = []
    for a, b in edges:
        route = [a]
        for level in range(rank[a] + 1, rank[b]):
            spots.append(Spot(4.0, 0.0))
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
    order(layers, up, down)
    place(spots, layers, up, down)
    left = min((s.x - s.width / 2 for s in spots), default=0.0)
    for spot in spots:
        spot.x -= left
    y = 0.0
    for layer in layers:
        tall = max(spots[i].height for i in layer)
        for i in layer:
            spots[i].y = y + tall / 2
        y += tall + RISE
    width = max((s.x + s.width / 2 for s in spots), default=0.0)
    return Layout(spots, routes, width, max(y - RISE, 0.0))


Links = dict[int, list[int]]


def order(layers: list[list[int]], up: Links, down: Links) -> None:
    """Sorts each layer by where its neighbors stand, back and forth."""
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for above, layer in itertools.pairwise(layers if forward else layers[::-1]):
            seat = {i: k for k, i in enumerate(above)}
            links = up if forward else down
            now = {i: k for k, i in enumerate(layer)}
            layer.sort(key=lambda i: mean([seat[j] for j in links[i] if j in seat], now[i]))


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
    """How far the middles of two neighbors must be apart."""
    return (spots[a].width + spots[b].width) / 2 + GAP
