"""Initializers that draw: from their own integer `seed`, with Keras' numbers, or else from `rng`.

Without either, from a fresh key of the process-wide source.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import policies, random, registry, stream
from ..traced import is_traced, square_root
from .initializer import Initializer

Axes = Sequence[int] | None


class _Random(Initializer):
    """What draws: from its own seed if it has one."""

    seed = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seed = random.check_seed(self.seed)
        for name in ("mean", "stddev", "minval", "maxval", "gain"):
            value = getattr(self, name, 0.0)
            if not is_traced(value) and not np.all(np.isfinite(value)):
                raise ValueError(f"{type(self).__name__}: {name} must be finite; received {value!r}.")

    def _key(self, rng: Any) -> jax.Array:
        return random.as_key(rng if self.seed is None else self.seed)


class RandomNormal(_Random, names=("normal",)):
    """Draws of the normal distribution.

    >>> RandomNormal(seed=1)((2, 3)).shape
    (2, 3)
    """

    mean: float = 0.0
    stddev: float = 0.05
    seed: Any = None

    def __call__(self, shape: Sequence[int], dtype: Any = None, *, rng: Any = None) -> jax.Array:
        return random.normal(shape, self.mean, self.stddev, dtype, self._key(rng))


class TruncatedNormal(_Random):
    """Draws of the normal distribution, cut off two standard deviations from the mean.

    >>> bool(abs(TruncatedNormal(seed=1)((100,))).max() < 0.1)
    True
    """

    mean: float = 0.0
    stddev: float = 0.05
    seed: Any = None

    def __call__(self, shape: Sequence[int], dtype: Any = None, *, rng: Any = None) -> jax.Array:
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self._key(rng))


class RandomUniform(_Random, names=("uniform",)):
    """Draws of the uniform distribution on [minval, maxval).

    >>> bool(abs(RandomUniform(seed=1)((100,))).max() < 0.05)
    True
    """

    minval: float = -0.05
    maxval: float = 0.05
    seed: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (is_traced(self.minval) or is_traced(self.maxval)) and self.minval > self.maxval:
            raise ValueError(f"RandomUniform: expected minval <= maxval, received {self.minval} and {self.maxval}.")

    def __call__(self, shape: Sequence[int], dtype: Any = None, *, rng: Any = None) -> jax.Array:
        return random.uniform(shape, self.minval, self.maxval, dtype, self._key(rng))


class VarianceScaling(_Random):
    """Draws of mean 0 and variance `scale / n`, n being what `mode` says.

    mode: `"fan_in"` for the inputs of a unit, `"fan_out"` for its outputs, `"fan_avg"` for their mean.
    distribution: `"truncated_normal"` (or `"normal"`), `"untruncated_normal"` or `"uniform"`.
    input_axes, output_axes: the axes of the shape that count as inputs and outputs; both or
        neither. Without them the last two do, times the size of the window before them.

    >>> VarianceScaling(2.0, "fan_out", "uniform", seed=1)((3, 4)).shape
    (3, 4)
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: Any = None
    input_axes: Axes = None
    output_axes: Axes = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.distribution = {"normal": "truncated_normal"}.get(self.distribution.lower(), self.distribution.lower())
        if not is_traced(self.scale) and not 0 < self.scale < math.inf:
            raise ValueError(f"{self}: scale must be a positive number; received {self.scale!r}.")
        if self.mode not in (modes := ("fan_in", "fan_out", "fan_avg")):
            raise registry.unknown("mode of VarianceScaling", self.mode, modes)
        if self.distribution not in (known := ("truncated_normal", "untruncated_normal", "uniform")):
            raise registry.unknown("distribution of VarianceScaling", self.distribution, known)
        if (self.input_axes is None) != (self.output_axes is None):
            raise ValueError(f"{self}: give both input_axes and output_axes, or neither.")

    def __call__(self, shape: Sequence[int], dtype: Any = None, *, rng: Any = None) -> jax.Array:
        fan_in, fan_out = fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance, key = self.scale / max(1.0, n), self._key(rng)
        if self.distribution == "uniform":
            limit = square_root(3.0 * variance)
            return random.uniform(shape, -limit, limit, dtype, key)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, square_root(variance), dtype, key)
        return random.truncated_normal(shape, 0.0, square_root(variance) / CUT, dtype, key)


CUT = 0.87962566103423978  # standard deviation of the standard normal distribution cut off at -2 and 2


