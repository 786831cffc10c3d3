"""SpectralNormalization: a layer whose kernel has a largest singular value of one."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from .. import initializers, ops, random, stored, storey
from .settings import check_positive
from .wrappers import Wrapper


class SpectralNormalization(Wrapper):
    """A layer whose kernel is divided by its largest singular value while training.

    u and v follow the singular vectors by power iteration: v ~ u Wᵀ, u ~ v W;  W / (v W uᵀ).

    Shapes: those of the layer;  vector_u (1, size of the last axis of the kernel).

    layer: one with a kernel, or with embeddings.
    power_iterations: steps of the iteration for each batch.
    The stored kernel stays what the optimizer makes of it; without training the layer computes with it.

    Source: Miyato et al. 2018, https://arxiv.org/abs/1802.05957

    >>> from fkeras.layers import Dense
    >>> SpectralNormalization(Dense(2))(jnp.ones((1, 3))).shape
    (1, 2)
    """

    power_iterations: int = 1

    is_bound = False
    vector_u_initializer: ClassVar[Any] = initializers.TruncatedNormal(stddev=0.02)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "power_iterations")

    def init(self, rng: Any, *inputs: Any, **kwargs: Any) -> storey.Values:
        """(rng, *specs or arrays) -> (params, state). Reads shapes only."""
        params, state = super().init(rng, *inputs, **kwargs)
        weights, inner = self.layer.init(random.fold(rng, "layer"), *inputs, **kwargs)
        kernel = weights.get("kernel", weights.get("embeddings"))
        if kernel is None:
            raise ValueError(
                f"{self!r} wraps a layer that trains neither a kernel nor embeddings; it has {sorted(weights)}."
            )
        self._face.declared = {"vector_u": storey.Declared(False)}
        state["vector_u"] = self._fill(rng, "vector_u", jax.ShapeDtypeStruct((1, kernel.shape[-1]), kernel.dtype))
        return {**params, "layer": weights}, {**state, "layer": inner} if inner else state

    def call(self, x: Any, *, params: Any, state: Any, rng: Any, training: bool) -> Any:
        weights = params["layer"]
        if training:
            name = "kernel" if "kernel" in weights else "embeddings"
            kernel, u = self.normalized(weights[name], state["vector_u"])
            weights, state = {**weights, name: kernel}, {**state, "vector_u": u}
        y, inner = self.layer.apply(weights, state.get("layer", {}), x, rng=rng, training=training)
        y = y.astype(x.dtype) if jnp.issubdtype(x.dtype, jnp.floating) else y
        return y, {**state, "layer": inner} if inner else state

    def _in_order(self, entries: list[Any]) -> list[Any]:
        """The kernel, which this layer counts as its own, and u before all others."""
        first = [("layer", "kernel"), ("layer", "embeddings"), ("vector_u",)]
        return sorted(entries, key=lambda e: first.index(e[2]) if e[2] in first else len(first))

    def normalized(self, kernel: Any, u: Any) -> tuple[Any, Any]:
        """The kernel over its largest singular value, and the next u; a kernel of zeros stays."""
        flat, before = kernel.reshape(-1, kernel.shape[-1]), u
        for _ in range(self.power_iterations):
            v = ops.normalize(u @ flat.T, axis=None)
            u = ops.normalize(v @ flat, axis=None)
        u, v = jax.lax.stop_gradient((u, v))
        zero = jnp.all(flat == 0)
        sigma = jnp.where(zero, 1, (v @ flat @ u.T)[0, 0])
        return kernel / sigma, jnp.where(zero, before, u).astype(before.dtype)

    def save_own_variables(self, store: Any) -> None:
        """The kernel, which Keras counts as this layer's, and u."""
        values = self.layer._face.values or ({}, {})
        kernel = values[0].get("kernel", values[0].get("embeddings"))
        store["0"], store["1"] = np.asarray(kernel), np.asarray(stored.value_of(self, "vector_u"))

    def load_own_variables(self, store: Any) -> None:
        """The kernel is read where the layer that owns it is."""
        stored.check_count(self, ["kernel", "vector_u"], store)
        stored.put(self, "vector_u", store["1"])
