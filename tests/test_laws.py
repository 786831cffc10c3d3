"""The laws that every layer obeys: each runs over every row of the catalogue."""

from __future__ import annotations

import copy
import functools
import json
import pickle
import re
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from catalogue import ROWS
from catalogue.row import floats_of, is_floating

from fkeras import registry
from fkeras.masking import is_masked, values_of

KEY = jax.random.key(0)
CHEAP = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
jit = functools.partial(jax.jit, compiler_options=CHEAP)


class Case:
    """A row at work: the layer, its values, its inputs."""

    def __init__(self, name: str):
        self.name, self.row = name, ROWS[name]
        self.layer = self.row.make()
        self.args, self.kwargs = self.row.values()
        self.params, self.state = self.layer.init(KEY, *self.args, **self.kwargs)
        leaves, self.treedef = jax.tree.flatten((self.args, self.kwargs))
        self.floats = [x for x in leaves if is_floating(x)]
        self.rest = [None if is_floating(x) else x for x in leaves]

    def run(
        self, params: Any, state: Any, floats: Any, layer: Any = None, training: bool = True, key: Any = KEY
    ) -> Any:
        """(outputs, state) for these floating inputs."""
        given = iter(floats)
        args, kwargs = self.treedef.unflatten([next(given) if x is None else x for x in self.rest])
        return (layer or self.layer).apply(params, state, *args, rng=key, training=training, **kwargs)

    def first(self, key: Any) -> Any:
        """(params, state) from a key."""
        return self.layer.init(key, *self.args, **self.kwargs)

    def scalar(self, params: Any, state: Any, floats: Any, layer: Any = None) -> Any:
        """A smooth number that depends on every output."""
        y = values_of(self.run(params, state, floats, layer)[0])
        return sum((jnp.sum(jnp.sin(v.astype(jnp.float32))) for v in floats_of(y)), jnp.zeros(()))

    def program(self, layer: Any = None) -> str:
        """What the layer computes, as text."""
        text = str(jax.make_jaxpr(functools.partial(self.run, layer=layer))(self.params, self.state, self.floats))
        return re.sub(r"0x[0-9a-f]+|id=\d+", "", text)


@functools.cache
def case_of(name: str) -> Case:
    """The case of a row, made once."""
    return Case(name)


@pytest.fixture(params=list(ROWS))
def case(request: Any) -> Case:
    """Every row in turn, but those for which the law is said not to hold."""
    law = request.node.originalname.removeprefix("test_")
    if law in ROWS[request.param].but:
        pytest.skip(ROWS[request.param].but[law])
    return case_of(request.param)


def shapes(tree: Any) -> Any:
    """A nest of (shape, dtype), with the places of masks, that compares with ==."""
    return jax.tree.map(
        lambda x: (tuple(x.shape), str(x.dtype)), tree, is_leaf=lambda x: hasattr(x, "dtype") and not is_masked(x)
    )


def some(layer: Any, changes: dict[str, Any]) -> Any:
    """A layer with some settings changed in its config, and in those of the layers in it."""

    def change(config: Any) -> Any:
        if isinstance(config, dict):
            return {k: changes[k] if k in changes else change(v) for k, v in config.items()}
        return [change(v) for v in config] if isinstance(config, (list, tuple)) else config

    return type(layer).from_config(change(layer.get_config()))


# --- laws that compute nothing -------------------------------------------------------------------


def test_init_reads_only_shapes(case):
    abstract = jax.eval_shape(
        lambda key, args, kwargs: case.layer.init(key, *args, **kwargs), KEY, case.args, case.kwargs
    )
    assert shapes(abstract) == shapes((case.params, case.state))
    from_specs = case.layer.init(
        KEY,
        *jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype) if hasattr(x, "shape") else x, case.args),
        **case.kwargs,
    )
    chex.assert_trees_all_equal(from_specs, (case.params, case.state))


def test_state_keeps_its_tree_shapes_and_dtypes(case):
    for training in (False, True):
        y, state = jax.eval_shape(functools.partial(case.run, training=training), case.params, case.state, case.floats)
        assert shapes(state) == shapes(case.state)


def test_spec_predicts_output(case):
    args, kwargs = case.row.specs()
    spec = case.layer.output_spec(*args, **kwargs)
    y = jax.eval_shape(functools.partial(case.run, training=False), case.params, case.state, case.floats)[0]
    assert jax.tree.structure(spec) == jax.tree.structure(y)
    assert any(None in s.shape for s in jax.tree.leaves(spec))
    for s, v in zip(jax.tree.leaves(spec), jax.tree.leaves(y), strict=True):
        assert s.dtype == v.dtype and s.ndim == v.ndim
        assert all(d is None or d == n for d, n in zip(s.shape, v.shape, strict=True)), f"{s} for {v.shape}"


def test_config_survives_json(case):
    config = json.loads(json.dumps(registry.serialize(case.layer)))
    twin = registry.deserialize(config)
    assert json.loads(json.dumps(registry.serialize(twin))) == config
    assert case.program(twin) == case.program()