def fans(shape: Sequence[int], input_axes: Axes = None, output_axes: Axes = None) -> tuple[int, int]:
    """The numbers of inputs and outputs of one unit of a weight.

    >>> fans((3, 4)), fans((5, 5, 3, 4)), fans((7,)), fans((2, 3, 4), (0, 1), (2,))
    ((3, 4), (75, 100), (7, 7), (6, 4))
    """
    shape = random.sizes(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[i] for i in input_axes), math.prod(shape[i] for i in output_axes)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def _fixed(value: Any) -> Any:
    return dataclasses.field(default=value, init=False, repr=False)


class GlorotUniform(VarianceScaling):
    """Uniform on ±sqrt(6 / (fan_in + fan_out)). Source: Glorot and Bengio, 2010.

    >>> GlorotUniform(seed=1)((2, 3)).shape
    (2, 3)
    """

    scale: float = _fixed(1.0)
    mode: str = _fixed("fan_avg")
    distribution: str = _fixed("uniform")


class GlorotNormal(VarianceScaling):
    """Truncated normal of variance 2 / (fan_in + fan_out). Source: Glorot and Bengio, 2010.

    >>> GlorotNormal(seed=1)((2, 3)).shape
    (2, 3)
    """

    scale: float = _fixed(1.0)
    mode: str = _fixed("fan_avg")
    distribution: str = _fixed("truncated_normal")


class LecunUniform(VarianceScaling):
    """Uniform on ±sqrt(3 / fan_in). Source: https://arxiv.org/abs/1706.02515

    >>> LecunUniform(seed=1)((2, 3)).shape
    (2, 3)
    """

    scale: float = _fixed(1.0)
    mode: str = _fixed("fan_in")
    distribution: str = _fixed("uniform")


class LecunNormal(VarianceScaling):
    """Truncated normal of variance 1 / fan_in. Source: https://arxiv.org/abs/1706.02515

    >>> LecunNormal(seed=1)((2, 3)).shape
    (2, 3)
    """

    scale: float = _fixed(1.0)
    mode: str = _fixed("fan_in")
    distribution: str = _fixed("truncated_normal")


class HeUniform(VarianceScaling):
    """Uniform on ±sqrt(6 / fan_in). Source: https://arxiv.org/abs/1502.01852

    >>> HeUniform(seed=1)((2, 3)).shape
    (2, 3)
    """

    scale: float = _fixed(2.0)
    mode: str = _fixed("fan_in")
    distribution: str = _fixed("uniform")


class HeNormal(VarianceScaling):
    """Truncated normal of variance 2 / fan_in. Source: https://arxiv.org/abs/1502.01852

    >>> HeNormal(seed=1)((2, 3)).shape
    (2, 3)
    """

    scale: float = _fixed(2.0)
    mode: str = _fixed("fan_in")
    distribution: str = _fixed("truncated_normal")


class Orthogonal(_Random, names=("OrthogonalInitializer",)):
    """`gain` times a random matrix with orthonormal columns, or rows where it has fewer of them.

    Shapes: () -> (..., n), taken as a matrix of n columns. Raises ValueError for rank 0 or 1.
    Source: https://arxiv.org/abs/1312.6120

    >>> q = Orthogonal(seed=1)((4, 2))
    >>> bool(jnp.allclose(q.T @ q, jnp.eye(2), atol=1e-6))
    True
    """

    gain: float = 1.0
    seed: Any = None

    def __call__(self, shape: Sequence[int], dtype: Any = None, *, rng: Any = None) -> jax.Array:
        shape, dtype = random.sizes(shape), policies.available(dtype)
        if len(shape) < 2:
            raise ValueError(f"{self} makes matrices; expected at least two dimensions, received shape {shape}.")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        exact = dtype if dtype == "float64" else "float32"
        tall = random.normal((max(rows, columns), min(rows, columns)), dtype=exact, seed=self._key(rng))
        q = _orthonormal(tall)
        q = self.gain * (q.T if rows < columns else q)
        return stream.put(q.reshape(shape), dtype)


def _orthonormal(matrix: jax.Array) -> Any:
    """Q of QR with the signs that make it uniform; outside of jit by the same LAPACK, without a program per shape."""
    if is_traced(matrix):
        q, r = jnp.linalg.qr(matrix)
        return q * jnp.sign(jnp.diagonal(r))
    import scipy.linalg

    q, r = scipy.linalg.qr(np.asarray(matrix), mode="economic", check_finite=False)  # type: ignore[misc]
    return q * np.sign(np.diagonal(r))
