"""Random numbers: JAX keys below, Keras' seeds above.

A `seed` may be an integer (the same numbers as Keras on JAX, each time), a
`SeedGenerator` (fresh numbers per call), a JAX key, or None, which draws a key from one
process-wide source. Pure code passes keys and never meets that source.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
import itertools
import operator
import random as python_random
import secrets
import threading
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike

from . import policies, registry, stream

KIND = registry.Kind("seed generator", "keras.random")
Seed = Any  # int | SeedGenerator | key | None
Shape = int | Sequence[int]


# --- keys ---------------------------------------------------------------------------------------


class _Source:
    """The keys of calls that are given none: entropy of the system, or a seed that was set."""

    def __init__(self) -> None:
        self.lock, self.seed, self.count = threading.Lock(), None, 0

    def restart(self, seed: int) -> None:
        with self.lock:
            self.seed, self.count = seed, 0

    def words(self, n: int) -> np.ndarray:
        with self.lock:
            self.seed = secrets.randbits(128) if self.seed is None else self.seed
            self.count += 1
            return np.random.SeedSequence(self.seed, spawn_key=(self.count,)).generate_state(n)


_SOURCE = _Source()
_LENT: contextvars.ContextVar[Iterator[Any] | None] = contextvars.ContextVar("lent", default=None)


@contextlib.contextmanager
def lent(rng: Any) -> Iterator[None]:
    """Within it, draws without a seed come from this key: those of user code inside a traced call.

    >>> def two(rng):
    ...     with lent(rng):
    ...         return normal((2,)), normal((2,))
    >>> a, b = jax.jit(two)(jax.random.key(0))
    >>> bool((a == b).any())
    False
    """
    keys = None if rng is None else (stream.fold(rng, i) for i in itertools.count())
    token = _LENT.set(keys)
    try:
        yield
    finally:
        _LENT.reset(token)


def set_random_seed(seed: int) -> None:
    """Restarts the source of keys for every call that is given no seed, and the generators of Python and NumPy.

    `random.seed` and `numpy.random.seed` are called for the script's own draws; nothing here reads what they seed.

    >>> set_random_seed(1); first = normal((2,)); set_random_seed(1)
    >>> bool((normal((2,)) == first).all())
    True
    """
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"set_random_seed expects an integer >= 0; received {seed!r}.")
    if seed >= 2**32:
        raise ValueError(f"set_random_seed expects an integer below 2**32, as NumPy does; received {seed}.")
    python_random.seed(int(seed))
    np.random.seed(int(seed))
    _SOURCE.restart(int(seed))


@contextlib.contextmanager
def seeded_source(seed: int) -> Iterator[None]:
    """Within it the source of keys is as after `set_random_seed(seed)`; then it is where it was.

    >>> set_random_seed(1); first = normal((2,))
    >>> with seeded_source(1): again = normal((2,))
    >>> bool((first == again).all())
    True
    """
    before = _SOURCE.seed, _SOURCE.count
    _SOURCE.restart(seed)
    try:
        yield
    finally:
        with _SOURCE.lock:
            _SOURCE.seed, _SOURCE.count = before


def next_key() -> jax.Array:
    """A fresh key from the process-wide source.

    Raises ValueError inside jit, where it would be drawn once and stay the same for ever.

    >>> bool((jax.random.key_data(next_key()) == jax.random.key_data(next_key())).all())
    False
    """
    if (keys := _LENT.get()) is not None:
        return next(keys)
    if stream.tracing():
        raise ValueError(
            "A random key was asked for inside a function that JAX is tracing, where it would become a constant. "
            "Pass one in: rng=key to a layer or an initializer, seed=key to a function of fkeras.random."
        )
    wide = "rbg" in str(jax.config.jax_default_prng_impl)  # type: ignore[attr-defined]
    return _wrap(_SOURCE.words(4 if wide else 2))


def next_words() -> np.ndarray:
    """The two words of a fresh key; nothing of JAX is touched until they are made a key.

    >>> next_words().dtype, next_words().shape
    (dtype('uint32'), (2,))
    """
    return _SOURCE.words(2)


def as_key(seed: Seed = None) -> jax.Array:
    """The JAX key that a seed stands for.

    seed: an integer in [0, 2**32), which gives Keras' numbers; a SeedGenerator, which is
        advanced; a JAX key, typed or raw; None for `next_key()`.

    >>> jax.random.key_data(as_key(7)).tolist()
    [7, 0]
    """
    if seed is None:
        return next_key()
    if isinstance(seed, SeedGenerator):
        return _wrap(seed.next())
    if hasattr(seed, "dtype") and jnp.issubdtype(seed.dtype, jax.dtypes.prng_key):
        return seed
    if hasattr(seed, "dtype") and seed.dtype == np.uint32 and len(seed.shape) == 1:
        return _wrap(seed)
    return _wrap(seed_state(seed))


def _wrap(words: Any) -> jax.Array:
    return jax.random.wrap_key_data(words, impl=stream.THREEFRY if np.shape(words) == (2,) else None)


def fold(rng: jax.Array, name: str) -> jax.Array:
    """The key of the part called `name` of what `rng` is the key of.

    >>> key = jax.random.key(0)
    >>> bool((jax.random.key_data(fold(key, "a")) == jax.random.key_data(fold(key, "b"))).all())
    False
    """
    return stream.fold(rng, zlib.crc32(name.encode()))


# --- seeds ---------------------------------------------------------------------------------------


def seed_state(seed: int | SeedGenerator) -> np.ndarray:
    """What `state["seed_generator"]` of a layer with this `seed` starts from: uint32[2].

    Raises ValueError for what is no integer in [0, 2**32).

    >>> seed_state(7).tolist()
    [7, 0]
    """
    if isinstance(seed, SeedGenerator):
        return seed.state
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ValueError(f"A seed is an integer in [0, 2**32), a SeedGenerator or a JAX key; received {seed!r}.")
    return np.array([seed, 0], np.uint32)


def check_seed(seed: Any) -> Any:
    """A setting `seed`, as an integer, a SeedGenerator or None; its config is read.

    >>> check_seed(np.int64(3))
    3
    """
    if isinstance(seed, dict):
        seed = KIND.get(seed)
    if seed is None or isinstance(seed, SeedGenerator):
        return seed
    return int(seed_state(seed)[0])


def seeded(state: dict[str, Any], rng: jax.Array | None = None, n: int = 1) -> tuple[Any, dict[str, Any]]:
    """(key, new state) for one draw of a layer, or (n keys, new state) for several.

    A layer that was given an integer seed draws from its `state["seed_generator"]`, which
    counts on, as Keras does; another one from `rng`.

    Raises ValueError where there is neither.

    >>> key, state = seeded({"seed_generator": seed_state(7)})
    >>> jax.random.key_data(key).tolist(), state["seed_generator"].tolist()
    ([7, 0], [7, 1])
    """
    words = state.get("seed_generator")
    if words is not None:
        steps = np.array([[0, i] for i in range(n + 1)], np.uint32)
        keys = [_wrap(words + step) for step in steps[:n]]
        state = {**state, "seed_generator": words + steps[n]}
    elif rng is None:
        raise ValueError("random numbers need a key: pass rng=, a JAX key, or make the layer with seed=, an integer.")
    else:
        keys = [rng] if n == 1 else list(jax.random.split(rng, n))
    return (keys[0] if n == 1 else keys), state


class SeedGenerator(registry.Configurable, kind=KIND):
    """A seed for many calls: each one that is given it draws other numbers.

    seed: an integer in [0, 2**32); None for a random one.
    state: uint32[2], the seed and the number of draws; the only thing here that changes.

    >>> generator = SeedGenerator(7)
    >>> generator.next().tolist(), generator.next().tolist(), generator.state.tolist()
    ([7, 0], [7, 1], [7, 2])
    """

    seed: int | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.name = self.name or "seed_generator"
        if self.seed is not None and (not isinstance(self.seed, (int, np.integer)) or not 0 <= self.seed < 2**32):
            raise ValueError(f"SeedGenerator: seed must be an integer in [0, 2**32); received {self.seed!r}.")
        self._draws = 0  # of a copy that is bound to a key
        self.state: Any = seed_state(int(_SOURCE.words(1)[0]) if self.seed is None else self.seed)

    def bound(self, rng: jax.Array) -> SeedGenerator:
        """A throw-away copy for one call of a layer that holds this one: it draws from the key of the call."""
        twin: Any = copy.copy(self)
        twin._key, twin._draws = jax.random.fold_in(rng, self.state[0]), 0
        return twin

    def next(self, ordered: bool = True) -> jax.Array:
        """The key data of the next draw. `ordered=False` steps pseudo-randomly instead of by one."""
        if (key := vars(self).get("_key")) is not None:
            self._draws += 1
            return jax.random.key_data(stream.fold(key, self._draws))
        words = self.state
        step = np.array([0, 1], np.uint32) if ordered else np.uint32(1)
        self.state = words + step if ordered else (words + step) * np.uint32(5387) % np.uint32(933199)
        return stream.put(words)


# --- samplers -------------------------------------------------------------------------------------


def sizes(shape: Shape) -> tuple[Any, ...]:
    """A shape as a tuple; an integer is the shape of a vector.

    Raises ValueError where a size is unknown.

    >>> sizes(3), sizes([2, np.int64(3)])
    ((3,), (2, 3))
    """
    given = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(d is None for d in given):
        raise ValueError(f"Values need a shape without unknown sizes; received {given}.")
    return tuple(operator.index(d) if isinstance(d, np.integer) else d for d in given)


def normal(shape: Shape, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Seed = None) -> jax.Array:
    """Draws of the normal distribution.

    Shapes: () -> shape. Raises ValueError for a dtype that is not a float.

    >>> normal((2, 3), seed=1).shape
    (2, 3)
    """
    return _scale(stream.draw(jax.random.normal, as_key(seed), sizes(shape), _floating(dtype)), stddev, mean)


def truncated_normal(
    shape: Shape, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Seed = None
) -> jax.Array:
    """Draws of the normal distribution, cut off two standard deviations from the mean.

    Shapes: () -> shape. Raises ValueError for a dtype that is not a float.

    >>> bool(abs(truncated_normal((100,), seed=1)).max() < 2)
    True
    """
    return _scale(stream.draw(_truncated, as_key(seed), sizes(shape), _floating(dtype)), stddev, mean)


def uniform(shape: Shape, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Seed = None) -> jax.Array:
    """Draws of the uniform distribution on [minval, maxval).

    Shapes: () -> shape. Raises ValueError for a dtype that is not a float, and for `minval > maxval`.

    >>> bool((uniform((100,), 2.0, 3.0, seed=1) >= 2).all())
    True
    """
    _check("uniform", f"minval <= maxval; received {minval!r} and {maxval!r}", lambda a, b: a <= b, minval, maxval)
    key, shape, dtype = as_key(seed), sizes(shape), _floating(dtype)
    if np.ndim(minval) or np.ndim(maxval):
        return jax.random.uniform(key, shape, dtype, minval, maxval)
    return stream.put(stream.draw(jax.random.uniform, key, shape, dtype, minval, maxval))


def randint(shape: Shape, minval: Any, maxval: Any, dtype: Any = "int32", seed: Seed = None) -> jax.Array:
    """Draws of the integers in [minval, maxval).

    Shapes: () -> shape. Raises ValueError for a dtype that is not an integer, for an empty
    range, and for one that the dtype cannot hold.

    >>> bool((randint((100,), 0, 3, seed=1) < 3).all())
    True
    """
    name = policies.available(dtype or "int32")
    if not jnp.issubdtype(name, jnp.integer):
        raise ValueError(f"randint draws integers; received dtype={dtype!r}.")
    low, high = int(jnp.iinfo(name).min), int(jnp.iinfo(name).max) + 1
    said = f"{low} <= minval < maxval <= {high} for dtype {name!r}; received minval={minval!r}, maxval={maxval!r}"
    _check("randint", said, lambda a, b: (low <= a) & (a < b) & (b <= high), minval, maxval)
    return jax.random.randint(as_key(seed), sizes(shape), minval, maxval, name)


def categorical(logits: ArrayLike, num_samples: int, dtype: Any = "int32", seed: Seed = None) -> jax.Array:
    """Draws of class indices with probabilities `softmax(logits)`.

    Shapes: (batch, classes) -> (batch, num_samples). Raises ValueError for another rank.

    >>> categorical(jnp.array([[0.0, -1e9]]), 3, seed=1).tolist()
    [[0, 0, 0]]
    """
    logits = jnp.asarray(logits)
    if logits.ndim != 2:
        raise ValueError(f"categorical expects logits of shape (batch, classes); received shape {logits.shape}.")
    shape = (logits.shape[0], num_samples)
    return jax.random.categorical(as_key(seed), logits[..., None], 1, shape).astype(policies.available(dtype))


def dropout(
    inputs: ArrayLike, rate: Any, noise_shape: Sequence[int | None] | None = None, seed: Seed = None
) -> jax.Array:
    """`inputs / (1 - rate)`, with each element replaced by 0 with probability `rate`.

    noise_shape: shape of the mask, broadcast against `inputs`; None stands for the input's size.

    Shapes: any -> same. Raises ValueError for a rate outside [0, 1], and for integers.

    >>> dropout(jnp.ones(4), 0.0).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    inputs = jnp.asarray(inputs)
    _check("dropout", f"0 <= rate <= 1; received rate={rate!r}", lambda r: (r >= 0) & (r <= 1), rate)
    if not jnp.issubdtype(inputs.dtype, jnp.inexact):
        raise ValueError(f"dropout scales its inputs and needs floats; received dtype {inputs.dtype.name!r}.")
    if not isinstance(rate, Tracer) and rate in (0, 1):
        return inputs if rate == 0 else jnp.zeros_like(inputs)
    noise = inputs.shape if noise_shape is None else tuple(noise_shape)
    if len(noise) != inputs.ndim or any(n not in (None, 1, d) for n, d in zip(noise, inputs.shape, strict=False)):
        raise ValueError(f"dropout: noise_shape {noise} does not broadcast to the shape {inputs.shape} of the inputs.")
    noise = tuple(d if n is None else n for n, d in zip(noise, inputs.shape, strict=True))
    keep = jnp.broadcast_to(jax.random.bernoulli(as_key(seed), 1.0 - rate, noise), inputs.shape)
    return jnp.where(keep, (inputs / (1.0 - rate)).astype(inputs.dtype), jnp.zeros_like(inputs))


