"""Initializers that draw nothing: constants, the identity, Fourier kernels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import policies, random, stream
from .initializer import Initializer


class Constant(Initializer):
    """`value` everywhere; an array is broadcast to the shape.

    Raises ValueError where it cannot be.

    >>> Constant(2.0)((2,)).tolist()
    [2.0, 2.0]
    """

    value: Any = 0.0
    exact: bool = dataclasses.field(default=False, init=False, repr=False)  # refuse to broadcast

    def __call__(self, shape: Sequence[int], dtype: Any = None, *, rng: Any = None) -> jax.Array:
        if self.exact and np.shape(self.value) != tuple(shape):
            raise ValueError(f"An array of shape {np.shape(self.value)} cannot initialize a weight of shape {shape}.")
        return _full(shape, self.value, dtype)


class Zeros(Initializer, names=("zero",)):
    """0 everywhere.

    >>> Zeros()((2,), "int32").tolist()
    [0, 0]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None, *, rng: Any = None) -> jax.Array:
        return _full(shape, 0, dtype)


class Ones(Initializer, names=("one",)):
    """1 everywhere.

    >>> Ones()((2,)).tolist()
    [1.0, 1.0]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None, *, rng: Any = None) -> jax.Array:
        return _full(shape, 1, dtype)


class Identity(Initializer, names=("IdentityInitializer",)):
    """`gain` on the diagonal of a matrix, 0 elsewhere.

    Raises ValueError for another rank than 2.

    >>> Identity(2.0)((2, 2)).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """

    gain: float = 1.0

    def __call__(self, shape: Sequence[int], dtype: Any = None, *, rng: Any = None) -> jax.Array:
        if len(shape) != 2:
            raise ValueError(f"{self} makes matrices; received shape {tuple(shape)}.")
        return stream.put(self.gain * np.eye(shape[0], shape[1]), policies.available(dtype))

    def get_config(self) -> dict[str, Any]:
        return {} if self.gain == 1 else {"gain": self.gain}  # Keras never writes it, but reads it


class STFT(Initializer, names=("STFTInitializer",)):
    """Kernels of a convolution that computes a short-time Fourier transform.

    side: `"real"` for cosines, `"imag"` for sines.
    window: the name of a window of SciPy, or its values, or None.
    scaling: `"density"` divides by the window's L2 norm, `"spectrum"` by its L1 norm, None by 1.
    periodic: whether the window continues itself.

    Shapes: () -> (frame length, 1, fft length // 2 + 1). Raises ValueError for any other.

    >>> STFT(window=None)((2, 1, 2))[:, 0].tolist()
    [[1.0, 1.0], [1.0, -1.0]]
    """

    side: str = "real"
    window: Any = "hann"
    scaling: str | None = "density"
    periodic: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.side not in ("real", "imag"):
            raise ValueError(f"{self}: side must be 'real' or 'imag'.")
        if self.scaling not in (None, "density", "spectrum"):
            raise ValueError(f"{self}: scaling must be None, 'density' or 'spectrum'.")
        if isinstance(self.window, str):
            self._window(1)  # SciPy refuses an unknown name

    def __call__(self, shape: Sequence[int], dtype: Any = None, *, rng: Any = None) -> jax.Array:
        if len(shape) != 3 or shape[1] != 1 or shape[2] < 2:
            raise ValueError(f"{self} needs a shape (frame length, 1, fft length // 2 + 1); received {tuple(shape)}.")
        dtype = policies.available(dtype)
        exact = np.float64 if dtype == "float64" else np.float32
        time, frequency = np.arange(shape[0], dtype=exact)[:, None, None], np.arange(shape[2], dtype=exact)
        angle = -2 * time * (frequency / exact(2 * (shape[2] - 1))) * exact(np.pi)
        kernel = np.cos(angle) if self.side == "real" else np.sin(angle)
        if self.window is not None:
            window = self._window(shape[0]).astype(exact)
            norm = {"density": np.sqrt((window**2).sum()), "spectrum": np.abs(window).sum(), None: exact(1)}
            kernel = kernel * window[:, None, None] / norm[self.scaling]
        return stream.put(kernel, dtype)

    def _window(self, length: int) -> np.ndarray:
        if isinstance(self.window, str):
            import scipy.signal

            return np.asarray(scipy.signal.get_window(self.window, length, self.periodic))
        window = np.asarray(self.window)
        if window.shape != (length,):
            raise ValueError(f"{self}: expected {length} values of the window, received shape {window.shape}.")
        return window


def _full(shape: Sequence[int], value: Any, dtype: Any) -> jax.Array:
    """`value` broadcast to `shape`; outside of jit by NumPy, which compiles nothing."""
    shape, dtype = random.sizes(shape), jnp.dtype(policies.available(dtype))
    if isinstance(value, jax.Array) or stream.tracing():
        return jnp.broadcast_to(jnp.asarray(value, dtype), shape)
    return stream.put(np.broadcast_to(np.asarray(value, dtype), shape))
