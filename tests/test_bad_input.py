"""What bad input gets: an error that names the object, says what was expected and received, and what to type.

Nothing here may reach a compiled program, apart from the last section: numbers that go wrong in training.
"""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import fkeras
from fkeras import Input, Model, Sequential, layers
from fkeras.layers import Dense, Embedding

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype("float32")
Y = RNG.normal(size=(20, 1)).astype("float32")
CLASS = np.arange(20) % 3
IDS = RNG.integers(0, 5, size=(20, 3))


@functools.cache
def line() -> Any:
    """y = Dense(1), compiled for regression. Its values never change: nothing here trains it."""
    model = Sequential([Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse")
    return model


@functools.cache
def classifier(loss: str = "sparse_categorical_crossentropy") -> Any:
    model = Sequential([Dense(3, activation="softmax", input_shape=(4,))])
    model.compile("sgd", loss)
    return model


@functools.cache
def two_by_two() -> Any:
    """Inputs p and q, outputs real and vector."""
    p, q = Input((4,), name="p"), Input((3,), name="q")
    model = Model([p, q], [Dense(1, name="real")(p), Dense(2, name="vector")(q)])
    model.compile("sgd", "mse")
    return model


def fit(model: Any = None, x: Any = X, y: Any = Y, **settings: Any) -> Any:
    return (model or line()).fit(x, y, verbose=0, **settings)


def said(error: Any) -> str:
    """The whole of what an error tells."""
    return " ".join([str(error.value), *getattr(error.value, "__notes__", [])])


def check(action: Any, kind: type[Exception], *words: str) -> None:
    """The action raises this kind of error, and its text holds all of these words."""
    with pytest.raises(kind) as error:
        action()
    for word in words:
        assert word in said(error), said(error)


def table(cases: dict[str, Any]) -> Any:
    """Parametrizes a test over (action, kind, *words)."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases.items()])


# --- names and settings ------------------------------------------------------------------------


@table({
    "activation": (lambda: Dense(3, "reul"), ValueError, "activation 'reul'", "Did you mean 'relu'?"),
    "initializer": (lambda: Dense(3, kernel_initializer="glorot"), ValueError, "initializer 'glorot'", "glorot_"),
    "regularizer": (lambda: Dense(3, kernel_regularizer="l3"), ValueError, "regularizer 'l3'", "Known: L1"),
    "constraint": (lambda: Dense(3, kernel_constraint="max_nrom"), ValueError, "constraint 'max_nrom'", "max_norm"),
    "policy": (lambda: Dense(3, dtype="float31"), ValueError, "float31"),
    "units": (lambda: Dense(-1), ValueError, "Dense: units must be a whole number above 0; got -1"),
    "units, a float": (lambda: Dense(2.5), ValueError, "units", "2.5"),
    "rate": (lambda: layers.Dropout(1.5), ValueError, "Dropout", "rate", "1.5"),
    "table": (lambda: Embedding(0, 3), ValueError, "Embedding", "input_dim", "0"),
    "name": (lambda: Dense(3, name="a/b"), ValueError, "Dense", "'a/b'"),
    "input shape": (lambda: Input((3, "a")), ValueError, "(3, 'a')"),
    "no input shape": (lambda: Input(), ValueError, "Input(shape="),
    "misspelt": (lambda: Dense(3, activaton="relu"), TypeError, "Dense", "'activaton'", "Did you mean 'activation'?"),
    "misspelt and required": (lambda: Dense(unit=3), TypeError, "'unit'", "Did you mean 'units'?"),
    "optimizer": (lambda: line().compile("adm", "mse"), ValueError, "optimizer 'adm'", "Did you mean 'adam'?"),
    "optimizer, a number": (lambda: line().compile(3, "mse"), ValueError, "3", "adam"),
    "no optimizer": (lambda: line().compile(None, "mse"), ValueError, "compile('adam'"),
    "loss": (lambda: line().compile("sgd", "msee"), ValueError, "loss 'msee'", "Did you mean 'mse'?"),
    "loss, a number": (lambda: line().compile("sgd", 3), ValueError, "A loss is a name", "got 3"),
    "metric": (lambda: line().compile("sgd", "mse", metrics=["accurcy"]), ValueError, "'accurcy'", "'accuracy'?"),
    "metric, third": (lambda: line().compile("sgd", "mse", ["mae"]), ValueError, "loss_weights takes", "metrics=["),
    "steps": (lambda: line().compile("sgd", "mse", steps_per_execution=0), ValueError, "steps_per_execution", "got 0"),
    "compile": (lambda: line().compile("sgd", metrcs=["mae"]), TypeError, "compile", "'metrcs'", "'metrics'?"),
    "fit": (lambda: fit(epoch=3), TypeError, "fit", "'epoch'", "Did you mean 'epochs'?"),
    "evaluate": (lambda: line().evaluate(X, Y, batchsize=3), TypeError, "evaluate", "'batch_size'?"),
    "predict": (lambda: line().predict(X, batchsize=3), TypeError, "predict", "'batch_size'?"),
    "attribute": (lambda: line().fitt(X, Y), AttributeError, "Sequential", "'fitt'"),
    "get_layer": (lambda: line().get_layer("dens"), ValueError, "layer 'dens'", "Did you mean 'dense'?"),
    "get_layer by index": (lambda: line().get_layer(index=5), ValueError, "1 layers", "index 5"),
    "get_layer of nothing": (lambda: line().get_layer(), ValueError, "a name or an index"),
})  # fmt: skip
def test_names_and_settings(case: Any) -> None:
    check(*case)


@table({
    "not a layer": (lambda: Sequential().add("dense"), TypeError, "Sequential.add takes a layer; got 'dense'"),
    "a class": (lambda: Sequential([Dense]), TypeError, "Write Dense(3), not Dense"),
    "None": (lambda: Sequential([None]), TypeError, "got None"),
    "pop": (lambda: Sequential().pop(), ValueError, "no layer to pop"),
    "input in the midst": (lambda: line().add(Input((3,))), ValueError, "in front"),
    "two of a name": (lambda: Sequential([Dense(1, name="z"), Dense(1, name="z")]), ValueError, "two layers named 'z'"),
    "two of a name in a graph": (
        lambda: Model(p := Input((2,)), Dense(1, name="z")(Dense(1, name="z")(p))), ValueError, "two layers named 'z'",
    ),
    "disconnected": (
        lambda: Model(Input((4,), name="a"), Dense(1)(Input((4,), name="b"))), ValueError,
        "disconnected", "'b'", "inputs=",
    ),
    "no symbols": (lambda: Model(X, Dense(1)(Input((4,)))), ValueError, "symbols", "array(20, 4)"),
    "no outputs": (lambda: Model(Input((4,))), ValueError, "both inputs and outputs"),
    "one input twice": (lambda: Model([p := Input((4,)), p], Dense(1)(p)), ValueError, "different"),
    "unknown size": (lambda: Dense(2)(Input((None,))), ValueError, "Dense(units=2)", "kernel", "(?, 2)"),
    "chain": (lambda: Sequential([Dense(3, input_shape=(4,)), layers.Reshape((5,))]), ValueError, "Reshape", "(?, 3)"),
})  # fmt: skip
def test_models_that_cannot_be(case: Any) -> None:
    check(*case)


def test_a_chain_is_as_it_was_after_a_layer_that_does_not_fit() -> None:
    model = Sequential([Dense(3, input_shape=(4,))])
    with pytest.raises(ValueError):
        model.add(layers.Reshape((5,)))
    assert len(model.layers) == 1 and model.output_shape == (None, 3)
    model.add(Dense(2))
    assert model.output_shape == (None, 2)


# --- shapes ------------------------------------------------------------------------------------


@table({
    "rank": (lambda: fit(x=X[:, 0]), ValueError, "expects shape (?, 4)"),
    "rank 3": (lambda: fit(x=X[:, :, None] + np.zeros(2)), ValueError, "expects shape (?, 4)", "4, 2)"),
    "features, fit": (lambda: fit(x=X[:, :3]), ValueError, "Sequential", "expects shape (?, 4)", "3)"),
    "features, evaluate": (lambda: line().evaluate(X[:, :3], Y), ValueError, "expects shape (?, 4)"),
    "features, predict": (lambda: line().predict(X[:, :3]), ValueError, "expects shape (?, 4)"),
    "features, call": (lambda: line()(X[:, :3]), ValueError, "expects shape (?, 4); got (20, 3)"),
    "features, symbol": (lambda: line()(Input((5,))), ValueError, "expects shape (?, 4); got (?, 5)"),
    "rank of a layer": (lambda: Dense(2)(X[:, 0]), ValueError, "Dense(units=2)", "rank at least 2", "(20,)"),
    "lengths": (lambda: fit(y=Y[:10]), ValueError, "lengths differ", "x: 20", "y: 10"),
    "weights of another length": (lambda: fit(sample_weight=np.ones(3)), ValueError, "sample_weight: 3"),
    "weights of another shape": (lambda: fit(sample_weight=np.ones((20, 3))), ValueError, "(20, 3)", "one weight per"),
    "broadcast": (lambda: fit(y=np.ones((20, 3))), ValueError, "(20, 3)", "(None, 1)", "3 units"),
    "broadcast, evaluate": (lambda: line().evaluate(X, np.ones((20, 3))), ValueError, "(20, 3)", "(None, 1)"),
    "one of two inputs": (lambda: two_by_two().predict([X]), ValueError, "2 inputs (p, q); got 1"),
    "three inputs": (lambda: two_by_two().predict([X, X, X]), ValueError, "2 inputs (p, q); got 3"),
    "wrong key": (lambda: two_by_two().predict({"p": X, "r": X}), ValueError, "['p', 'q']", "['q'] are missing"),
    "shape of the second": (lambda: two_by_two().predict([X, X]), ValueError, "'q' expects shape (?, 3)"),
    "one of two labels": (lambda: fit(two_by_two(), [X, X[:, :3]]), ValueError, "2 outputs"),
    "three labels": (lambda: fit(two_by_two(), [X, X[:, :3]], [Y] * 3), ValueError, "3 entries", "real, vector"),
    "labels by a wrong name": (
        lambda: fit(two_by_two(), [X, X[:, :3]], {"real": Y, "vectr": Y}), ValueError, "vectr", "real, vector",
    ),
    "labels missing": (lambda: fit(two_by_two(), [X, X[:, :3]], {"real": Y}), ValueError, "'vector'", "has a loss"),
    "set_weights": (lambda: line().set_weights([Y[:4]]), ValueError, "2 weights", "1 arrays"),
    "set_weights, shape": (lambda: line().set_weights([Y[:3], Y[0]]), ValueError, "dense/kernel", "(4, 1)", "(3, 1)"),
    "set_weights, None": (lambda: line().set_weights(None), ValueError, "a list of 2 arrays"),
})  # fmt: skip
def test_shapes(case: Any) -> None:
    check(*case)


def test_inputs_that_no_symbol_asks_for_are_told() -> None:
    data = {"p": X, "q": X[:, :3], "r": X}
    with pytest.warns(UserWarning, match=r"no inputs named \['r'\]"):
        assert len(two_by_two().predict(data, verbose=0)) == 2


def test_a_layer_called_on_two_shapes() -> None:
    dense = Dense(2)
    dense(X)
    words = "Dense(units=2)", "kernel", "(4, 2)", "(3, 2)"
    check(lambda: dense(X[:, :3]), ValueError, *words, "(20, 3)")
    check(lambda: dense(Input((3,))), ValueError, *words)
    shared = Dense(2)
    shared(Input((4,)))
    check(lambda: shared(Input((3,))), ValueError, *words)
    assert shared(Input((7, 4))).shape == (None, 7, 2)  # the values fit, so this is no mistake


# --- values ------------------------------------------------------------------------------------


def bad(value: Any, like: Any = X) -> Any:
    data = like.astype("float64")
    data[3, 0] = value
    return data


@table({
    "NaN": (lambda: fit(x=bad(np.nan)), ValueError, "x holds 1 values", "row 3"),
    "infinity": (lambda: fit(y=bad(np.inf, Y)), ValueError, "y holds 1 values", "row 3"),
    "NaN in weights": (lambda: fit(sample_weight=np.full(20, np.nan)), ValueError, "sample_weight holds 20"),
    "NaN in validation": (lambda: fit(validation_data=(bad(np.nan), Y)), ValueError, "validation_data: x holds 1"),
    "NaN, evaluate": (lambda: line().evaluate(bad(np.nan), Y), ValueError, "x holds 1 values"),
    "NaN, predict": (lambda: line().predict(bad(np.nan)), ValueError, "x holds 1 values"),
    "too large": (lambda: fit(x=bad(1e200)), ValueError, "x holds 1 values", "infinite in float32"),
    "complex": (lambda: fit(x=X.astype("complex64")), ValueError, "x is complex"),
    "complex, call": (lambda: line()(X.astype("complex64")), ValueError, "expects float32; got complex64"),
    "strings": (lambda: fit(x=np.full((20, 4), "a")), ValueError, "x holds strings", "StringLookup"),
    "strings, call": (lambda: Dense(2)(np.full((20, 4), "a")), TypeError, "Dense(units=2)", "numbers"),
    "objects": (lambda: fit(x=np.array([{}] * 20)), ValueError, "x holds objects (dict)"),
    "ragged": (lambda: fit(x=[[1, 2], [1]], y=[1, 2]), ValueError, "x holds rows of different", "pad_sequences"),
    "ragged object": (lambda: fit(x=np.array([[1], [1, 2]], object), y=[1, 2]), ValueError, "x holds rows of"),
    "empty iterator": (lambda: line().predict(iter([])), ValueError, "no batch in the list_iterator"),
    "number": (lambda: line().predict(3.0), ValueError, "single number 3.0"),
    "symbol": (lambda: fit(x=Input((4,))), TypeError, "symbol"),
    "large integers": (lambda: fit(x=np.full((20, 4), 2**40)), ValueError, "x holds integers", "32 bits"),
    "no x": (lambda: fit(x=None), ValueError, "x is missing"),
    "no y": (lambda: fit(y=None), ValueError, "y is missing"),
    "empty": (lambda: fit(x=X[:0], y=Y[:0]), ValueError, "The data is empty: x has 0 rows"),
    "empty, predict": (lambda: line().predict(X[:0]), ValueError, "empty"),
    "class too large": (lambda: fit(classifier(), y=CLASS + 1), ValueError, "label 3 at row 2", "3 classes", "y - 1"),
    "class below 0": (lambda: fit(classifier(), y=CLASS - 1), ValueError, "label -1 at row 0", "ignore_class"),
    "class, validation": (
        lambda: fit(classifier(), y=CLASS, validation_data=(X, CLASS + 5)), ValueError, "label 5", "8 units",
    ),
    "class, evaluate": (lambda: classifier().evaluate(X, CLASS + 1), ValueError, "label 3"),
    "class, on a batch": (lambda: classifier().train_on_batch(X, CLASS + 1), ValueError, "label 3"),
    "class 1.5": (lambda: fit(classifier(), y=CLASS + 0.5), ValueError, "0.5", "not a whole number"),
    "one-hot to sparse": (lambda: fit(classifier(), y=np.eye(3)[CLASS]), ValueError, "one-hot", "categorical_cross"),
    "classes to one-hot": (
        lambda: fit(classifier("categorical_crossentropy"), y=CLASS), ValueError,
        "class numbers", "sparse_categorical_crossentropy", "to_categorical(y, 3)",
    ),
})  # fmt: skip
def test_values(case: Any) -> None:
    check(*case)


def by_graph(nested: bool = False, named: bool = False) -> Any:
    """A model whose embedding follows an input: at once, in a nested model, or with an input beside it."""
    ids = Input((3,), dtype="int32", name="ids")
    table = Sequential([Embedding(5, 2), layers.Flatten()]) if nested else Embedding(5, 2)
    y = table(ids) if nested else layers.Flatten()(table(ids))
    if named:
        other = Input((4,), name="other")
        return Model({"ids": ids, "other": other}, Dense(1)(layers.Concatenate()([y, other])))
    return Model(ids, Dense(1)(y))


@pytest.mark.parametrize("make", [
    lambda: Sequential([Embedding(5, 2), layers.Flatten(), Dense(1)]),
    by_graph, functools.partial(by_graph, nested=True), functools.partial(by_graph, named=True),
], ids=["sequential", "graph", "nested", "dict"])  # fmt: skip
def test_ids_outside_the_table(make: Any) -> None:
    model = make()
    model.compile("sgd", "mse")

    def data(ids: Any) -> Any:
        return {"ids": ids, "other": X} if isinstance(model.input, dict) else ids

    model.build((None, 3)) if isinstance(model, Sequential) else None
    for wrong, word in ((IDS + 1, "Got 5"), (IDS - 1, "Got -1")):
        words = "Embedding(input_dim=5", "ids from 0 to 4", word, "position ("
        check(lambda: model.fit(data(wrong), Y, verbose=0), ValueError, *words)
        check(lambda: fit(model, data(IDS), validation_data=(data(wrong), Y)), ValueError, "validation_data", *words)
        check(lambda: model.evaluate(data(wrong), Y), ValueError, *words)
        check(lambda: model.predict(data(wrong)), ValueError, *words)
        check(lambda: model(data(wrong)), ValueError, *words)


def test_ids_that_are_no_whole_numbers() -> None:
    model = by_graph()
    check(lambda: model.predict(IDS + 0.5), ValueError, "'ids'", "whole numbers")
    assert model.predict(IDS.astype("float64"), verbose=0).shape == (20, 1)


# --- how to train ------------------------------------------------------------------------------


@table({
    **{
        f"batch_size {b}": (lambda b=b: fit(batch_size=b), ValueError, "batch_size", f"got {b!r}")
        for b in (0, -5, 2.5, True, "8")
    },
    **{
        f"predict, {b}": (lambda b=b: line().predict(X, batch_size=b), ValueError, "batch_size", f"got {b!r}")
        for b in (0, 2.5)
    },
    **{f"epochs {e}": (lambda e=e: fit(epochs=e), ValueError, "epochs", f"got {e!r}") for e in (-1, 1.5, True, None)},
    **{
        f"validation_split {v}": (lambda v=v: fit(validation_split=v), ValueError, "validation_split", f"{v!r}")
        for v in (1.0, -0.1, 2, "a", 0.999)
    },
    "validation_batch_size": (lambda: fit(validation_batch_size=0), ValueError, "validation_batch_size", "got 0"),
    "initial_epoch": (lambda: fit(initial_epoch=-1), ValueError, "initial_epoch", "-1"),
    "steps_per_epoch": (lambda: fit(steps_per_epoch=0), ValueError, "steps_per_epoch", "got 0"),
    "validation_steps": (lambda: fit(validation_data=(X, Y), validation_steps=-2), ValueError, "validation_steps"),
    "validation_freq": (lambda: fit(validation_freq=0), ValueError, "validation_freq", "got 0"),
    "validation_freq, a name": (lambda: fit(validation_freq="all"), ValueError, "validation_freq", "'all'"),
    "evaluate, steps": (lambda: line().evaluate(X, Y, steps=0), ValueError, "steps", "got 0"),
    "predict, steps": (lambda: line().predict(X, steps=0), ValueError, "steps", "got 0"),
    "shuffle": (lambda: fit(shuffle="yes"), ValueError, "shuffle must be True or False", "'yes'"),
    "verbose": (lambda: line().fit(X, Y, verbose=5), ValueError, "verbose", "got 5"),
    "callback, a class": (lambda: fit(callbacks=[fkeras.callbacks.EarlyStopping]), TypeError, "instances"),
    "callback, a function": (lambda: fit(callbacks=[print]), TypeError, "callbacks=", "print"),
    "callback, a name": (lambda: fit(callbacks="early"), TypeError, "callbacks=", "'early'"),
    **{
        f"validation_data, {got}": (lambda v=v: fit(validation_data=v), ValueError, "validation_data is", "(x, y)", got)
        for got, v in {"ndarray": X, "tuple of 1": (X,), "of 4": (X, Y, Y, Y), "dict": {"x": X}, "str": "no"}.items()
    },
    "validation lengths": (lambda: fit(validation_data=(X, Y[:3])), ValueError, "validation_data: ", "y: 3"),
    "validation shape": (lambda: fit(validation_data=(X[:, :2], Y)), ValueError, "validation_data: ", "(?, 4)"),
    "validation labels": (lambda: fit(validation_data=(X, np.ones((20, 3)))), ValueError, "(20, 3)", "(None, 1)"),
    "weights twice": (
        lambda: fit(classifier(), y=CLASS, class_weight={0: 1.0}, sample_weight=np.ones(20)), ValueError, "together",
    ),
    "class_weight, a list": (lambda: fit(classifier(), y=CLASS, class_weight=[1, 2, 3]), ValueError, "a dict"),
    "class_weight, a name": (lambda: fit(classifier(), y=CLASS, class_weight={"cat": 1.0}), ValueError, "'cat'"),
    "class_weight, no class": (lambda: fit(classifier(), y=CLASS, class_weight={7: 1.0}), ValueError, "7", "0 to 2"),
    "class_weight, NaN": (lambda: fit(classifier(), y=CLASS, class_weight={0: np.nan}), ValueError, "finite"),
    "class_weight, regression": (lambda: fit(class_weight={0: 1.0}), ValueError, "class numbers"),
    "class_weight, two outputs": (
        lambda: fit(two_by_two(), [X, X[:, :3]], [Y, X[:, :2]], class_weight={0: 1.0}), ValueError, "single output",
    ),
    "fit before compile": (lambda: fit(Sequential([Dense(1)])), ValueError, "fit comes after", "model.compile("),
    "evaluate before compile": (lambda: Sequential([Dense(1)]).evaluate(X, Y), ValueError, "evaluate comes after"),
    "train_on_batch before compile": (lambda: Sequential([Dense(1)]).train_on_batch(X, Y), ValueError, "after compile"),
    "no layers": (lambda: Sequential().predict(X), ValueError, "no layers yet"),
    "weights before shapes": (lambda: Sequential([Dense(1)]).set_weights([X]), ValueError, "no weights yet", "build("),
})  # fmt: skip
def test_ways_to_train(case: Any) -> None:
    check(*case)


@table({
    "no loss": ({}, "compiled without a loss", "loss='mse'"),
    "loss by a wrong name": ({"loss": {"real": "mse", "vectr": "mse"}}, "loss=", "'vectr'", "real, vector"),
    "one of two losses": ({"loss": ["mse"]}, "loss= has 1 entries", "2 outputs"),
    "metric by a wrong name": ({"loss": "mse", "metrics": {"rael": "mae"}}, "metrics=", "'rael'", "real, vector"),
    "weights by a wrong name": ({"loss": "mse", "loss_weights": {"rael": 1.0}}, "loss_weights=", "'rael'"),
})  # fmt: skip
def test_losses_that_do_not_fit_the_outputs(case: Any) -> None:
    settings, *words = case
    p, q = Input((4,), name="p"), Input((3,), name="q")
    model = Model([p, q], [Dense(1, name="real")(p), Dense(2, name="vector")(q)])
    model.compile("sgd", **settings)
    check(lambda: fit(model, [X, X[:, :3]], [Y, X[:, :2]]), ValueError, *words)


def test_a_model_that_was_never_built_can_predict() -> None:
    assert Sequential([Dense(2)]).predict(X, verbose=0).shape == (20, 2)


def test_a_batch_larger_than_the_data_is_refused() -> None:
    model = Sequential([Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse")
    check(lambda: fit(model, batch_size=64), ValueError, "batch_size=64", "20 rows", "batch_size=20")
    fit(model, batch_size=20, validation_split=0.5)
    fit(model)  # the default batch size was nobody's wish


# --- numbers that go wrong in training ---------------------------------------------------------


def root(y: Any, p: Any) -> Any:
    """Its value is NaN where y < 0; where y = 0 it is 0, and its gradient NaN."""
    return jnp.mean(jnp.sqrt(y * (p * p + 1)))


@functools.cache
def fragile() -> Any:
    model = Sequential([Dense(1, input_shape=(4,))])
    model.compile("adam", root, metrics=["mae"])
    model.weights
    return model, model.get_weights()


@pytest.mark.parametrize("value", [-1.0, 0.0], ids=["loss", "gradient"])
def test_a_loss_or_gradient_that_is_not_finite_stops_training(value: float) -> None:
    model, first = fragile()
    model.set_weights(first)
    model.optimizer.state = None
    y = np.ones_like(Y)
    settings: Any = {"batch_size": 4, "shuffle": False, "epochs": 2}
    fit(model, y=y, **{**settings, "epochs": 1}, steps_per_epoch=3)  # what three good steps make of it
    good, step = model.get_weights(), int(model._steps)
    model.set_weights(first)
    model.optimizer.state = None
    y[13] = value
    check(
        lambda: fit(model, y=y, **settings), FloatingPointError,
        "batch 3 of epoch 1", f"step {step + 3}", "weights are those from before", "learning rate",
    )  # fmt: skip
    for now, then in zip(model.get_weights(), good, strict=True):
        np.testing.assert_array_equal(now, then)
    assert int(model.optimizer.iterations) == 3 and int(model._steps) == step + 3
    assert model.history.history == {}
    assert np.isfinite(fit(model, y=np.ones_like(Y), **settings).history["loss"]).all()  # and it can go on


def test_a_single_batch_whose_loss_is_not_finite_changes_nothing() -> None:
    model, _ = fragile()
    before = model.get_weights()
    check(lambda: model.train_on_batch(X[:4], -np.ones((4, 1))), FloatingPointError, "left as they were")
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_an_optimizer_that_skips_gradients_that_are_not_finite_may_do_so() -> None:
    model = Sequential([Dense(1, input_shape=(4,))])
    model.compile(optax.apply_if_finite(optax.sgd(0.1), 5), root)
    y = np.ones_like(Y)
    y[13] = 0.0
    fit(model, y=y, batch_size=4, shuffle=False)
    assert int(model._opt_state.total_notfinite) == 1 and all(np.isfinite(w).all() for w in model.get_weights())
