"""Images whose histograms are made flat: as a whole, or tile by tile."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ..layout import data_format
from ..settings import check_positive
from .layer import ImageLayer, depth
from .light import BYTES
from .settings import check_value_range, rescale


class Equalization(ImageLayer):
    """While training, values replaced so that all are about equally frequent: each channel by itself, over the batch.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    bins: of the histogram.

    >>> Equalization()(jnp.array([[[10.0], [20.0]]])).tolist()
    [[[0.0], [255.0]]]
    """

    value_range: Any = BYTES
    bins: int = 256
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "bins")
        check_value_range(self)

    def change(self, images: Any, t: Any) -> Any:
        x = rescale(images, self.value_range, BYTES)
        y = jax.vmap(self._equalized, depth(self), depth(self))(x)
        return rescale(y, BYTES, self.value_range)

    def _equalized(self, x: Any) -> Any:
        """One channel of a batch."""
        x, top = x.astype("float32"), self.bins - 1
        counts = jnp.bincount(jnp.clip(x * top / 255.0, 0, top).astype("int32").ravel(), length=self.bins)
        below = jnp.cumsum(counts)
        first = counts[jnp.argmax(counts > 0)]
        table = jnp.clip(jnp.round((below - first) * 255 / jnp.maximum(below[-1] - first, 1)), 0, 255)
        flat = jnp.count_nonzero(counts) <= 1
        return jnp.where(flat, x, table[jnp.clip(x / 255.0 * top, 0, top).astype("int32")])


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Images equalized tile by tile, with the contrast limited, and the tiles blended into one another.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    clip_limit: how many times the mean a bin may hold; what is above goes to all bins alike. 0 for no limit.
    tile_grid_size: how many tiles there are, down and across.

    Source: Zuiderveld, Contrast limited adaptive histogram equalization, Graphics Gems IV (1994).

    >>> ContrastLimitedAdaptiveHistogramEqualization()(jnp.zeros((16, 16, 1))).shape
    (16, 16, 1)
    """

    value_range: Any = BYTES
    clip_limit: float = 4.0
    tile_grid_size: tuple[int, int] = (8, 8)
    data_format: str | None = data_format()

    augments: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_value_range(self)
        grid = self.tile_grid_size
        if not isinstance(grid, (list, tuple)) or len(grid) != 2 or not all(isinstance(n, int) and n > 0 for n in grid):
            raise ValueError(f"{type(self).__name__}: tile_grid_size must be two whole numbers; got {grid!r}.")

    def change(self, images: Any, t: Any) -> Any:
        x = rescale(jnp.moveaxis(images, depth(self), 1).astype("float32"), self.value_range, BYTES)
        y = jax.vmap(jax.vmap(self._plane))(x)
        return jnp.moveaxis(rescale(y, BYTES, self.value_range), 1, depth(self))

    def _plane(self, x: Any) -> Any:
        """One channel (h, w) of one image."""
        (height, width), grid = x.shape, self.tile_grid_size
        tile = [-(-n // g) for n, g in zip(x.shape, grid, strict=True)]
        x = jnp.pad(x, [(0, n * g - s) for n, g, s in zip(tile, grid, x.shape, strict=True)], mode="symmetric")
        levels = jnp.clip(x, 0, 255).astype("int32")
        tiles = levels.reshape(grid[0], tile[0], grid[1], tile[1]).transpose(0, 2, 1, 3).reshape(*grid, -1)
        tables = jnp.pad(jax.vmap(jax.vmap(self._table))(tiles), [(1, 1), (1, 1), (0, 0)], mode="edge")
        (top, down), (left, across) = (_between(n, g) for n, g in zip(tile, grid, strict=True))

        def look(i: Any, j: Any) -> Any:
            return tables[i[:, None], j, levels]

        upper, lower = (look(i, left) * (1.0 - across) + look(i, left + 1) * across for i in (top, top + 1))
        return (upper * (1.0 - down[:, None]) + lower * down[:, None])[:height, :width]

    def _table(self, levels: Any) -> Any:
        """What the levels of one tile become."""
        size = levels.size
        counts = jnp.bincount(levels, length=256).astype("float32")
        if self.clip_limit > 0:
            kept = jnp.minimum(counts, self.clip_limit * size / 256.0)
            counts = kept + jnp.sum(counts - kept) / 256.0
        below = jnp.cumsum(counts)
        room = size - below[0]
        return jnp.clip((below - below[0]) * 255.0 / jnp.where(room == 0, 1.0, room), 0, 255)


def _between(tile: int, grid: int) -> tuple[Any, Any]:
    """For each pixel along an axis: the tile before it, of those with one more at either end, and how far it is."""
    place = (jnp.arange(tile * grid, dtype="float32") - tile / 2.0) / tile + 1.0
    before = jnp.floor(place)
    return before.astype("int32"), place - before
