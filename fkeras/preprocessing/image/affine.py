"""Whole batches of images turned, moved, sheared, zoomed and mirrored at once."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

FILLS = ("constant", "nearest", "reflect", "wrap", "mirror")


def matrices(t: dict[str, np.ndarray], height: int, width: int) -> np.ndarray:
    """Where pixels (down, across) come from: (batch, 2, 3), of transforms (batch,) each.

    As in Keras the first of (tx, ty) moves along the columns, and the middle of the image is that of
    (height, width) in this order.
    """
    theta, shear = np.deg2rad(t["theta"]), np.deg2rad(t["shear"])
    one, zero = np.ones_like(theta), np.zeros_like(theta)
    cos, sin = np.cos(theta), np.sin(theta)
    turn = _square([[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]])
    move = _square([[one, zero, t["tx"]], [zero, one, t["ty"]], [zero, zero, one]])
    slant = _square([[one, -np.sin(shear), zero], [zero, np.cos(shear), zero], [zero, zero, one]])
    zoom = _square([[t["zx"], zero, zero], [zero, t["zy"], zero], [zero, zero, one]])
    away, back = np.eye(3), np.eye(3)
    away[:2, 2] = height / 2 - 0.5, width / 2 - 0.5
    back[:2, 2] = -away[:2, 2]
    found = away @ (turn @ move @ slant @ zoom) @ back
    return found[:, [1, 0]][:, :, [1, 0, 2]]


def _square(rows: Any) -> np.ndarray:
    return np.moveaxis(np.array(rows, "float64"), -1, 0)


def mirrored(m: np.ndarray, height: int, width: int, vertical: Any, horizontal: Any) -> np.ndarray:
    """Matrices of the same transforms, with the images that are marked mirrored afterwards."""
    m = m.copy()
    for column, size, marked in ((0, height, vertical), (1, width, horizontal)):
        at = np.flatnonzero(marked)
        m[at, :, 2] += m[at, :, column] * (size - 1)
        m[at, :, column] *= -1
    return m


def warp(x: np.ndarray, m: np.ndarray, fill_mode: str, cval: float, order: int) -> np.ndarray:
    """Images (batch, height, width, channels) whose pixels come from other places, in their dtype.

    order: of the splines between pixels: 0 for the nearest, 1 for lines; SciPy does those above.
    Raises ValueError for an unknown way to fill.

    >>> x = np.arange(3.0).reshape(1, 1, 3, 1)
    >>> warp(x, np.array([[[1, 0, 0], [0, 1, 1]]]), "nearest", 0.0, 1).ravel().tolist()
    [1.0, 2.0, 2.0]
    """
    if fill_mode not in FILLS:
        raise ValueError(f"fill_mode must be one of {', '.join(FILLS)}; received {fill_mode!r}.")
    if order not in range(6):
        raise ValueError(f"The order of interpolation is a whole number from 0 to 5; received {order!r}.")
    if order > 1:
        return _splines(x, m, fill_mode, cval, order)
    y = np.array(_warp(np.asarray(x, "float32"), m.astype("float32"), np.float32(cval), fill_mode, order))
    return (np.rint(y) if x.dtype.kind in "iu" else y).astype(x.dtype, copy=False)


@functools.partial(jax.jit, static_argnums=(3, 4))
def _warp(x: jax.Array, m: jax.Array, cval: jax.Array, mode: str, order: int) -> jax.Array:
    batch, height, width, channels = x.shape
    down, across = (
        r[:, 0, None, None] * jnp.arange(height)[:, None]
        + r[:, 1, None, None] * jnp.arange(width)
        + r[:, 2, None, None]
        for r in (m[:, 0], m[:, 1])
    )
    outside = (down < 0) | (down > height - 1) | (across < 0) | (across > width - 1)
    rows, cols = (_neighbours(at, size, mode, order) for at, size in ((down, height), (across, width)))
    pixels, first = x.reshape(-1, channels), jnp.arange(batch)[:, None, None] * height

    def at(row: jax.Array, col: jax.Array) -> jax.Array:
        return pixels.at[(first + row) * width + col].get(mode="promise_in_bounds")

    if order == 0:
        y = at(rows[0], cols[0])
    else:
        v, h = rows[2][..., None], cols[2][..., None]
        y = (at(rows[0], cols[0]) * (1 - h) + at(rows[0], cols[1]) * h) * (1 - v)
        y = y + (at(rows[1], cols[0]) * (1 - h) + at(rows[1], cols[1]) * h) * v
    return jnp.where(outside[..., None], cval, y) if mode == "constant" else y


def _neighbours(at: jax.Array, size: int, mode: str, order: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The pixels before and after these places along an axis, and how far the places are from the first."""
    last = size - 1
    if mode == "reflect":
        at = jnp.mod(at, 2 * size)
        at = jnp.where(at >= size, 2 * size - 1 - at, at)
    elif mode == "mirror":
        at = jnp.mod(at, max(2 * last, 1))
        at = jnp.where(at > last, 2 * last - at, at)
    elif mode == "wrap":  # SciPy's: the first pixel lies on the last
        turn = max(last, 1)
        low, high = at + turn * (jnp.floor(-at / turn) + 1), at - turn * jnp.floor(at / turn)
        at = jnp.where(at < 0, low, jnp.where(at > last, high, at))
    else:
        at = jnp.clip(at, 0, last)
    before = jnp.floor(at + 0.5 if order == 0 else at)
    near = before.astype("int32")
    return jnp.clip(near, 0, last), jnp.clip(near + 1, 0, last), at - before


def _splines(x: np.ndarray, m: np.ndarray, fill_mode: str, cval: float, order: int) -> np.ndarray:
    from scipy import ndimage

    y = np.empty_like(x)
    for image, out, matrix in zip(x, y, m, strict=True):
        for c in range(x.shape[-1]):
            part = image[..., c], matrix[:, :2], matrix[:, 2]
            out[..., c] = ndimage.affine_transform(*part, order=order, mode=fill_mode, cval=cval)
    return y
