"""Dtype policies against Keras: names, dtypes, configs both ways, refusals."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from fkeras import config, policies

NAMES = ["float32", "bfloat16", "float16", "float64", "mixed_bfloat16", "mixed_float16", "int32", "bool", "string"]


@pytest.mark.parametrize("name", NAMES)
def test_policies_are_those_of_keras(name):
    ours, theirs = policies.DTypePolicy(name), keras.DTypePolicy(name)
    for attribute in ("name", "compute_dtype", "variable_dtype", "quantization_mode"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    assert repr(ours) == repr(theirs)
    assert ours.get_config() == theirs.get_config()
    assert policies.serialize(ours) == keras.dtype_policies.serialize(theirs)
    assert policies.get(keras.dtype_policies.serialize(theirs)) == ours
    assert keras.dtype_policies.get(policies.serialize(ours)) == theirs
    assert policies.FloatDTypePolicy(name) == ours == policies.get(name) and hash(ours) == hash(policies.get(name))
    assert ours != policies.DTypePolicy("uint8")


@pytest.mark.parametrize("dtype", [np.float32, jnp.bfloat16, np.dtype("float16"), float, int, bool, jnp.dtype("int8")])
def test_dtypes_are_named_as_in_keras(dtype):
    assert policies.standardize_dtype(dtype) == keras.backend.standardize_dtype(dtype)
    if dtype != jnp.dtype("int8"):
        assert policies.get(dtype).name == keras.dtype_policies.get(dtype).name


@pytest.mark.parametrize("wrong", ["mixed_float15", "", "float", 123, [1]])
def test_unknown_names_are_refused_as_in_keras(wrong):
    for module in (policies, keras.dtype_policies):
        with pytest.raises((ValueError, TypeError)):
            module.get(wrong)
    with pytest.raises(ValueError, match="Did you mean 'mixed_float16'"):
        policies.get("mixed_float15")
    with pytest.raises(TypeError, match="string"):
        policies.DTypePolicy(3)


def test_the_default_follows_floatx_until_it_is_set():
    assert policies.dtype_policy().name == policies.DTypePolicy().name == "float32"
    config.set_floatx("bfloat16")
    assert policies.get(None).compute_dtype == policies.standardize_dtype(None) == "bfloat16"
    policies.set_dtype_policy("mixed_float16")
    assert policies.DTypePolicy().name == policies.get().name == "mixed_float16"
    with pytest.raises(ValueError, match="set_dtype_policy"):
        policies.set_dtype_policy(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["int8_from_float32", "float8_from_mixed_bfloat16", "int4/128_from_float32", "int8"])
def test_quantized_policies_are_refused_in_words(name):
    with pytest.raises(ValueError, match="quantized policies are not available"):
        policies.get(name)


@pytest.mark.parametrize("name", [n for n in dir(keras.dtype_policies) if n.endswith("DTypePolicy")])
def test_classes_of_policies_exist(name):
    if name in ("DTypePolicy", "FloatDTypePolicy"):
        assert getattr(policies, name)("float16").name == "float16"
        return
    with pytest.raises(ValueError, match=f"{name}.*quantized"):
        getattr(policies, name)("int8", source_name="float32")
    with pytest.raises(ValueError, match=f"{name}.*quantized"):
        policies.get({"module": "keras.dtype_policies", "class_name": name, "config": {"mode": "int8"}})


def test_64_bits_are_refused_where_jax_would_make_fewer():
    for dtype in ("float64", "int64", "complex128"):
        with pytest.raises(ValueError, match="jax_enable_x64"):
            policies.available(dtype)
    with jax.enable_x64(True):
        assert policies.available("float64") == "float64"
    with pytest.raises(ValueError, match="string"):
        policies.available("string")


# --- maps ----------------------------------------------------------------------------------------

ENTRIES = {"encoder/dense": "bfloat16", "encoder/.*": "float16", "decoder": "mixed_bfloat16"}


def maps(default="float32"):
    each = {path: policies.DTypePolicy(name) for path, name in ENTRIES.items()}
    theirs = {path: keras.DTypePolicy(name) for path, name in ENTRIES.items()}
    return policies.DTypePolicyMap(default, each), keras.dtype_policies.DTypePolicyMap(default, theirs)


def test_maps_look_up_as_keras():
    ours, theirs = maps()
    for path in ("encoder/dense", "encoder/attention", "decoder", "decoder/dense", "other"):
        assert ours[path].name == theirs[path].name
    assert (ours.name, ours.compute_dtype, ours.variable_dtype) == (theirs.name, "float32", "float32")
    assert list(ours) == list(theirs) and len(ours) == 3 and "decoder" in ours and "other" not in ours
    ours["encoder/a.*"] = theirs["encoder/a.*"] = "float32"
    for policy_map in (ours, theirs):
        with pytest.raises(ValueError, match="encoder/attention"):
            policy_map["encoder/attention"]
        with pytest.raises(ValueError, match="decoder"):
            policy_map["decoder"] = "float32"
        del policy_map["encoder/a.*"]
    assert len(ours) == len(theirs) == 3


def test_configs_of_maps_go_both_ways():
    ours, theirs = maps()
    assert policies.serialize(ours) == keras.dtype_policies.serialize(theirs)
    for config_ in (policies.serialize(ours), json.loads(json.dumps(keras.dtype_policies.serialize(theirs)))):
        assert policies.get(config_) == ours
        assert {p: q.name for p, q in keras.dtype_policies.get(config_).items()} == ENTRIES
    assert ours != maps("float16")[0] and ours != policies.DTypePolicy("float32")


def test_a_map_without_a_default_keeps_its_names():
    """Keras forgets them when it writes the config; it reads ours."""
    ours, _ = maps(None)
    assert ours.get_config()["default_policy"] is None
    assert policies.get(policies.serialize(ours))["decoder"].name == "mixed_bfloat16"
    assert keras.dtype_policies.get(policies.serialize(ours))["decoder"].name == "mixed_bfloat16"


def test_maps_are_checked():
    with pytest.raises(TypeError, match="policy_map"):
        policies.DTypePolicyMap("float32", 3)
    with pytest.raises(ValueError, match="DTypePolicyMap"):
        policies.DTypePolicyMap(maps()[0])
