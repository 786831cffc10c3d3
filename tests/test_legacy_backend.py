"""`keras.backend` of Keras 2, by hand and on symbols."""

from __future__ import annotations

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fkeras import backend as K
from fkeras.layers import Dense, Dropout, Input, Lambda
from fkeras.models import Model, Sequential

X = np.random.default_rng(0).random((2, 3, 4)).astype("float32")
IMAGE = np.random.default_rng(1).random((2, 4, 6, 3)).astype("float32")
KERNEL = np.random.default_rng(2).random((3, 3, 3, 5)).astype("float32")
M, V = X.mean(), X.var()

BY_HAND = {
    "mean": (lambda x: K.mean(x, axis=-1, keepdims=True), X.mean(-1, keepdims=True)),
    "sum": (lambda x: K.sum(x, axis=(1, 2)), X.sum((1, 2))),
    "var": (lambda x: K.var(x), V), "std": (lambda x: K.std(x), X.std()),
    "max": (lambda x: K.max(x, axis=1), X.max(1)), "prod": (lambda x: K.prod(x, 0), X.prod(0)),
    "pow": (lambda x: K.pow(x, 3), X**3), "clip": (lambda x: K.clip(x, None, 0.5), np.minimum(X, 0.5)),
    "relu": (lambda x: K.relu(x - 0.5, 0.1, 0.3), np.where(X > 0.5, np.minimum(X - 0.5, 0.3), 0.1 * (X - 0.5))),
    "hard_sigmoid": (lambda x: K.hard_sigmoid(5 * x), np.clip(0.2 * 5 * X + 0.5, 0, 1)),
    "l2": (lambda x: K.l2_normalize(x, -1), X / np.linalg.norm(X, axis=-1, keepdims=True)),
    "dot": (lambda x: K.dot(x, jnp.ones((4, 5))), X @ np.ones((4, 5))),
    "batch_dot": (lambda x: K.batch_dot(x, x, axes=(2, 2)), np.einsum("bik,bjk->bij", X, X)),
    "flat": (lambda x: K.batch_flatten(x), X.reshape(2, -1)), "flatten": (K.flatten, X.reshape(-1)),
    "permute": (lambda x: K.permute_dimensions(x, (0, 2, 1)), X.transpose(0, 2, 1)),
    "repeat": (lambda x: K.repeat(x[:, 0], 3), np.repeat(X[:, :1], 3, 1)),
    "elements": (lambda x: K.repeat_elements(x, 2, 1), np.repeat(X, 2, 1)),
    "reverse": (lambda x: K.reverse(x, 1), X[:, ::-1]), "gather": (lambda x: K.gather(x, np.array([1, 0])), X[[1, 0]]),
    "concatenate": (lambda x: K.concatenate([x, x]), np.concatenate([X, X], -1)),
    "stack": (lambda x: K.stack([x, x], 1), np.stack([X, X], 1)),
    "tile": (lambda x: K.tile(x, (1, 2, 1)), np.tile(X, (1, 2, 1))),
    "expand": (lambda x: K.squeeze(K.expand_dims(x), -1), X),
    "slice": (lambda x: K.slice(x, (0, 1, 1), (2, 2, 2)), X[:, 1:, 1:3]),
    "switch": (lambda x: K.switch(x[:, 0, 0] > 0.5, x, lambda: -x), np.where(X[:, :1, :1] > 0.5, X, -X)),
    "cast": (lambda x: K.cast(x * 3, "int32"), (X * 3).astype("int32")),
    "one_hot": (lambda x: K.one_hot(K.argmax(x), 4), np.eye(4)[X.argmax(-1)]),
    "bias": (lambda x: K.bias_add(x, jnp.ones(4)), X + 1),
    "batch norm": (lambda x: K.batch_normalization(x, K.mean(x, (0, 1)), K.var(x, (0, 1)), jnp.ones(4),
                                                   2 * jnp.ones(4), epsilon=0.0),
                   (X - X.mean((0, 1))) / X.std((0, 1)) * 2 + 1),
    "in_train_phase": (lambda x: K.in_train_phase(x, lambda: -x, training=True) + K.in_train_phase(x, lambda: -x),
                       0 * X),
    "foldl": (lambda x: K.foldl(lambda a, b: a * b, x), X[0] * X[1]),
    "map": (lambda x: K.map_fn(lambda v: v.sum(), x), X.sum((1, 2))),
    "binary": (lambda x: K.binary_crossentropy(x, x), -(X * np.log(X) + (1 - X) * np.log(1 - X))),
    "categorical": (lambda x: K.categorical_crossentropy(x, x), -(X * np.log(X / X.sum(-1, keepdims=True))).sum(-1)),
    "temporal": (lambda x: K.temporal_padding(x, (1, 2)), np.pad(X, ((0, 0), (1, 2), (0, 0)))),
    "identity": (lambda x: K.identity(x) + K.zeros_like(x) + K.zeros((4,)) + K.constant(1.0) - K.ones((4,)), X),
}  # fmt: skip


def test_by_hand():
    found = jax.jit(lambda x: {name: f(x) for name, (f, _) in BY_HAND.items()})(X)
    for name, (_, want) in BY_HAND.items():
        np.testing.assert_allclose(found[name], want, rtol=2e-5, atol=1e-6, err_msg=name)


