"""How functions of arrays become operations of a graph: what symbols record, and what is written of it."""

from __future__ import annotations

import copy
import inspect
import json
import pickle

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import fkeras
from fkeras import activations, graph, losses, metrics, ops, registry
from fkeras.masking import Masked
from fkeras.ops.operation import Operation


def functions(module):
    """The functions of a namespace by name."""
    return {n: f for n, f in vars(module).items() if not n.startswith("_") and inspect.isroutine(f)}


@pytest.mark.parametrize("namespace", ["", "numpy", "nn", "linalg", "image"])
def test_every_function_of_keras_with_its_signature(namespace):
    theirs, ours = (getattr(m, namespace) if namespace else m for m in (keras.ops, ops))
    assert set(functions(ours)) == set(functions(theirs))
    for name, f in functions(theirs).items():
        want, have = (inspect.signature(g).parameters.values() for g in (f, getattr(ours, name)))
        assert [(p.name, p.kind, p.default) for p in have] == [(p.name, p.kind, p.default) for p in want], name


def test_every_function_says_what_it_does():
    assert not [n for m in (ops, ops.image) for n, f in functions(m).items() if not (f.__doc__ or "").strip()]


# --- symbols ------------------------------------------------------------------------------------


def test_operators_compute_what_they_record():
    x, y = fkeras.Input((3,)), fkeras.Input((3,))
    exprs = [
        x + y, 1 + x, x - y, 1 - x, x * y, x / y, 2 / x, x // y, 5 // x, x % y, 7 % x, x**2, 2**x, -x, abs(x),
        x < y, x <= y, x > 0, x >= 0, x == y, x != y, (x > 0) & (y > 0), (x > 0) | (y > 0), (x > 0) ^ (y > 0),
        ~(x > 0), x @ ops.transpose(y), np.float32(2) * x, np.ones(3, "float32") - x, x[:, 1:], x[..., None, 0],
        x.reshape((-1, 1)), ops.squeeze(x[None], 0),
    ]  # fmt: skip
    model = fkeras.Model([x, y], exprs)
    a, b = np.array([[1.0, -2.0, 3.0]], "float32"), np.array([[1.0, 5.0, -2.0]], "float32")
    want = [
        a + b, 1 + a, a - b, 1 - a, a * b, a / b, 2 / a, a // b, 5 // a, a % b, 7 % a, a**2, 2**a, -a, abs(a),
        a < b, a <= b, a > 0, a >= 0, a == b, a != b, (a > 0) & (b > 0), (a > 0) | (b > 0), (a > 0) ^ (b > 0),
        ~(a > 0), a @ b.T, 2 * a, 1 - a, a[:, 1:], a[..., None, 0], a.reshape((-1, 1)), a,
    ]  # fmt: skip
    for have, expected in zip(model([a, b]), want, strict=True):
        np.testing.assert_allclose(have, expected, rtol=1e-6)


def test_unknown_sizes_stay_unknown():
    x = fkeras.Input((None, 4))
    assert ops.mean(x, axis=1).shape == (None, 4)
    assert ops.shape(x) == (None, None, 4)
    pairs = fkeras.Input((2, 4))
    assert ops.reshape(pairs, (ops.shape(pairs)[0], 8)).shape == (None, 8)
    assert ops.concatenate([x, x], axis=-1).shape == (None, None, 8)
    assert ops.expand_dims(x, 1).shape == (None, 1, None, 4)
    assert ops.size(x).shape == ()
    assert ops.size(fkeras.Input(batch_shape=(2, 3))) == 6
    assert ops.ndim(x) == 3


def test_settings_that_are_symbols_are_arguments_of_the_call():
    x, high = fkeras.Input((3,)), fkeras.Input(())
    y = ops.clip(x, 0.0, ops.max(high))
    assert y.node.layer.settings == {"x_min": 0.0}
    out = fkeras.Model([x, high], y)([np.array([[-1.0, 0.5, 9.0]]), np.array([2.0])])
    np.testing.assert_allclose(out, [[0.0, 0.5, 2.0]])


def test_names_are_numbered_in_the_model():
    x = fkeras.Input((3,), name="x")
    model = fkeras.Model(x, ops.relu(x + 1 + ops.relu(x)))
    assert [operation.name for operation in model.operations] == ["x", "add", "relu", "add_1", "relu_1"]


def test_cond_of_symbols_chooses_between_both():
    x = fkeras.Input((2,))
    y = ops.cond(ops.max(x) > 0, lambda: x + 1, lambda: {"a": x * 2}["a"])
    model = fkeras.Model(x, y)
    np.testing.assert_allclose(model(np.array([[1.0, 2.0]])), [[2.0, 3.0]])
    np.testing.assert_allclose(model(np.array([[-1.0, -2.0]])), [[-2.0, -4.0]])


