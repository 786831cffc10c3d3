"""Losses against Keras itself, their reductions, configs, checks and user-written ones."""

import inspect

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from fkeras import activations, layers, logits, losses
from fkeras.masking import Masked

rng = np.random.default_rng(0)
N, T, C = 4, 5, 3


def softmax(x):
    return (np.exp(x) / np.exp(x).sum(-1, keepdims=True)).astype("float32")


LOGITS = rng.normal(size=(N, T, C)).astype("float32")
CLASSES = rng.integers(0, C, size=(N, T))
DATA = {
    "real": (rng.normal(size=(N, T, C)).astype("float32"), LOGITS),
    "flat": (rng.normal(size=(N,)).astype("float32"), rng.normal(size=(N, 1)).astype("float32")),
    "positive": (rng.poisson(2.0, size=(N, C)).astype("float32"), np.exp(LOGITS[:, 0])),
    "binary": (rng.integers(0, 2, size=(N, C)).astype("int32"), softmax(LOGITS)[:, 0]),
    "onehot": (np.eye(C, dtype="float32")[CLASSES], softmax(LOGITS)),
    "onehot_logits": (np.eye(C, dtype="float32")[CLASSES], LOGITS),
    "sparse": (CLASSES, softmax(LOGITS)),
    "sparse_column": (CLASSES[:, :1].astype("uint8"), LOGITS[:, 0]),
    "ctc": (np.array([[1, 2, 0], [1, 1, 0], [2, 0, 0], [1, 2, 1]]), LOGITS),
    "embedded": (np.array([0, 1, 0, 1, 2]), (e := rng.normal(size=(5, 4))) / np.linalg.norm(e, axis=-1, keepdims=True)),
}
# (class, settings, data)
ROWS = [
    ("MeanSquaredError", {}, "real"),
    ("MeanSquaredError", {}, "flat"),
    ("MeanAbsoluteError", {}, "real"),
    ("MeanAbsolutePercentageError", {}, "real"),
    ("MeanSquaredLogarithmicError", {}, "positive"),
    ("CosineSimilarity", {}, "real"),
    ("CosineSimilarity", {"axis": 1}, "real"),
    ("Huber", {"delta": 0.7}, "real"),
    ("LogCosh", {}, "real"),
    ("Poisson", {}, "positive"),
    ("Hinge", {}, "binary"),
    ("Hinge", {}, "real"),
    ("SquaredHinge", {}, "binary"),
    ("CategoricalHinge", {}, "onehot"),
    ("KLDivergence", {}, "onehot"),
    ("BinaryCrossentropy", {}, "binary"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2, "axis": 1}, "onehot_logits"),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5}, "binary"),
    ("BinaryFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "onehot_logits"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "onehot"),
    ("CategoricalCrossentropy", {"from_logits": True, "axis": 1}, "onehot_logits"),
    ("CategoricalFocalCrossentropy", {"alpha": [0.1, 0.5, 0.4]}, "onehot"),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "gamma": 1.0, "label_smoothing": 0.1}, "onehot_logits"),
    ("SparseCategoricalCrossentropy", {}, "sparse"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, "sparse"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sparse_column"),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.3}, "sparse"),
    ("CTC", {}, "ctc"),
    ("Dice", {}, "onehot"),
    ("Dice", {"axis": (1, 2)}, "onehot"),
    ("Tversky", {"alpha": 0.3, "beta": 0.8}, "onehot"),
    ("Tversky", {"axis": (1,)}, "onehot"),
    ("Circle", {}, "embedded"),
    ("Circle", {"gamma": 10.0, "margin": 0.2, "remove_diagonal": False}, "embedded"),
]
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def close(a, b, rtol=2e-5):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=2e-6)


@pytest.mark.parametrize("name, settings, data", ROWS)
def test_equals_keras(name, settings, data):
    y, p = DATA[data]

    def every_reduction(module, weight):
        made = [getattr(module, name)(**settings, reduction=r) for r in REDUCTIONS]
        return jax.jit(lambda y, p: [loss(y, p, weight) for loss in made])(y, p)

    ours, theirs = every_reduction(losses, None), every_reduction(keras.losses, None)
    weight = rng.uniform(size=theirs[-1].shape).astype("float32")
    for a, b in zip(
        ours + every_reduction(losses, weight), theirs + every_reduction(keras.losses, weight), strict=True
    ):
        close(a, b)


