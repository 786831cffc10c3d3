"""One line of a table against Keras: `"mean(x, axis=1)"`, on arrays and on symbols.

A line is a Python expression over the functions of `ops` and the arrays of `POOL`. It is
computed with both libraries; then both record it on symbols, and what they record is compared:
shapes, dtypes, and the config that a saved model holds.
"""

from __future__ import annotations

import json
import re
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras.src.saving import serialization_lib

import fkeras
from fkeras import graph, registry

draw = np.random.default_rng(0)
POOL: dict[str, Any] = {
    "x": draw.normal(size=(2, 3)).astype("float32"),
    "y": draw.normal(size=(2, 3)).astype("float32"),
    "p": draw.uniform(0.1, 0.9, size=(2, 3)).astype("float32"),
    "i": np.array([[1, -2, 3], [0, 5, 3]], "int32"),
    "j": np.array([[2, 3, 1], [4, 2, 3]], "int32"),
    "u": np.array([[7, 200, 255], [0, 1, 3]], "uint8"),
    "c8": np.array([[1, -100, 3], [4, 100, 6]], "int8"),
    "b": np.array([[True, False, True], [False, False, True]]),
    "b2": np.array([[True, True, False], [False, True, True]]),
    "h": draw.normal(size=(2, 3)).astype("float16"),
    "g": jnp.asarray(draw.normal(size=(2, 3)), "bfloat16"),
    "z": (draw.normal(size=(2, 3)) + 1j * draw.normal(size=(2, 3))).astype("complex64"),
    "nan": np.array([[1.0, np.nan, -2.0], [np.inf, 4.0, -np.inf]], "float32"),
    "some": np.array([[1.0, np.nan, -2.0], [3.0, 4.0, 5.0]], "float32"),
    "v": np.array([3.0, -1.0, 2.0], "float32"),
    "w": np.array([0.5, 1.0, 2.0], "float32"),
    "k": np.array([2, 0, 1], "int32"),
    "s": draw.normal(size=(3, 3)).astype("float32"),
    "spd": np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]], "float32"),
    "t": draw.normal(size=(2, 3, 4)).astype("float32"),
    "q": draw.normal(size=(2, 4, 4, 3)).astype("float32"),
    "one": np.ones((1, 3, 1), "float32"),
    "two": np.array([2, 1], "int32"),
    "w2": np.array([0.5, 1.5], "float32"),
    "at": np.array([[2], [0]], "int32"),
}

NUMPY = {"np": np, "jnp": jnp}


def names_of(ops: Any) -> dict[str, Any]:
    """The functions of a library by name, and the random arrays and NumPy."""
    return {**{n: getattr(ops, n) for n in dir(ops) if not n.startswith("_")}, **NUMPY}


KERAS, OURS = names_of(keras.ops), names_of(fkeras.ops)


def arrays(tree: Any) -> list[np.ndarray]:
    """The leaves of a result as NumPy arrays."""
    return [np.asarray(a) for a in jax.tree.leaves(tree)]


def compute(line: str, names: dict[str, Any], compiled: bool) -> Any:
    """The value of a line; compiled as one program, or one operation after the other."""
    if not compiled:
        return eval(line, {**names, **POOL})
    used = {n: POOL[n] for n in re.findall(r"\w+", line) if n in POOL}
    return jax.jit(lambda arrays: eval(line, {**names, **POOL, **arrays}))(used)


def check_values(line: str, rtol: float = 1e-5, atol: float = 1e-5, compiled: bool = False) -> list[np.ndarray]:
    """Both libraries compute the same numbers, of the same dtypes, in the same structure; returns ours."""
    want, have = compute(line, KERAS, compiled), compute(line, OURS, compiled)
    assert isinstance(have, (tuple, list)) == isinstance(want, (tuple, list)), line
    want, have = arrays(want), arrays(have)
    for w, h in zip(want, have, strict=True):
        assert (h.shape, h.dtype) == (w.shape, w.dtype), f"{line}: {h.shape} {h.dtype}, Keras {w.shape} {w.dtype}"
        close = 2e-2 if str(w.dtype) in ("float16", "bfloat16") else rtol
        if w.dtype.kind in "biu":
            np.testing.assert_array_equal(h, w, err_msg=line)
        else:
            wide = np.complex64 if w.dtype.kind == "c" else np.float32
            least = max(atol, close / 10)
            np.testing.assert_allclose(h.astype(wide), w.astype(wide), rtol=close, atol=least, err_msg=line)
    return have


class Used(dict):
    """Names for `eval` that makes a symbol of an array when it is first asked for."""

    def __init__(self, functions: dict[str, Any], make: Any):
        super().__init__(functions)
        self.make, self.symbols = make, {}

    def __missing__(self, name: str) -> Any:
        if name not in POOL:
            raise KeyError(name)
        return self.symbols.setdefault(name, self.make(POOL[name]))


def plain(tree: Any) -> Any:
    """A config as JSON has it, without the names that each library numbers in its own way."""
    if isinstance(tree, dict):
        if tree.get("class_name") == "__keras_tensor__":
            return "tensor"
        return {k: plain(v) for k, v in tree.items() if k != "build_config"}
    if isinstance(tree, (list, tuple)):
        return [plain(v) for v in tree]
    return "tensor" if isinstance(tree, (graph.Symbol, keras.KerasTensor)) else tree


def written(operation: Any, args: Any, kwargs: Any, serialize: Any) -> Any:
    """What a saved model holds of a node: the operation and the arguments of its call."""
    config = plain(json.loads(json.dumps(plain(serialize(operation)))))
    config["config"].pop("name", None)
    call = jax.tree.map(lambda v: v, plain((args, kwargs)))
    return config, json.loads(json.dumps(plain(serialize_call(call))))


def serialize_call(call: Any) -> Any:
    """Arguments of a call in which slices and arrays are written out."""
    return jax.tree.map(lambda v: repr(v) if not isinstance(v, (str, int, float, bool)) else v, call)


def check_record(line: str, values: list[np.ndarray]) -> None:
    """Both libraries record the same operation; ours predicts the shapes and dtypes of these values."""
    theirs = Used(KERAS, lambda a: keras.Input(batch_shape=a.shape, dtype=str(a.dtype)))
    ours = Used(OURS, lambda a: fkeras.Input(batch_shape=a.shape, dtype=str(a.dtype)))
    want, have = eval(line, theirs), graph.symbols(eval(line, ours))
    want = [t for t in jax.tree.leaves(want) if isinstance(t, keras.KerasTensor)]
    assert have and len(have) == len(want) == len(values), f"{line}: {have}, Keras {want}"
    for v, h in zip(values, have, strict=True):
        assert (h.shape, h.dtype) == (v.shape, str(v.dtype)), f"{line}: {h}, but the value is {v.shape} {v.dtype}"
    node, op = have[0].node, want[0]._keras_history.operation
    call = op._inbound_nodes[0].arguments
    mine = written(node.layer, node.args, node.kwargs, registry.serialize)
    their = written(op, call.args, call.kwargs, serialization_lib.serialize_keras_object)
    assert mine == their, f"{line}: {mine}, Keras {their}"
    again = registry.deserialize(json.loads(json.dumps(registry.serialize(node.layer))))
    assert again.output_spec(*specs(node.args), **specs(node.kwargs)) == node.layer.output_spec(
        *specs(node.args), **specs(node.kwargs)
    ), line


def specs(tree: Any) -> Any:
    """The nest with specs for symbols."""
    return jax.tree.map(lambda x: x.spec if graph.is_symbol(x) else x, tree, is_leaf=graph.is_symbol)