def test_functions_below_the_graph_record_themselves():
    x, t = fkeras.Input((3,)), fkeras.Input((3,))
    made = {
        "Elu": activations.elu(x), "ReLU": activations.relu(x, max_value=1.0), "Mish": activations.mish(x),
        "Exp": activations.exponential(x), "Call": losses.mean_squared_error(t, x),
    }  # fmt: skip
    for name, symbol in made.items():
        assert type(symbol.node.layer).__name__ == name
    assert made["Call"].shape == (None,)
    assert metrics.categorical_accuracy(t, x).shape == (None,)
    a, b = np.ones((2, 3), "float32"), np.zeros((2, 3), "float32")
    model = fkeras.Model([x, t], made)
    out = model([a, b])
    np.testing.assert_allclose(out["Call"], [1.0, 1.0])
    np.testing.assert_allclose(out["Mish"], activations.mish(a), rtol=1e-6)
    again = fkeras.Model.from_config(json.loads(json.dumps(model.get_config())))
    chex.assert_trees_all_close(again([a, b]), out)


def test_a_symbol_is_no_array():
    x = fkeras.Input((3,))
    with pytest.raises(TypeError, match="does not exist yet"):
        jnp.sin(x)
    with pytest.raises(TypeError, match="length of a window"):
        ops.hamming(x)


# --- masks and variables ------------------------------------------------------------------------


def test_masks_are_dropped_and_variables_read():
    x, mask = jnp.ones((2, 3)), jnp.ones((2, 3), bool)
    y = ops.concatenate([Masked(x, mask), fkeras.Variable(x)], axis=0)
    assert isinstance(y, jax.Array) and y.shape == (4, 3)
    assert isinstance(ops.stop_gradient(fkeras.Variable(x)), jax.Array)
    words = fkeras.Input((4,), dtype="int32")
    masked = fkeras.layers.Embedding(5, 3, mask_zero=True)(words)
    assert masked.mask is not None and ops.add(masked, 1.0).mask is None


def test_functions_can_be_compiled_and_differentiated():
    f = jax.jit(lambda x: ops.sum(ops.softmax(ops.matmul(x, x), axis=-1) ** 2))
    x = jnp.eye(3)
    chex.assert_tree_all_finite(jax.grad(f)(x))
    chex.assert_shape(jax.vmap(ops.mean)(jnp.ones((4, 3))), (4,))


# --- configs ------------------------------------------------------------------------------------


def build(k):
    """One graph of many operations, with either library."""
    o = k.ops
    x = k.Input((3, 4), name="x")
    y = o.mean(x + 1.0, axis=1)
    z = o.relu(y) * y
    cut = x[:, 1:2, None]
    capped = k.activations.relu(y, max_value=3.0)
    a, b = o.split(o.concatenate([y, z], axis=-1), 2, axis=-1)
    return k.Model(x, [
        capped, z, cut, a - b, o.cast(b, "float16"), o.where(y > 0, y, 2), o.clip(o.reshape(x, (-1, 12)), 0.0, 1.0),
        o.dot_product_attention(*[o.expand_dims(x, 2)] * 3, is_causal=True), o.average(x, axis=1, weights=None),
        o.einsum("bij,bkj->bik", x, x), o.take(x, np.array([0, 2]), axis=2), o.logsumexp(x, axis=(1, 2)),
    ])  # fmt: skip


def test_a_graph_goes_to_keras_and_back():
    ours, theirs = build(fkeras), build(keras)
    value = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    want = [np.asarray(v, "float32") for v in theirs(value)]
    read_by_us = fkeras.models.model_from_json(theirs.to_json())
    read_by_keras = keras.models.model_from_json(ours.to_json())
    for model in (ours, read_by_us, read_by_keras):
        for have, expected in zip(model(value), want, strict=True):
            np.testing.assert_allclose(np.asarray(have, "float32"), expected, rtol=1e-4, atol=1e-5)


def test_the_module_decides_between_an_operation_and_a_layer():
    config = {"module": "keras.src.ops.numpy", "class_name": "Add", "config": {"name": "add"}, "registered_name": "Add"}
    found = registry.deserialize(config)
    assert isinstance(found, Operation) and registry.serialize(found) == config
    assert not isinstance(registry.deserialize({**config, "module": "keras.layers"}), Operation)


