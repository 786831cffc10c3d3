"""Several devices, in a process of their own: results are those of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import pytest

from fkeras import distribution as dist
from fkeras import layers

RUN = """
import numpy as np, jax
import fkeras
from fkeras import distribution as dist, layers, models

assert dist.list_devices() == [f"cpu:{i}" for i in range(4)] and dist.get_device_count("cpu") == 4
rng = np.random.default_rng(0)
x, y = rng.normal(size=(50, 6)).astype("float32"), rng.normal(size=(50, 1)).astype("float32")

def train():
    fkeras.utils.set_random_seed(0)
    model = models.Sequential([layers.Dense(8, "relu", input_shape=(6,)), layers.Dropout(0.2),
                               layers.BatchNormalization(), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(x, y, epochs=3, batch_size=16, verbose=0, validation_split=0.2)
    return model, history.history

def same(a, b):
    for k in a[1]:
        np.testing.assert_allclose(a[1][k], b[1][k], rtol=1e-4, atol=1e-6)
    for v, w in zip(a[0].get_weights(), b[0].get_weights(), strict=True):
        np.testing.assert_allclose(v, w, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(a[0].predict(x, verbose=0), b[0].predict(x, verbose=0), rtol=1e-3, atol=1e-5)

alone = train()
dist.set_distribution(dist.DataParallel())
parallel = train()
kernel = parallel[0].layers[0].kernel.value
assert len(kernel.sharding.device_set) == 4 and kernel.sharding.is_fully_replicated
same(alone, parallel)

mesh = dist.DeviceMesh((2, 2), ["data", "model"])
layout = dist.LayoutMap(mesh)
layout["dense/kernel"] = (None, "model")
layout[".*dense/bias"] = dist.TensorLayout(("model",))
both = dist.ModelParallel(layout_map=layout, batch_dim_name="data")
dist.set_distribution(None)
with both.scope():
    assert dist.distribution() is both
    divided = train()
    kernel = divided[0].layers[0].kernel.value
    assert not kernel.sharding.is_fully_replicated and kernel.sharding.shard_shape(kernel.shape) == (6, 4)
    same(alone, divided)
assert dist.distribution() is None
params, state = alone[0].values
P = jax.sharding.PartitionSpec
halves = jax.shard_map(
    lambda p, x: alone[0].apply(p, state, x)[0],
    mesh=jax.sharding.Mesh(jax.devices(), ("rows",)), in_specs=(P(), P("rows")), out_specs=P("rows"),
)
np.testing.assert_allclose(jax.jit(halves)(params, x[:48]), alone[0].predict(x[:48], verbose=0), rtol=1e-4, atol=1e-5)

class Own(fkeras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def train_step(self, train_state, batch):
        return self.minimize(train_state, lambda net: net.objective(batch[1], net(batch[0])))

def batches():
    for i in range(0, 50, 16):
        yield x[i : i + 16], y[i : i + 16]

curves = []
for given in (None, dist.DataParallel()):
    dist.set_distribution(given)
    fkeras.utils.set_random_seed(0)
    model = Own()
    model.compile("adam", "mse")
    curves.append(model.fit(batches, epochs=2, verbose=0).history["loss"])
np.testing.assert_allclose(*curves, rtol=1e-4)
dist.set_distribution(None)
loss = parallel[0].evaluate(x, y, verbose=0)
np.testing.assert_allclose(loss, divided[0].evaluate(x, y, verbose=0), rtol=1e-3)
print("ok")
"""


def test_four_devices():
    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    root = Path(__file__).parents[1]
    found = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, timeout=200, env=env, cwd=root)
    assert found.returncode == 0 and found.stdout.endswith("ok\n"), found.stderr[-3000:]


def test_refusals():
    one = dist.list_devices()[:1]
    mesh = dist.DeviceMesh((1, 1), ["a", "b"], one)
    with pytest.raises(ValueError, match="2 places; got 1"):
        dist.DeviceMesh((2,), ["a"], one)
    with pytest.raises(ValueError, match="name for each axis"):
        dist.DeviceMesh((1,), ["a", "b"], one)
    with pytest.raises(ValueError, match="one axis"):
        dist.DataParallel(mesh)
    with pytest.raises(ValueError, match="names \\['c'\\]"):
        dist.TensorLayout(("c",), mesh)
    with pytest.raises(ValueError, match="layout_map"):
        dist.ModelParallel()
    layout = dist.LayoutMap(mesh)
    layout["d.*"], layout[".*l"] = ("a", None), (None, "b")
    with pytest.raises(ValueError, match="several"):
        layout["d/kernel"]
    with pytest.raises(ValueError, match="already"):
        layout["d.*"] = ("a",)
    assert layout["x"] is None and layout["d/bias"].axes == ("a", None) and len(layout) == 2
    x = layers.Input((2,))
    assert dist.distribute_tensor(x, layout["d/bias"]) is x
    assert dist.distribute_tensor(jnp.ones((2, 2)), layout["d/bias"]).sharding.mesh.axis_names == ("a", "b")
