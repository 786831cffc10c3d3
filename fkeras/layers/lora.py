"""Low-rank adaptation: a frozen weight plus a trained product of two thin ones."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from .. import initializers, stored, storey
from .settings import check_positive


class LoRA:
    """For layers with `lora_rank` and `lora_alpha`: moves one weight to the state and trains its adapter.

    w = frozen + (alpha / rank) a @ b;  frozen is in the state, a and b in the params.
    The layer declares all its weights, in Keras' order, in `weight_shapes(*inputs)`.

    Source: Hu et al. 2021, https://arxiv.org/abs/2106.09685
    """

    adapted: ClassVar[str] = "kernel"
    lora_enabled = property(lambda self: self.lora_rank is not None)

    def check_lora(self: Any) -> None:
        """Checks the settings; a and b share the regularizer of the weight they adapt."""
        if self.lora_rank is None:
            if self.lora_alpha is not None:
                raise ValueError(
                    f"{type(self).__name__}: lora_alpha={self.lora_alpha} scales an adapter; give it a lora_rank as "
                    "well."
                )
            return
        check_positive(self, "lora_rank")
        self.lora_alpha = self.lora_rank if self.lora_alpha is None else self.lora_alpha
        self.adapter_initializers = {"a": "he_uniform", "b": "zeros", **vars(self).get("adapter_initializers", {})}
        if getattr(self, f"{self.adapted}_constraint") is not None:
            raise ValueError(
                f"{type(self).__name__}: an adapted {self.adapted} cannot have a constraint; leave "
                f"{self.adapted}_constraint or lora_rank out."
            )

    def _setting(self: Any, weight: str, kind: str) -> Any:
        """`lora_kernel_a` is filled by its own initializer and penalised as the kernel."""
        if not weight.startswith("lora_"):
            return super()._setting(weight, kind)  # type: ignore[misc]
        return self.adapter_initializers[weight[-1]] if kind == "initializer" else super()._setting(self.adapted, kind)  # type: ignore[misc]

    def adapter_shapes(self: Any, shape: Any) -> dict[str, Any]:
        """{name: shape} of a and b, float32 under every policy."""
        thin = (*shape[:-1], self.lora_rank), (self.lora_rank, shape[-1])
        return {
            f"lora_{self.adapted}_{n}": jax.ShapeDtypeStruct(s, jnp.float32) for n, s in zip("ab", thin, strict=True)
        }

    def param_shapes(self: Any, *inputs: Any) -> dict[str, Any]:
        """All weights; with an adapter its a and b instead of the adapted one."""
        weights = self.weight_shapes(*inputs)
        if self.lora_rank is None:
            return weights
        return {**{n: s for n, s in weights.items() if n != self.adapted}, **self.adapter_shapes(weights[self.adapted])}

    def state_shapes(self: Any, *inputs: Any) -> dict[str, Any]:
        """The adapted weight, if it is frozen."""
        return {} if self.lora_rank is None else {self.adapted: self.weight_shapes(*inputs)[self.adapted]}

    def _weight(self: Any, params: Any, state: Any) -> Any:
        """The weight that the layer multiplies with."""
        if self.lora_rank is None:
            return params[self.adapted]
        a, b = params[f"lora_{self.adapted}_a"], params[f"lora_{self.adapted}_b"]
        w = state[self.adapted] + (self.lora_alpha / self.lora_rank) * jnp.matmul(a, b)
        return w.astype(self.compute_dtype)

    def init(self: Any, rng: Any, *inputs: Any, **kwargs: Any) -> storey.Values:
        """(rng, *specs or arrays) -> (params, state). Reads shapes only."""
        values = super().init(rng, *inputs, **kwargs)  # type: ignore[misc]
        declared = self._face.declared
        if self.lora_rank is not None:
            self._face.declared = {self.adapted: declared[self.adapted], **declared}
        return values

    def enable_lora(
        self: Any,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freezes the weight, and trains an adapter of this rank from now on."""
        if self.lora_rank is not None:
            raise ValueError(f"{self!r} has an adapter already; it can have one.")
        if self._face.values is None:
            raise ValueError(
                f"{self!r} has no weights yet: call it on data, or build it, first; or make it with lora_rank={rank}."
            )
        params, state = self._face.values
        frozen = params[self.adapted]
        self.lora_rank, self.lora_alpha = rank, lora_alpha
        self.adapter_initializers = {"a": initializers.get(a_initializer), "b": initializers.get(b_initializer)}
        self.check_lora()
        key = self._first_key()
        adapter = {n: self._fill(key, n, s) for n, s in self.adapter_shapes(frozen.shape).items()}
        params = {**{n: w for n, w in params.items() if n != self.adapted}, **adapter}
        self._face.declared = {
            **self._face.declared,
            **{n: storey.Declared(True, self._setting(n, "regularizer")) for n in adapter},
        }
        self._face.declared[self.adapted].trainable = storey.handle(self, self.adapted).trainable = False
        self._face.values = params, {self.adapted: frozen, **state}

    def save_own_variables(self: Any, store: Any) -> None:
        """As Keras, the weight with its adapter in it; and, so that training can go on, its parts."""
        if self.lora_rank is None:
            return super().save_own_variables(store)  # type: ignore[misc]
        parts = {k: stored.value_of(self, k) for k in stored.own_keys(self)}
        a, b = (parts.pop(f"lora_{self.adapted}_{n}") for n in "ab")
        frozen = parts.pop(self.adapted)
        merged = frozen + (self.lora_alpha / self.lora_rank) * jnp.matmul(a, b)
        plain = {self.adapted: merged.astype(frozen.dtype), **parts}
        order = [k for k in self._face.declared if k in plain]
        for i, key in enumerate(sorted(plain, key=order.index)):
            store[str(i)] = np.asarray(plain[key])
        for name, value in (("frozen", frozen), ("lora_a", a), ("lora_b", b)):
            store[name] = np.asarray(value)

    def load_own_variables(self: Any, store: Any) -> None:
        """Takes the weight and its adapter; where the file has no adapter, the adapter adds nothing."""
        if self.lora_rank is None:
            return super().load_own_variables(store)  # type: ignore[misc]
        adapter = [f"lora_{self.adapted}_{n}" for n in "ab"]
        keys = [k for k in self._face.declared if k not in adapter and k in stored.own_keys(self)]
        numbered = {k: store[k] for k in store.keys() if k.isdigit()}  # noqa: SIM118  a store is no dict
        stored.check_count(self, keys, numbered)
        whole = all(k in store.keys() for k in ("frozen", "lora_a", "lora_b"))  # noqa: SIM118
        for i, key in enumerate(keys):
            stored.put(self, key, store["frozen"] if whole and key == self.adapted else numbered[str(i)])
        if whole:
            for key, name in zip(adapter, ("lora_a", "lora_b"), strict=True):
                stored.put(self, key, store[name])
        else:
            first, second = (stored.value_of(self, k) for k in adapter)
            stored.put(self, adapter[0], self._fill(self._first_key(), adapter[0], first))
            stored.put(self, adapter[1], jnp.zeros(second.shape, second.dtype))