def test_operations_can_be_pickled_and_copied():
    op = ops.mean(fkeras.Input((3,)), axis=-1).node.layer
    for twin in (pickle.loads(pickle.dumps(op)), copy.deepcopy(op)):
        assert type(twin) is type(op) and twin.settings == op.settings
        np.testing.assert_allclose(twin(np.ones((2, 3))), [1.0, 1.0])


def test_a_class_of_the_users_own():
    class Twice(Operation):
        def call(self, x):
            return 2 * x

    x = fkeras.Input((3,))
    y = Twice()(x)
    np.testing.assert_allclose(fkeras.Model(x, y)(np.ones((1, 3))), [[2.0, 2.0, 2.0]])
    assert graph.is_symbol(y) and y.shape == (None, 3)


# --- refusals -----------------------------------------------------------------------------------

REFUSED = {
    "where(True, 1.0)": "both x1 and x2",
    "array_split(jnp.ones(3), 0)": "at least one part",
    "pad(jnp.ones(3), 1, mode='edge', constant_values=1)": "mode 'constant'",
    "fabs(1j)": "real numbers",
    "ldexp(1.0, 2.0)": "integers",
    "diagonal(jnp.ones((2, 2)), axis1=0, axis2=-2)": "two different axes",
    "vander(jnp.ones((2, 2)))": "one axis",
    "searchsorted(jnp.ones((2, 2)), 1.0)": "one axis",
    "histogram(jnp.ones(3), bins=2.0)": "must be an int",
    "select([], [])": "holds something",
    "eye(2.0)": "integer",
    "one_hot([1], 2, sparse=True)": "dense",
    "multi_hot([1])": "num_classes",
    "moments(jnp.ones(3), 0, synchronized=True)": "shard_map",
    "normalize(jnp.ones(3), order=0)": "order",
    "dot_product_attention(*[jnp.ones((2, 3))] * 3)": "batch, time, heads, depth",
    "dot_product_attention(*[jnp.ones((2, 3, 1, 4))] * 3, attn_logits_soft_cap=1.0)": "TPU",
    "ctc_decode(jnp.ones((1, 2, 3)), [2], strategy='best')": "greedy",
    "binary_crossentropy(jnp.ones(2), jnp.ones(3))": "does not fit",
    "segment_sum(jnp.ones(2), jnp.array([0, 1]))": "num_segments",
    "fft(jnp.ones(3))": "pair",
    "stft(jnp.ones(8), 4, 0, 4)": "positive integer",
    "stft(jnp.ones(8), 4, 2, 4, window='box')": "hann",
    "cholesky(-jnp.eye(2))": "positive definite",
    "inv(jnp.ones((2, 3)))": "square",
    "qr(jnp.eye(2), mode='r')": "reduced",
    "rearrange(jnp.ones((2, 3)), 'a -> a')": "does not fit",
    "rearrange(jnp.ones((2, 3)), 'a (b c) -> a b c')": "all but one",
    "unstack(jnp.ones((2, 3)), num=3)": "2 parts",
    "scatter_update(jnp.ones(3), [[0]], [1.0], reduction='mean')": "add, max, min or mul",
    "cdist(jnp.ones((2, 3)), jnp.ones((2, 4)))": "one length",
    "unfold(jnp.ones((2, 3)), 2)": "batch, channels",
    "depth_to_space(jnp.ones((1, 2, 2, 4)), 1)": "at least 2",
    "image.resize(jnp.ones((2, 2, 1)), (2, 0))": "positive",
    "image.resize(jnp.ones((2, 2, 1)), (2, 2), 'cubic')": "bilinear",
    "image.crop_images(jnp.ones((2, 2, 1)), 1, 1)": "exactly two",
    "image.crop_images(jnp.ones((2, 2, 1)), 1, 1, target_height=2, target_width=1)": "do not hold",
    "image.pad_images(jnp.ones((3, 3, 1)), 1, 1, target_height=3, target_width=4)": "would be -1",
    "image.rgb_to_hsv(jnp.ones((2, 2, 3), 'int32'))": "floats",
    "image.rgb_to_grayscale(jnp.ones((2, 2, 2)))": "3 channels",
    "image.affine_transform(jnp.ones((2, 2, 1)), jnp.ones(6))": "8 numbers",
    "image.map_coordinates(jnp.ones((2, 2)), jnp.ones((3, 1)), 1)": "needs coordinates",
    "image.extract_patches(jnp.ones((4, 4, 1)), 'a')": "int or a tuple",
    "image.elastic_transform(jnp.ones((4, 4, 1)), fill_mode='none')": "mirror",
}


@pytest.mark.parametrize("line", REFUSED)
def test_refused_in_plain_words(line):
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=REFUSED[line]):
        eval(line, {**vars(ops), "jnp": jnp})