@pytest.mark.parametrize("name, settings, data", ROWS)
def test_gradient_is_finite_and_config_survives(name, settings, data):
    y, p = DATA[data]
    loss = getattr(losses, name)(**settings)
    assert jnp.isfinite(jax.jit(jax.grad(lambda p: loss(y, p)))(jnp.asarray(p))).all()
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss) and again.get_config() == loss.get_config()


@pytest.mark.parametrize("name", sorted({r[0] for r in ROWS}))
def test_signature_config_and_names_are_those_of_keras(name):
    ours, theirs = getattr(losses, name), getattr(keras.losses, name)
    assert [(p.name, p.default) for p in inspect.signature(ours).parameters.values()] == [
        (p.name, p.default) for p in inspect.signature(theirs).parameters.values()
    ]
    assert ours().get_config() == theirs().get_config()
    config = keras.losses.serialize(theirs(reduction="sum"))
    assert losses.serialize(losses.deserialize(config)) == config
    assert keras.saving.deserialize_keras_object(losses.serialize(ours(reduction="sum"))).reduction == "sum"


def test_every_public_name_of_keras_is_here():
    from keras.src.losses import ALL_OBJECTS_DICT

    assert {n for n in dir(keras.losses) if n[0] != "_"} <= set(dir(losses))
    for name, theirs in ALL_OBJECTS_DICT.items():
        if name != "LossFunctionWrapper":
            found = losses.get(name)
            assert (found.__name__ if inspect.isfunction(found) else type(found).__name__) == theirs.__name__
    for name in dir(keras.losses):
        theirs = getattr(keras.losses, name)
        if inspect.isfunction(theirs) and name not in ("get", "serialize", "deserialize"):
            assert losses.deserialize(losses.serialize(getattr(losses, name))) is getattr(losses, name)
            ours = inspect.signature(getattr(losses, name))
            assert [(p.name, p.default) for p in ours.parameters.values()] == [
                (p.name, p.default) for p in inspect.signature(theirs).parameters.values()
            ]
    with pytest.raises(ValueError, match="Did you mean 'mse'"):
        losses.get("mset")
    assert losses.get(None) is None and isinstance(losses.get(losses.Huber), losses.Huber)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_mask_equals_keras(reduction, weighted):
    y, p = DATA["real"]
    mask = rng.integers(0, 2, size=(N, T)).astype(bool)
    weight = rng.uniform(size=(N, 1)).astype("float32") if weighted else None
    pred = keras.ops.convert_to_tensor(p)
    pred._keras_mask = jnp.asarray(mask)
    theirs = keras.losses.MeanSquaredError(reduction=reduction)(y, pred, weight)
    ours = losses.MeanSquaredError(reduction=reduction)
    close(jax.jit(ours)(y, p, weight, mask), theirs)
    close(jax.jit(ours)(y, Masked(jnp.asarray(p), jnp.asarray(mask)), weight), theirs)


def test_mask_of_rows_is_as_if_the_rows_were_not_there():
    y, p = DATA["real"]
    rows, weight = np.array([True, True, False, True]), rng.uniform(size=N).astype("float32")
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight"):
        loss = losses.MeanSquaredError(reduction=reduction)
        close(loss(y, p, None, rows), loss(y[rows], p[rows]))
        close(loss(y, p, weight, rows), loss(y[rows], p[rows], weight[rows]))
    with pytest.raises(ValueError, match="do not fit losses of shape"):
        losses.MeanSquaredError()(y, p, np.ones(N + 1))


def test_what_is_ignored_is_not_in_the_mean_and_has_no_gradient():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    p = jnp.array([[0.5, 0.5], [jnp.nan, 0.9]])
    value, gradient = jax.value_and_grad(lambda p: loss(np.array([1, -1]), p))(p)
    close(value, np.log(2))
    close(gradient[1], [0, 0])


def test_nests_lists_and_functions():
    tree = ({"a": jnp.zeros((2, 1)), "b": jnp.ones(2)}, {"a": jnp.ones(2), "b": jnp.zeros((2, 1))})
    loss = losses.LossFunctionWrapper(lambda y, p, k: k * ((y["a"] - p["a"]) ** 2 + (y["b"] - p["b"]) ** 2), k=3.0)
    assert float(loss(*tree)) == 6.0
    assert losses.resolve(lambda y, p: p, None, None).name == "lambda"
    assert float(losses.get("mse")([0.0, 1.0], [1.0, 3.0])) == 2.5
    wrapped = losses.LossFunctionWrapper(losses.huber, name="h", delta=0.5)
    again = losses.deserialize(losses.serialize(wrapped))
    assert again.arguments == {"delta": 0.5} and again.fn is losses.huber