def test_images():
    found = jax.jit(
        lambda x, k: {
            "conv": K.conv2d(x, k, padding="same"), "pool": K.pool2d(x, (2, 2), (2, 2), pool_mode="avg"),
            "resize": K.resize_images(x, 2, 3, "channels_last"),
            "padding": K.spatial_2d_padding(x, ((1, 0), (0, 2))),
            "normal": K.normalize_batch_in_training(x, None, None, [0, 1, 2], 0.0)[0],
            "causal": K.conv1d(x[:, 0], k[0], padding="causal"),
        }
    )(IMAGE, KERNEL)  # fmt: skip
    assert found["conv"].shape == (2, 4, 6, 5) and found["causal"].shape == (2, 6, 5)
    middle = (IMAGE[0, :3, :3, :, None] * KERNEL).sum((0, 1, 2))
    np.testing.assert_allclose(found["conv"][0, 1, 1], middle, rtol=1e-5)
    np.testing.assert_allclose(found["pool"], IMAGE.reshape(2, 2, 2, 3, 2, 3).mean((2, 4)), rtol=1e-5)
    np.testing.assert_allclose(found["resize"], IMAGE.repeat(2, 1).repeat(3, 2))
    np.testing.assert_allclose(found["padding"], np.pad(IMAGE, ((0, 0), (1, 0), (0, 2), (0, 0))))
    np.testing.assert_allclose(
        found["normal"], (IMAGE - IMAGE.mean((0, 1, 2))) / IMAGE.std((0, 1, 2)), rtol=1e-3, atol=1e-4
    )


def test_rnn_holds_states_where_the_mask_is_false():
    xs = X
    mask = np.array([[True, False, True], [True, True, False]])

    def step(x, states):
        return x + states[0], [x + states[0]]

    last, ys, (state,) = jax.jit(lambda x: K.rnn(step, x, [jnp.zeros((2, 4))], mask=mask))(xs)
    want = np.stack([xs[0, 0] + xs[0, 2], xs[1, 0] + xs[1, 1]])
    for found in (last, state, ys[:, -1]):
        np.testing.assert_allclose(found, want, rtol=1e-6)
    np.testing.assert_allclose(ys[0, 1], xs[0, 0], rtol=1e-6)
    zeroed = jax.jit(
        lambda x: K.rnn(step, x, [jnp.zeros((2, 4))], mask=mask, zero_output_for_mask=True, go_backwards=True)
    )(xs)
    np.testing.assert_allclose(zeroed[1][0, 1], 0.0)
    np.testing.assert_allclose(zeroed[0][0], xs[0, 0] + xs[0, 2], rtol=1e-6)


def test_ctc():
    rng = np.random.default_rng(3)
    p = rng.random((2, 4, 3)).astype("float32")
    p /= p.sum(-1, keepdims=True)
    labels, sizes = np.array([[0, 1], [1, 0]]), np.array([[2], [1]])
    loss = K.ctc_batch_cost(labels, p, np.array([[4], [4]]), sizes)
    assert loss.shape == (2, 1)

    def collapse(path):
        kept = [c for i, c in enumerate(path) if i == 0 or c != path[i - 1]]
        return [c for c in kept if c != 2]

    paths = [np.unravel_index(i, (3,) * 4) for i in range(81)]
    for row, target in enumerate(([0, 1], [1])):
        total = sum(np.prod([p[row, t, c] for t, c in enumerate(path)]) for path in paths if collapse(path) == target)
        np.testing.assert_allclose(loss[row, 0], -np.log(total), rtol=1e-4)
    best, _ = K.ctc_decode(p, np.array([4, 4]))
    for row in range(2):
        want = collapse(p[row].argmax(-1))
        assert np.asarray(best[0])[row, : len(want)].tolist() == want


def test_functions_of_symbols():
    model = Sequential([Dense(5, activation="relu", input_dim=4), Dropout(0.5), Dense(2)])
    hidden = K.function([model.layers[0].input, K.learning_phase()], [model.layers[1].output])
    x = X[:, 0]
    still, drawn = hidden([x, 0])[0], hidden([x, 1])[0]
    dense = model.layers[0]
    np.testing.assert_allclose(still, np.maximum(x @ np.asarray(dense.kernel) + np.asarray(dense.bias), 0), rtol=1e-5)
    assert not np.array_equal(still, drawn)
    a = Input((4,))
    graph = Model(a, Lambda(lambda t: K.sum(K.square(t), axis=-1, keepdims=True))(a))
    np.testing.assert_allclose(graph.predict(x), (x**2).sum(-1, keepdims=True), rtol=1e-5)
    ops_graph = Model(a, K.l2_normalize(K.concatenate([K.relu(a), K.permute_dimensions(a, (0, 1))]), axis=-1))
    y = np.concatenate([x, x], -1)
    np.testing.assert_allclose(ops_graph.predict(x), y / np.linalg.norm(y, axis=-1, keepdims=True), rtol=1e-5)
    with pytest.raises(ValueError, match="2 inputs"):
        hidden([x])


def test_values():
    v = K.variable(np.ones((2, 2)), name="v")
    K.update_add(v, 1.0), K.moving_average_update(v, 0.0, 0.5)
    assert K.get_value(v).tolist() == [[1.0, 1.0]] * 2 and K.count_params(v) == 4
    K.batch_set_value([(v, np.zeros((2, 2)))])
    assert K.eval(v).sum() == 0 and K.is_tensor(v) and K.int_shape(v) == (2, 2) and K.ndim(v) == 2
    assert K.is_placeholder(K.placeholder(ndim=2)) and not K.is_sparse(v) and K.dtype(v) == "float32"
    K.set_image_dim_ordering("th")
    assert K.image_dim_ordering() == "th" and K.image_data_format() == "channels_first"


def test_every_function_of_the_last_keras_that_had_them_is_there():
    from keras.src.legacy import backend as oracle

    names = [n for n, f in vars(oracle).items() if inspect.isfunction(f) and f.__module__ == oracle.__name__]
    missing = [n for n in names if not n.startswith("_") and not hasattr(K, n)]
    assert missing == ["ctc_label_dense_to_sparse", "name_scope"], missing