def test_copies_compute_the_same(case):
    for twin in (copy.deepcopy(case.layer), pickle.loads(pickle.dumps(case.layer)), case.layer.replace()):
        assert case.program(twin) == case.program()
        assert repr(twin) == repr(case.layer)


def test_bfloat16(case):
    if not case.row.bits:
        pytest.skip("computes in a dtype of its own")
    for policy, kept in (("bfloat16", "bfloat16"), ("mixed_bfloat16", "float32")):
        layer = some(case.layer, {"dtype": policy})
        params, state = jax.eval_shape(lambda layer=layer: layer.init(KEY, *case.args, **case.kwargs))
        assert all(str(w.dtype) == kept for w in floats_of(params))
        y, new = jax.eval_shape(functools.partial(case.run, layer=layer), params, state, case.floats)
        assert all(v.dtype == jnp.bfloat16 for v in floats_of(y)), f"{policy}: {shapes(y)}"
        assert shapes(new) == shapes(state)


def test_no_tracer_leaks(case):
    with jax.checking_leaks():
        jax.make_jaxpr(lambda *a: case.run(*a))(case.params, case.state, case.floats)


# --- laws that compute -----------------------------------------------------------------------------


def test_jit_equals_eager_and_traces_once(case):
    before, box = jax.tree.map(lambda x: x, (case.params, case.state, case.floats)), dict(vars(case.layer))
    chex.clear_trace_counter()
    run = jit(chex.assert_max_traces(lambda *a: case.run(*a), n=1))
    y, state = run(case.params, case.state, case.floats)
    run(case.params, state, [x + 1 for x in case.floats])
    eager = case.run(case.params, case.state, case.floats)
    chex.assert_trees_all_close((y, state), eager, rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_equal(before, (case.params, case.state, case.floats))
    assert {k: v for k, v in vars(case.layer).items() if k != "_face"} == {k: v for k, v in box.items() if k != "_face"}


def test_transformations(case):
    """vmap over seeds, params and inputs; scan; checkpoint; jvp and finite differences: one program."""
    keys = jax.random.split(KEY, 2)
    weights = (case.params, case.floats)
    found = jit(functools.partial(transformations, case))(keys, weights, directions(weights))
    chex.assert_trees_all_close(found.pop("init"), case.first(keys[1]), rtol=1e-4, atol=1e-5)
    for law, (one, other, tolerance) in found.items():
        chex.assert_trees_all_close(one, other, rtol=tolerance, atol=tolerance, custom_message=f"{case.layer!r}: {law}")


def directions(tree: Any) -> Any:
    """A random nest like this one."""
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape), x.dtype), tree)


def transformations(case: Case, keys: Any, weights: Any, direction: Any) -> dict[str, Any]:
    """{law: (one side, other side, tolerance)}, and the second of a vmapped `init`."""
    params, floats = weights
    inits = jax.vmap(case.first)(keys)

    def f(weights: Any) -> Any:
        return case.scalar(weights[0], case.state, weights[1])

    def along(t: Any) -> Any:
        return f(jax.tree.map(lambda x, d: x + t * d, weights, direction))

    def one(state: Any, _: Any) -> Any:
        y, state = case.run(params, state, floats)
        return state, values_of(y)

    y, after = case.run(params, case.state, floats)
    y2, last = case.run(params, after, floats)
    laws = {
        "scan equals a loop": (
            jax.lax.scan(one, case.state, None, length=2),
            (last, jax.tree.map(pair, values_of(y), values_of(y2))),
            1e-4,
        ),
        "vmap over params": (
            second(jax.vmap(lambda p: case.run(p, case.state, floats)[0])(jax.tree.map(ahead, params))),
            y,
            1e-4,
        )
        if params
        else (0, 0, 0),
        "vmap over inputs": (
            second(jax.vmap(lambda x: case.run(params, case.state, x)[0])(list(map(ahead, floats)))),
            y,
            1e-4,
        )
        if floats
        else (0, 0, 0),
    }
    laws = {"init": second(inits), **laws}
    if not jax.tree.leaves(weights):
        return laws
    gradient = jax.grad(f)(weights)
    slope = jax.jvp(f, (weights,), (direction,))[1]
    product = sum(jnp.vdot(g, d) for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True))
    scale = 1 + jnp.abs(product)
    laws["jvp agrees with vjp"] = (slope / scale, product / scale, 1e-3)
    laws["checkpoint changes nothing"] = (jax.grad(jax.checkpoint(f))(weights), gradient, 1e-4)
    if case.row.smooth:
        step = 1e-2
        laws["finite differences"] = ((along(step) - along(-step)) / (2 * step) / scale, product / scale, 2e-2)
    return laws


def pair(a: Any, b: Any) -> Any:
    """Two arrays as one."""
    return jnp.stack([a, b])


def ahead(x: Any) -> Any:
    """An array with another one before it."""
    return jnp.stack([x + 1, x])


def second(tree: Any) -> Any:
    """The second of each pair of arrays."""
    return jax.tree.map(lambda x: x[1], tree)
