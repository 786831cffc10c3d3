"""Fourier transforms; a complex array is a pair (real, imaginary)."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ..operation import operation

__all__ = ["extract_sequences", "fft", "fft2", "ifft2", "irfft", "istft", "rfft", "stft"]

Pair = tuple[jax.Array, jax.Array]


def _complex(name: str, x: Any) -> jax.Array:
    """The complex array of a pair of arrays of floats."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"{name} takes a pair (real, imaginary) of arrays; received {type(x).__name__}.")
    real, imaginary = (jnp.asarray(part) for part in x)
    if real.shape != imaginary.shape or not jnp.issubdtype(jnp.result_type(real, imaginary), jnp.floating):
        raise ValueError(
            f"{name} takes real and imaginary parts of one shape and of floats; received {real.shape} {real.dtype} "
            f"and {imaginary.shape} {imaginary.dtype}."
        )
    return jax.lax.complex(real, imaginary)


def _parts(z: jax.Array) -> Pair:
    return jnp.real(z), jnp.imag(z)


@operation(name="FFT")
def fft(x: Any) -> Pair:
    """The Fourier transform along the last axis. Shapes: 2 * (..., n) -> 2 * (..., n).

    >>> fft((jnp.ones(2), jnp.zeros(2)))[0].tolist()
    [2.0, 0.0]
    """
    return _parts(jnp.fft.fft(_complex("fft", x)))


@operation(name="FFT2")
def fft2(x: Any) -> Pair:
    """The Fourier transform along the last two axes. Shapes: 2 * (..., m, n) -> same.

    >>> fft2((jnp.ones((1, 2)), jnp.zeros((1, 2))))[0].tolist()
    [[2.0, 0.0]]
    """
    return _parts(jnp.fft.fft2(_complex("fft2", x)))


@operation(name="IFFT2")
def ifft2(x: Any) -> Pair:
    """The inverse of `fft2`. Shapes: 2 * (..., m, n) -> same.

    >>> ifft2((jnp.array([[2.0, 0.0]]), jnp.zeros((1, 2))))[0].tolist()
    [[1.0, 1.0]]
    """
    return _parts(jnp.fft.ifft2(_complex("ifft2", x)))


@operation("fft_length", name="RFFT")
def rfft(x: ArrayLike, fft_length: int | None = None) -> Pair:
    """The Fourier transform of real numbers along the last axis, cut or filled with 0 to `fft_length`.

    Shapes: (..., n) -> 2 * (..., fft_length // 2 + 1).

    >>> rfft([1.0, 1.0])[0].tolist()
    [2.0, 0.0]
    """
    return _parts(jnp.fft.rfft(jnp.asarray(x), n=fft_length))


@operation("fft_length", name="IRFFT")
def irfft(x: Any, fft_length: int | None = None) -> jax.Array:
    """The inverse of `rfft`. Shapes: 2 * (..., n // 2 + 1) -> (..., fft_length).

    >>> irfft((jnp.array([2.0, 0.0]), jnp.zeros(2))).tolist()
    [1.0, 1.0]
    """
    return jnp.fft.irfft(_complex("irfft", x), n=fft_length)


