"""Dtype policies: in which dtype a layer computes, and in which it keeps its weights."""

from __future__ import annotations

import collections.abc
import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import jax

from . import config, registry

DTYPES = (
    *("float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2", "complex64", "complex128"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool", "string"),
)
MIXED = {"mixed_float16": ("float16", "float32"), "mixed_bfloat16": ("bfloat16", "float32")}
QUANTIZED = ("int8", "float8", "int4", "gptq", "awq")
PYTHON = {bool: "bool", int: "int32", float: "float32", complex: "complex64", str: "string", "int": "int32"}

KIND = registry.Kind("policy", "keras.dtype_policies")


# --- dtypes -----------------------------------------------------------------------------------


def standardize_dtype(dtype: Any = None) -> str:
    """The name of a dtype: of a string, a NumPy or JAX dtype, a Python type; floatx for None.

    Raises ValueError for what names no dtype.

    >>> standardize_dtype(float), standardize_dtype("bfloat16"), standardize_dtype(None)
    ('float32', 'bfloat16', 'float32')
    """
    if dtype is None:
        return config.floatx()
    name = PYTHON.get(dtype, dtype) if isinstance(dtype, (str, type)) else dtype
    name = getattr(name, "name", None) or getattr(name, "__name__", name)
    if name not in DTYPES:
        raise registry.unknown("dtype", dtype, DTYPES)
    return name


def available(dtype: Any = None) -> str:
    """The name of a dtype that arrays can have now.

    Raises ValueError for 64 bits while JAX has them switched off, instead of making fewer.

    >>> available("float16")
    'float16'
    """
    name = standardize_dtype(dtype)
    if name == "string":
        raise ValueError("Arrays cannot have dtype 'string'; only the inputs of preprocessing layers can.")
    if (narrow := jax.dtypes.canonicalize_dtype(name).name) != name:
        raise ValueError(
            f"dtype {name!r} needs 64-bit numbers, which JAX has switched off. Call "
            f"jax.config.update('jax_enable_x64', True) before any array is made, or use {narrow!r}."
        )
    return name


# --- policies -----------------------------------------------------------------------------------


class DTypePolicy(registry.Configurable, kind=KIND, module="keras"):
    """The pair (compute dtype, variable dtype) that a name stands for.

    name: a dtype for both, or `mixed_bfloat16` or `mixed_float16`, which compute in 16 bits
        and keep float32 variables; the default policy for None.

    Raises TypeError for a name that is no string, ValueError for an unknown one.
    Source: https://arxiv.org/abs/1710.03740

    >>> policy = DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('bfloat16', 'float32')
    """

    name: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.name = dtype_policy().name if self.name is None else self.name
        if not isinstance(self.name, str):
            raise TypeError(f"DTypePolicy: name must be a string such as 'mixed_bfloat16'; received {self.name!r}.")
        if self.name not in MIXED and self.name not in DTYPES:
            raise registry.unknown("dtype policy", self.name, (*MIXED, *DTYPES))

    @property
    def compute_dtype(self) -> str:
        """The dtype in which a layer computes."""
        return self._dtypes()[0]

    @property
    def variable_dtype(self) -> str:
        """The dtype in which a layer keeps its weights."""
        return self._dtypes()[1]

    def _dtypes(self) -> tuple[str, str]:
        name = str(self.name)
        return MIXED.get(name, (name, name))

    @property
    def quantization_mode(self) -> None:
        """Always None: no policy here is quantized."""
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


class FloatDTypePolicy(DTypePolicy):
    """Another name of `DTypePolicy`.

    >>> FloatDTypePolicy("float16") == DTypePolicy("float16")
    True
    """


class DTypePolicyMap(DTypePolicy, collections.abc.MutableMapping, module="keras.dtype_policies"):
    """Policies by the paths of layers; `default_policy` for a path that none names.

    policy_map: {path, or regular expression that the whole path matches: policy}.

    Raises ValueError where two expressions match one path, or a key is set twice.

    >>> policies = DTypePolicyMap("float32", {"encoder/.*": "bfloat16"})
    >>> policies["encoder/dense"], policies["decoder"]
    (<DTypePolicy "bfloat16">, <DTypePolicy "float32">)
    """

    name: str = dataclasses.field(default="", init=False, repr=False)
    default_policy: Any = None
    policy_map: Any = None

    def __post_init__(self) -> None:
        self._given = self.default_policy
        self.default_policy = get(self.default_policy)
        if isinstance(self.default_policy, DTypePolicyMap):
            raise ValueError("DTypePolicyMap: default_policy cannot itself be a DTypePolicyMap.")
        if not isinstance(self.policy_map, (dict, type(None))):
            raise TypeError(f"DTypePolicyMap: policy_map must be a dict; received {self.policy_map!r}.")
        self.name = f"map_{self.default_policy.name}"
        self.policy_map = {path: get(policy) for path, policy in (self.policy_map or {}).items()}

    def _dtypes(self) -> tuple[str, str]:
        return self.default_policy._dtypes()

    def __getitem__(self, key: str) -> DTypePolicy:
        if key in self.policy_map:
            return self.policy_map[key]
        matching = [pattern for pattern in self.policy_map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"DTypePolicyMap: the path {key!r} matches the keys {matching}; let only one match it.")
        return self.policy_map[matching[0]] if matching else self.default_policy

    def __setitem__(self, key: str, policy: Any) -> None:
        if key in self.policy_map:
            raise ValueError(f"DTypePolicyMap: {key!r} is set already, to {self.policy_map[key]}; delete it first.")
        self.policy_map[key] = get(policy)

    def __delitem__(self, key: str) -> None:
        del self.policy_map[key]

    def __contains__(self, key: object) -> bool:
        return key in self.policy_map

    def __iter__(self) -> Iterator[str]:
        return iter(self.policy_map)

    def __len__(self) -> int:
        return len(self.policy_map)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DTypePolicyMap):
            return False
        return (self.default_policy, self.policy_map) == (other.default_policy, other.policy_map)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        names = {path: policy.name for path, policy in self.policy_map.items()}
        return f"<DTypePolicyMap default={self.default_policy.name!r} {names}>"

    def get_config(self) -> dict[str, Any]:
        return {"default_policy": registry.serialize(self._given), "policy_map": registry.serialize(self.policy_map)}


