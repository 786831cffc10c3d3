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
from catalogue import ROWS, image
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

    @functools.cached_property
    def twice(self) -> Any:
        """Outputs and state of two runs, one after the other, that are compiled once."""
        chex.clear_trace_counter()
        run = jit(chex.assert_max_traces(lambda *a: self.run(*a), n=1))
        first = run(self.params, self.state, self.floats)
        return first, run(self.params, first[1], self.floats)

    def program(self, layer: Any = None) -> str:
        """What the layer computes, as text."""
        text = str(jax.make_jaxpr(functools.partial(self.run, layer=layer))(self.params, self.state, self.floats))
        return re.sub(r"0x[0-9a-f]+|id=\d+", "", text)


@functools.cache
def case_of(name: str) -> Case:
    """The case of a row, made once."""
    return Case(name)


QUICK = {"random_flip", "random_rotation", "random_contrast", "resizing", "center_crop", "rescaling", "mix_up"}
HEAVY = {  # others that are nearly like them stay
    "hashing", "hashing_salted", "conv_lstm3d", "conv_lstm2d_first", "gru_backwards_masked", "lstm_unrolled",
    "conv_lstm2d_masked", "multi_head_attention", "multi_head_attention_axes", "group_query_attention",
    "rnn_stack_of_users_cells", "bidirectional_states", "simple_rnn_backwards_masked", "lstm_states",
    "spectral_normalization_embedding", "conv2d_plain", "hashed_crossing",
}  # fmt: skip
LONG = (image.ROWS.keys() - QUICK) | HEAVY


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in ROWS])
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
        _, state = jax.eval_shape(functools.partial(case.run, training=training), case.params, case.state, case.floats)
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
    y, state = case.twice[0]
    eager = case.run(case.params, case.state, case.floats)
    chex.assert_trees_all_close((y, state), eager, rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_equal(before, (case.params, case.state, case.floats))
    assert {k: v for k, v in vars(case.layer).items() if k != "_face"} == {k: v for k, v in box.items() if k != "_face"}


def test_vmap_of_init_equals_one_by_one(case):
    keys = jax.random.split(KEY, 2)
    chex.assert_trees_all_close(second(jit(jax.vmap(case.first))(keys)), case.first(keys[1]), rtol=1e-4, atol=1e-5)


def test_transformations(case):
    """vmap, scan, checkpoint, jvp and vjp, and finite differences: one program."""
    weights = (case.params, case.floats)
    found = jit(functools.partial(transformations, case))(weights, directions(weights))
    (y, _), (y2, last) = case.twice
    want = {"scan": (last, jax.tree.map(lambda a, b: jnp.stack([a, b]), *values_of((y, y2)))), "vmap": values_of(y)}
    for law, value in want.items():
        chex.assert_trees_all_close(found[law], value, rtol=1e-4, atol=1e-4, custom_message=f"{case.layer!r}: {law}")
    if jax.tree.leaves(weights):
        slope, product, difference = found["slopes"] / (1 + jnp.abs(found["slopes"][0]))
        chex.assert_trees_all_close(product, slope, atol=1e-3, custom_message=f"{case.layer!r}: vjp and jvp")
        if case.row.smooth:
            chex.assert_trees_all_close(difference, slope, atol=2e-2, custom_message=f"{case.layer!r}: the gradient")


def directions(tree: Any) -> Any:
    """A random nest like this one."""
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape), x.dtype), tree)


def transformations(case: Case, weights: Any, direction: Any) -> dict[str, Any]:
    """What the layer computes under each transformation of JAX."""
    params, floats = weights
    step = 1e-2

    def once(weights: Any) -> Any:
        y = values_of(case.run(weights[0], case.state, weights[1])[0])
        return y, scalar(y)

    def again(state: Any, _: Any) -> Any:
        y, state = case.run(params, state, floats)
        return state, values_of(y)

    found: dict[str, Any] = {"scan": jax.lax.scan(again, case.state, None, length=2)}
    moved = jax.tree.map(lambda x, d: jnp.stack([x - step * d, x, x + step * d]), weights, direction)
    if not jax.tree.leaves(weights):
        return {**found, "vmap": once(weights)[0]}
    ys, numbers = jax.vmap(once)(moved)
    slope = jax.jvp(lambda w: once(w)[1], (weights,), (direction,))[1]
    gradient = jax.grad(jax.checkpoint(lambda w: once(w)[1]))(weights)
    product = sum(jnp.vdot(g, d) for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True))
    return {**found, "vmap": second(ys), "slopes": jnp.stack([slope, product, (numbers[2] - numbers[0]) / (2 * step)])}


def scalar(y: Any) -> Any:
    """A smooth number that depends on every output."""
    return sum((jnp.sum(jnp.sin(v.astype(jnp.float32))) for v in floats_of(y)), jnp.zeros(()))


def second(tree: Any) -> Any:
    """The second of each pair of arrays."""
    return jax.tree.map(lambda x: x[1], tree)