@operation("sequence_length", "sequence_stride")
def extract_sequences(x: ArrayLike, sequence_length: int, sequence_stride: int) -> jax.Array:
    """The pieces of this length that begin every `sequence_stride` steps.

    Shapes: (..., time) -> (..., pieces, sequence_length).

    >>> extract_sequences([1.0, 2.0, 3.0, 4.0], 2, 2).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    x = jnp.asarray(x)
    starts = np.arange(0, x.shape[-1] - sequence_length + 1, sequence_stride)
    return x[..., starts[:, None] + np.arange(sequence_length)]


# --- short-time -------------------------------------------------------------------------------


def _window(name: str, window: Any, length: int, fft_length: int, dtype: Any) -> jax.Array:
    """The window, with zeros around it up to `fft_length`."""
    if fft_length < length:
        raise ValueError(f"{name}: fft_length={fft_length} must not be less than sequence_length={length}.")
    if window is None:
        return jnp.ones(fft_length, dtype)
    if isinstance(window, str):
        alpha = {"hann": 0.5, "hamming": 0.54}.get(window)
        if alpha is None:
            raise ValueError(f"{name}: window must be 'hann', 'hamming', None or an array; received {window!r}.")
        window = (alpha - (1 - alpha) * np.cos(2 * math.pi * np.arange(length) / length)) if length > 1 else np.ones(1)
    values = jnp.asarray(window, dtype)
    if values.shape != (length,):
        raise ValueError(f"{name}: the window must have the shape ({length},); received {values.shape}.")
    left = (fft_length - length) // 2
    return jnp.pad(values, (left, fft_length - length - left))


def _check_stride(name: str, stride: Any) -> None:
    if not isinstance(stride, int) or stride <= 0:
        raise ValueError(f"{name}: sequence_stride must be a positive integer; received {stride!r}.")


@operation("sequence_length", "sequence_stride", "fft_length", "window", "center", name="STFT")
def stft(
    x: ArrayLike, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = "hann", center: bool = True
) -> Pair:  # fmt: skip
    """The Fourier transforms of overlapping pieces, each under a window.

    Shapes: (..., time) -> 2 * (..., pieces, fft_length // 2 + 1).
    window: hann, hamming, an array, or None. center: whether piece i has its middle at `i * stride`.
    Raises TypeError for numbers that are not float32 or float64.

    >>> stft(jnp.ones(8), 4, 2, 4)[0].shape
    (5, 3)
    """
    _check_stride("stft", sequence_stride)
    x = jnp.asarray(x)
    if x.dtype not in (jnp.float32, jnp.float64):
        raise TypeError(f"stft takes float32 or float64; received {x.dtype}.")
    under = _window("stft", window, sequence_length, fft_length, x.dtype)
    if center:
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2,) * 2], mode="reflect")
    return _parts(jnp.fft.rfft(extract_sequences(x, fft_length, sequence_stride) * under))


@operation("sequence_length", "sequence_stride", "fft_length", "length", "window", "center", name="ISTFT")
def istft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, length: int | None = None,
    window: Any = "hann", center: bool = True,
) -> jax.Array:  # fmt: skip
    """The signal whose `stft` this is: the pieces under the window, added and divided by the sum of its squares.

    Shapes: 2 * (..., pieces, fft_length // 2 + 1) -> (..., length).
    window: that of the `stft`; for None the signal comes out `fft_length / sequence_stride` times as great.

    >>> y = istft(stft(jnp.arange(8.0), 4, 2, 4), 4, 2, 4, length=8)
    >>> y.round().tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    """
    _check_stride("istft", sequence_stride)
    z = _complex("istft", x)
    if z.ndim < 2:
        raise ValueError(f"istft takes arrays (..., pieces, frequencies); received shape {z.shape}.")
    pieces = jnp.fft.irfft(z, n=fft_length)
    under = _window("istft", window, sequence_length, fft_length, pieces.dtype)
    signal = _overlap(pieces * under, sequence_stride)
    weight = _overlap(jnp.broadcast_to(jnp.square(under), pieces.shape[-2:]), sequence_stride)
    signal = signal / jnp.where(weight > 1e-10, weight, 1.0) * (fft_length / sequence_stride if window is None else 1)
    start = fft_length // 2 if center else 0
    stop = start + length if length is not None else -start if center else None
    return signal[..., start:stop]


def _overlap(pieces: jax.Array, stride: int) -> jax.Array:
    """The pieces added up, each `stride` behind the one before."""
    count, length = pieces.shape[-2:]
    places = np.arange(count)[:, None] * stride + np.arange(length)
    whole = jnp.zeros((*pieces.shape[:-2], length + stride * (count - 1)), pieces.dtype)
    return whole.at[..., places].add(pieces)
