"""Dtype policies under their Keras path; they live in `fkeras.policies`."""

from .policies import DTypePolicy, DTypePolicyMap, FloatDTypePolicy, deserialize, get, serialize

__all__ = ["DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "deserialize", "get", "serialize"]