def test_vmap_over_losses_and_half_precision():
    y, p = DATA["onehot"]
    f = losses.CategoricalCrossentropy()
    close(jax.jit(jax.vmap(f))(y, p), [f(a, b) for a, b in zip(y, p, strict=True)])
    assert losses.MeanSquaredError(dtype="mixed_bfloat16")(y, p).dtype == jnp.bfloat16
    assert losses.MeanSquaredError(dtype="float16").get_config()["dtype"] == "float16"


class Weighted(losses.Loss):
    """A loss written as for Keras."""

    def __init__(self, power=2.0, reduction="sum_over_batch_size", name="weighted"):
        super().__init__(name=name, reduction=reduction)
        self.power = power

    def call(self, y_true, y_pred):
        return jnp.mean(jnp.abs(y_true - y_pred) ** self.power, axis=-1)

    def get_config(self):
        return {**super().get_config(), "power": self.power}


class Bare(losses.Loss):
    def call(self, y_true, y_pred):
        return jnp.mean(y_true - y_pred, axis=-1)


class Declared(losses.Loss):
    scale: float = 2.0

    def call(self, y_true, y_pred):
        return self.scale * jnp.mean(y_true - y_pred, axis=-1)


class Doubled(losses.MeanSquaredError):
    def call(self, y_true, y_pred):
        return 2 * super().call(y_true, y_pred)


def test_user_losses():
    y, p = DATA["real"]
    close(Weighted()(y, p), keras.losses.MeanSquaredError()(y, p))
    again = losses.deserialize(losses.serialize(Weighted(3.0, reduction="sum")))
    assert again.get_config() == {"name": "weighted", "reduction": "sum", "power": 3.0}
    assert Bare(reduction="sum").get_config() == {"name": "bare", "reduction": "sum"}
    assert Declared(scale=3.0, name="d", reduction="sum").get_config() == {
        "name": "d",
        "reduction": "sum",
        "scale": 3.0,
    }
    close(Declared()(y, p), 2 * Bare()(y, p))
    close(Doubled("sum")(y, p), 2 * losses.MeanSquaredError("sum")(y, p))
    losses.check(Doubled(), np.array([np.nan]), spec(None, 4))
    with pytest.raises(ValueError, match="reduction 'avg'"):
        Weighted(reduction="avg")
    with pytest.raises(NotImplementedError, match="call"):
        losses.Loss()(y, p)
    with pytest.raises(TypeError, match="Did you mean 'delta'"):
        losses.Huber(delt=1.0)


def spec(*shape):
    return jax.ShapeDtypeStruct(shape, "float32") if None not in shape else type("Spec", (), {"shape": shape})()


BAD = [
    ("categorical_crossentropy", np.zeros(9, int), (None, 4), r"to_categorical\(y, 4\)"),
    ("CategoricalFocalCrossentropy", np.zeros((9, 1), int), (None, 4), "sparse_categorical_crossentropy"),
    ("sparse_categorical_crossentropy", np.array([0, 1, 7, 2]), (None, 4), "label 7 at row 2 .*8 units"),
    ("sparse_categorical_crossentropy", np.array([1, 2, 3, 4]), (None, 4), "pass y - 1"),
    ("sparse_categorical_crossentropy", np.array([[0], [-1]]), (None, 4), "ignore_class=-1"),
    ("sparse_categorical_crossentropy", np.array([0.0, 1.5]), (None, 4), "1.5 at row 1 is not a whole number"),
    ("sparse_categorical_crossentropy", np.eye(4), (None, 4), "one-hot rows: use categorical"),
    ("mse", np.zeros((9, 3)), (None, 1), "give the last layer 3 units"),
    ("mse", np.zeros(9), (None, 3), r"\(9,\) do not fit"),
    ("binary_crossentropy", np.zeros((9, 2)), (None, 1), "do not fit"),
    ("mae", np.array([0.0, np.nan, np.inf]), (None, 1), "nan at row 1 is not a finite number .*2"),
    ("hinge", np.array(["a", "b"]), (None, 1), "no numbers"),
    ("ctc", np.array([[1, 5]]), (None, 7, 4), "label 5 at row 0"),
    ("circle", np.eye(3), (None, 8), "one class number per example"),
]