def shuffle(x: ArrayLike, axis: int = 0, seed: Seed = None) -> jax.Array:
    """`x` with the elements along `axis` permuted, each line along it by itself. Shapes: any -> same.

    >>> sorted(shuffle(jnp.arange(4), seed=1).tolist())
    [0, 1, 2, 3]
    """
    return jax.random.permutation(as_key(seed), jnp.asarray(x), axis, independent=True)


def gamma(shape: Shape, alpha: Any, dtype: Any = None, seed: Seed = None) -> jax.Array:
    """Draws of the gamma distribution with shape `alpha` and scale 1.

    Shapes: () -> shape, to which `alpha` broadcasts. Raises ValueError unless `alpha > 0`.

    >>> bool((gamma((100,), 2.0, seed=1) > 0).all())
    True
    """
    _check("gamma", f"alpha > 0; received {alpha!r}", lambda a: a > 0, alpha)
    return jax.random.gamma(as_key(seed), jnp.asarray(alpha), sizes(shape), _floating(dtype))


def binomial(shape: Shape, counts: Any, probabilities: Any, dtype: Any = None, seed: Seed = None) -> jax.Array:
    """Draws of the number of successes in `counts` trials.

    Shapes: () -> shape, to which both broadcast. Raises ValueError for a negative count or
    a probability outside [0, 1].

    >>> binomial((2,), 5, 1.0, seed=1).tolist()
    [5.0, 5.0]
    """
    said = f"counts >= 0 and 0 <= probabilities <= 1; received {counts!r} and {probabilities!r}"
    _check("binomial", said, lambda n, p: (n >= 0) & (p >= 0) & (p <= 1), counts, probabilities)
    trials = jnp.asarray(counts), jnp.asarray(probabilities)
    return jax.random.binomial(as_key(seed), *trials, shape=sizes(shape), dtype=_floating(dtype))