class QuantizedDTypePolicy(DTypePolicy):
    """Refused: layers here compute in floats. It exists so that a config that names it is refused in words."""

    def __init__(self, *args: Any, **kwargs: Any):
        given = ", ".join([*map(repr, args), *(f"{k}={v!r}" for k, v in kwargs.items())])
        raise ValueError(f"{type(self).__name__}({given}): {REFUSAL}")


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """Refused, as `QuantizedDTypePolicy` is."""


class Int4DTypePolicy(QuantizedDTypePolicy):
    """Refused, as `QuantizedDTypePolicy` is."""


class GPTQDTypePolicy(QuantizedDTypePolicy):
    """Refused, as `QuantizedDTypePolicy` is."""


class AWQDTypePolicy(QuantizedDTypePolicy):
    """Refused, as `QuantizedDTypePolicy` is."""


REFUSAL = "quantized policies are not available; use a float policy such as 'float32', 'bfloat16' or 'mixed_bfloat16'."


# --- names <-> policies ----------------------------------------------------------------------


def get(identifier: Any = None) -> DTypePolicy:
    """The policy of a name, a dtype or a config; the default policy for None.

    Raises ValueError for what names none, and for quantized policies.

    >>> get("mixed_float16").variable_dtype
    'float32'
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return KIND.get(identifier)
    if isinstance(identifier, str):
        if identifier.startswith(QUANTIZED):
            raise ValueError(f"dtype {identifier!r}: {REFUSAL}")
        return DTypePolicy(identifier)
    return DTypePolicy(standardize_dtype(identifier))


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """The config of a policy.

    >>> serialize(DTypePolicy("float16"))["config"]
    {'name': 'float16'}
    """
    return registry.serialize(dtype_policy)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """The policy that a config describes.

    >>> deserialize(serialize(DTypePolicy("float16")))
    <DTypePolicy "float16">
    """
    return KIND.get(config, custom_objects)


def dtype_policy() -> DTypePolicy:
    """The policy of layers made without `dtype=`: the one that was set, else that of floatx.

    >>> dtype_policy()
    <DTypePolicy "float32">
    """
    policy = config._defaults["dtype_policy"]
    return DTypePolicy(config.floatx()) if policy is None else policy


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """Sets the policy of layers that are made from now on without `dtype=`.

    Raises ValueError for what is neither a policy nor the name of one.

    >>> set_dtype_policy("float32")
    """
    if not isinstance(policy, (str, DTypePolicy)):
        raise ValueError(f"set_dtype_policy expects a name such as 'mixed_bfloat16' or a policy; received {policy!r}.")
    config._defaults["dtype_policy"] = get(policy)