@pytest.mark.parametrize("loss, y, shape, message", BAD)
def test_check_refuses(loss, y, shape, message):
    with pytest.raises(ValueError, match=message):
        losses.check(losses.get(loss), y, spec(*shape))


def test_check_allows():
    for loss, y, shape in [
        ("mse", np.zeros(9), (None, 1)),
        ("mse", np.zeros((9, 1)), (None,)),
        ("mse", np.zeros((9, 5, 3)), (None, None, 3)),
        ("sparse_categorical_crossentropy", np.array([0.0, 3.0]), (None, 4)),
        ("sparse_categorical_crossentropy", np.zeros((9, 5, 1), "uint8"), (None, 5, 4)),
        ("categorical_crossentropy", np.eye(4), (None, 4)),
        ("binary_crossentropy", np.zeros(9, bool), (None, 1)),
        ("ctc", np.array([[1, 3, 0]]), (None, 7, 4)),
        ("mae", np.full(9, 3e38, "float32"), (None, 1)),
    ]:
        losses.check(losses.get(loss), y, spec(*shape))
    losses.check(losses.SparseCategoricalCrossentropy(ignore_class=255), np.array([0, 255], "uint8"), spec(None, 4))
    losses.check(Bare(), np.array([np.nan]), spec(None, 4))
    losses.check(lambda y, p: p, np.array([np.nan]), spec(None, 4))


def test_resolve_chooses_by_shape():
    for y, p, name in [
        ((9,), (9, 1), "binary"),
        ((9, 1), (9, 4), "sparse_categorical"),
        ((9, 4), (9, 4), "categorical"),
    ]:
        loss = losses.resolve("ce", spec(*y), spec(*p))
        assert loss.fn.__name__ == f"{name}_crossentropy" and loss.name == "ce"
    assert losses.resolve("mse", None, None).name == "mse" and losses.resolve(None, None, None) is None
    assert losses.resolve(losses.huber, None, None).name == "huber"


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("named", ["sparse", "one_hot", "smoothed", "ignored"])
def test_a_crossentropy_works_from_the_logits_of_a_softmax(named, axis, rng):
    """The numbers of Keras, which takes the logarithm of the clipped softmax, gradients too."""
    z = jnp.asarray(rng.normal(size=(64, 5, 6)) * np.geomspace(0.1, 30, 64)[:, None, None], jnp.float32)
    y = rng.integers(0, 6 if axis == -1 else 5, (64, 5) if axis == -1 else (64, 6))
    hot = jax.nn.one_hot(y, z.shape[axis], axis=axis)
    loss, labels = {
        "sparse": (losses.SparseCategoricalCrossentropy(axis=axis, reduction="sum"), y),
        "ignored": (losses.SparseCategoricalCrossentropy(ignore_class=2, axis=axis, reduction="sum"), y),
        "one_hot": (losses.CategoricalCrossentropy(axis=axis, reduction="sum"), hot),
        "smoothed": (losses.CategoricalCrossentropy(axis=axis, label_smoothing=0.1, reduction="sum"), hot),
    }[named]

    def with_softmax(softmax):
        def value(z):
            with logits.remembered():
                return loss(labels, softmax(z, axis))

        turned = jnp.cos(jnp.arange(z.size)).reshape(z.shape)
        return jax.jit(lambda z: (value(z), *jax.jvp(jax.grad(value), (z,), (turned,))))(z)

    found, expected = map(with_softmax, (activations.softmax, jax.nn.softmax))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
    np.testing.assert_allclose(found[1], expected[1], atol=2e-6)
    np.testing.assert_allclose(found[2], expected[2], atol=1e-5)


def test_softmaxes_are_known_by_layers_and_forgotten_at_the_end():
    z = jnp.array([[1.0, 2.0]])
    with logits.remembered():
        for layer in (layers.Softmax(), layers.Activation("softmax")):
            p = layer.apply({}, {}, z)[0]
            assert logits.of(p, 1) is z and logits.of(p, 0) is None and logits.of(p * 1, 1) is None
    assert logits.of(p, 1) is None