def beta(shape: Shape, alpha: Any, beta: Any, dtype: Any = None, seed: Seed = None) -> jax.Array:
    """Draws of the beta distribution.

    Shapes: () -> shape, to which both broadcast. Raises ValueError unless both are positive.

    >>> bool((beta((100,), 2.0, 3.0, seed=1) < 1).all())
    True
    """
    said = f"alpha > 0 and beta > 0; received {alpha!r} and {beta!r}"
    _check("beta", said, lambda a, b: (a > 0) & (b > 0), alpha, beta)
    return jax.random.beta(as_key(seed), jnp.asarray(alpha), jnp.asarray(beta), sizes(shape), _floating(dtype))


def _truncated(key: jax.Array, shape: Any, dtype: str) -> jax.Array:
    return jax.random.truncated_normal(key, -2.0, 2.0, shape, dtype)


def _scale(sample: Any, stddev: Any, mean: Any) -> jax.Array:
    """`sample * stddev + mean`: on the host where all three are, so that nothing is compiled."""
    if isinstance(sample, np.ndarray) and not any(isinstance(v, jax.Array) for v in (stddev, mean)):
        sample = sample * np.asarray(stddev, sample.dtype) + np.asarray(mean, sample.dtype)
    else:
        sample = sample * stddev + mean
    return stream.put(sample)


def _floating(dtype: Any) -> str:
    name = policies.available(dtype)
    if not jnp.issubdtype(name, jnp.floating):
        raise ValueError(f"This distribution draws floats; received dtype={dtype!r}.")
    return name


def _check(function: str, expected: str, holds: Any, *values: Any) -> None:
    """Refuses parameters outside their range, wherever their values are known."""
    if not any(isinstance(v, Tracer) for v in values) and not np.all(holds(*map(np.asarray, values))):
        raise ValueError(f"{function} expects {expected}.")
