"""A model is one pure function: under every transformation, and a whole training run as well."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import fkeras
from fkeras import Input, Model, Sequential, Spec, train
from fkeras.layers import Dense

X = jnp.asarray(np.random.default_rng(0).normal(size=(6, 4)), jnp.float32)
Y = X[:, :1] * 2 + 1
KEY = jax.random.key(0)


class Residual(Model):
    """A subclassed model with state, a loss of its own and a dense block."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.out = Dense(4, "tanh"), Dense(1)

    def build(self, input_shape: Any) -> None:
        self.calls = self.add_weight((), "zeros", trainable=False)

    def call(self, x: Any) -> Any:
        self.calls.assign_add(1.0)
        self.add_loss(1e-3 * jnp.sum(x**2))
        return self.out(x + self.inner(x))


def graph() -> Model:
    x = Input((4,))
    shared = Dense(4, "tanh", kernel_regularizer="l2")
    return Model(x, Dense(1)(shared(x) + shared(shared(x))))


MODELS = {"chain": lambda: Sequential([Dense(5, "tanh"), Dense(1)]), "graph": graph, "subclass": Residual}


@pytest.fixture(params=MODELS, scope="module")
def model(request: pytest.FixtureRequest) -> Any:
    return MODELS[request.param]()


def loss(model: Any, params: Any, state: Any, x: Any = X) -> Any:
    return jnp.mean((model.apply(params, state, x)[0] - Y[: x.shape[0]]) ** 2)


def test_transformations(model: Any) -> None:
    params, state = model.init(KEY, Spec((None, 4)))

    @jax.jit
    def everything(params: Any) -> dict[str, Any]:
        f = lambda p: loss(model, p, state)  # noqa: E731
        grads = jax.grad(f)(params)
        _, tangent = jax.jvp(f, (params,), (grads,))
        remat = jax.grad(jax.checkpoint(f))(params)
        rows = jax.vmap(lambda x: model.apply(params, state, x[None])[0][0])(X)
        scanned = jax.lax.scan(lambda s, x: model.apply(params, s, x[None])[::-1], state, X)
        curvature = jax.jvp(jax.grad(f), (params,), (grads,))[1]
        keys = jax.random.split(KEY, 3)
        many = jax.vmap(lambda k: model.apply(*model.init(k, X), X)[0])(keys)
        one = model.apply(*model.init(keys[1], X), X)[0]
        return {
            "y": model.apply(params, state, X)[0], "grads": grads, "tangent": tangent, "remat": remat, "rows": rows,
            "scanned": scanned[1][:, 0], "curvature": curvature, "many": many[1], "one": one,
        }  # fmt: skip

    out = everything(params)
    for same in ("rows", "scanned"):
        chex.assert_trees_all_close(out[same], out["y"], atol=1e-5)
    chex.assert_trees_all_close(out["grads"], out["remat"], atol=1e-6)
    chex.assert_trees_all_close(out["tangent"], optax.tree.norm(out["grads"]) ** 2, rtol=1e-4)
    chex.assert_trees_all_close(out["many"], out["one"], atol=1e-5)
    chex.assert_tree_all_finite(out["curvature"])


def test_init_reads_shapes_only(model: Any) -> None:
    real = model.init(KEY, X)
    chex.assert_trees_all_equal_shapes_and_dtypes(
        jax.eval_shape(model.init, KEY, jax.ShapeDtypeStruct(X.shape, X.dtype)), real
    )
    chex.assert_trees_all_close(model.init(KEY, Spec((None, 4))), real)
    chex.assert_trees_all_close(jax.jit(lambda k: model.init(k, X))(KEY), real, atol=1e-6)


def test_export_with_a_symbolic_batch(model: Any) -> None:
    params, state = model.init(KEY, X)
    (batch,) = jax.export.symbolic_shape("b")
    exported = jax.export.export(jax.jit(lambda x: model.apply(params, state, x)[0]))(
        jax.ShapeDtypeStruct((batch, 4), jnp.float32)
    )
    chex.assert_trees_all_close(exported.call(X[:3]), model.apply(params, state, X[:3])[0], atol=1e-5)


def test_a_whole_run_is_a_pure_function(model: Any) -> None:
    optimizer = optax.sgd(0.05)
    fit = train.make_fit(train.make_step(model, "mse", optimizer), batch_size=2, epochs=4)

    def run(key: Any) -> Any:
        ts = fit(train.create(model, optimizer, key, X), (X, Y))
        return loss(model, ts.params, ts.state), ts.step

    keys = jax.random.split(KEY, 3)
    many, steps = jax.jit(jax.vmap(run))(keys)
    assert steps.tolist() == [12, 12, 12]
    one, _ = jax.jit(run)(keys[2])
    chex.assert_trees_all_close(many[2], one, rtol=1e-4)
    start = loss(model, *model.init(keys[2], X))
    assert float(one) < float(start)


def test_a_hypergradient_flows_through_training() -> None:
    model, optimizer = Sequential([Dense(5, "tanh"), Dense(1)]), fkeras.optimizers.Adam()
    step = train.make_step(model, "mse", optimizer)
    ts = train.create(model, optimizer, KEY, X)

    @jax.jit
    def after(rate: Any) -> Any:
        begun = ts._replace(opt_state={**ts.opt_state, "learning_rate": rate})
        ended = train.make_epoch(step)(begun, jax.tree.map(lambda a: jnp.stack([a] * 5), (X, Y)))
        return loss(model, ended.params, ended.state)

    rate, tiny = jnp.float32(0.01), 1e-3
    slope = (after(rate + tiny) - after(rate - tiny)) / (2 * tiny)
    np.testing.assert_allclose(jax.jit(jax.grad(after))(rate), slope, rtol=0.05)


def test_per_example_gradients() -> None:
    model = Sequential([Dense(3), Dense(1)])
    params, state = model.init(KEY, X)
    one = jax.grad(lambda p, x, y: jnp.sum((model.apply(p, state, x[None])[0] - y) ** 2))
    each = jax.jit(jax.vmap(one, (None, 0, 0)))(params, X, Y)
    whole = jax.jit(jax.grad(lambda p: jnp.sum((model.apply(p, state, X)[0] - Y) ** 2)))(params)
    chex.assert_trees_all_close(jax.tree.map(lambda g: g.sum(0), each), whole, rtol=1e-4, atol=1e-5)


def test_names_decide_the_first_values() -> None:
    small = Sequential([Dense(4, name="a"), Dense(2, name="b")])
    large = Sequential([Dense(4, name="a"), Dense(4, name="between"), Dense(2, name="b")])
    (one, _), (two, _) = small.init(KEY, X), large.init(KEY, X)
    chex.assert_trees_all_equal(one["a"], two["a"])
    chex.assert_trees_all_equal(one["b"], two["b"])


SHARDED = """
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import PartitionSpec as P
import fkeras
from fkeras.layers import Dense
model = fkeras.Sequential([Dense(5, "tanh"), Dense(1)])
x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 4)), jnp.float32)
params, state = model.init(jax.random.key(0), x)
mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
here = dict(mesh=mesh, in_specs=(P(), P("data")))
apply = jax.shard_map(lambda p, x: model.apply(p, state, x)[0], out_specs=P("data"), **here)
np.testing.assert_allclose(jax.jit(apply)(params, x), model.apply(params, state, x)[0], rtol=1e-5, atol=1e-6)
total = lambda p, x: jax.lax.psum(jnp.sum(model.apply(p, state, x)[0] ** 2), "data")
grad = jax.shard_map(jax.grad(total), out_specs=P(), **here)
whole = jax.grad(lambda p: jnp.sum(model.apply(p, state, x)[0] ** 2))(params)
jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), jax.jit(grad)(params, x), whole)
print("same on", jax.device_count(), "devices")
"""


@pytest.mark.slow
def test_shard_map() -> None:
    out = subprocess.run([sys.executable, "-c", SHARDED], capture_output=True, text=True, timeout=240)
    assert out.stdout.strip() == "same on 4 devices", out.stderr[-2000:]
