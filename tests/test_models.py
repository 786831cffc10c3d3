"""Containers, graphs and subclassed models: structure, names, sharing, copies, configs."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import fkeras
from fkeras import Input, Model, Sequential, Spec
from fkeras.layers import Dense, Layer
from fkeras.models import clone_model, model_from_json

X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def shapes(tree: Any) -> Any:
    return jax.tree.map(jnp.shape, tree)


def two_outputs(k: Any = fkeras) -> Any:
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = k.layers.Dense(3, "relu", name="shared")
    return k.Model({"a": a, "b": b}, {"sum": k.layers.Dense(1, name="sum")(shared(a)), "rest": shared(b)})


class Twice(Model):
    """A subclassed model with sublayers in an attribute, a list and a dict, and weights with and without name."""

    def __init__(self, units: int = 4):
        super().__init__()
        self.first = Dense(units)
        self.blocks = [Dense(units), Dense(units)]
        self.heads = {"a": Dense(1)}

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight((4,), "ones")
        self.count = self.add_weight((), "zeros", trainable=False, name="calls")

    def call(self, x: Any, training: bool = False) -> Any:
        x = self.first(x) * self.scale
        for block in self.blocks:
            x = x + block(x)
        if training:
            self.count.assign_add(1.0)
        return self.heads["a"](x)


# --- names and structure ---------------------------------------------------------------------------


def test_names_are_numbered_by_the_container() -> None:
    for _ in range(2):
        model = Sequential([Dense(3), Dense(3), Dense(2, name="out")])
        assert list(model.children) == ["dense", "dense_1", "out"]
        assert [layer.name for layer in model.layers] == ["dense", "dense_1", "out"]


def test_two_layers_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two layers named 'same'"):
        Sequential([Dense(3, name="same"), Dense(3, name="same")])


def test_sequential_grows_and_shrinks() -> None:
    model = Sequential([Dense(3, input_shape=(4,))])
    model.add(Dense(2))
    assert model.output_shape == (None, 2) and model(X).shape == (5, 2)
    assert model.pop().units == 2
    assert model.output_shape == (None, 3) and model(X).shape == (5, 3)


@pytest.mark.parametrize("how", [{"input_shape": (4,)}, {"input_dim": 4}, {"batch_input_shape": (None, 4)}])
def test_the_first_layer_may_tell_the_input(how: dict[str, Any]) -> None:
    assert Sequential([Dense(3, **how)]).input_shape == (None, 4)


def test_a_deferred_chain_learns_its_input_from_data() -> None:
    model = Sequential([Dense(3), Dense(2)])
    assert model.weights == model.get_weights() == model.losses == []
    with pytest.raises(ValueError, match="does not know the shape"):
        model.count_params()
    assert model(X).shape == (5, 2)
    assert model.input_shape == (None, 4) and model.count_params() == 23


def test_dicts_of_inputs_and_outputs() -> None:
    model = two_outputs()
    y = model({"a": X, "b": X})
    assert {k: v.shape for k, v in y.items()} == {"sum": (5, 1), "rest": (5, 3)}
    assert shapes(model.values[0]) == {
        "shared": {"bias": (3,), "kernel": (4, 3)},
        "sum": {"bias": (1,), "kernel": (3, 1)},
    }


def test_a_part_of_a_trained_model_shares_its_values() -> None:
    whole = Sequential([Input((4,)), Dense(3, name="code"), Dense(4)])
    encoder = Model(whole.input, whole.get_layer("code").output)
    kernel = whole.get_layer("code").get_weights()[0]
    np.testing.assert_allclose(encoder(X), X @ kernel, rtol=1e-5)
    whole.get_layer("code").set_weights([kernel * 2, np.zeros(3)])
    np.testing.assert_allclose(encoder(X), X @ kernel * 2, rtol=1e-5)


def test_a_graph_may_begin_in_the_middle_of_another() -> None:
    whole = Sequential([Input((4,)), Dense(3, name="code"), Dense(4, name="back")])
    decoder = Model(whole.get_layer("code").output, whole.output)
    assert decoder(np.ones((2, 3), "float32")).shape == (2, 4)
    again = model_from_json(decoder.to_json())
    assert again.input_shape == (None, 3)


def test_a_layer_at_two_places_has_one_set_of_values() -> None:
    x, tied = Input((4,)), Dense(4, name="tied")
    model = Model(x, tied(Sequential([Input((4,)), tied], name="inner")(x)))
    params, _ = model.init(jax.random.key(0), X)
    assert shapes(params) == {"inner": {"tied": {"bias": (4,), "kernel": (4, 4)}}}
    kernel = params["inner"]["tied"]["kernel"]
    np.testing.assert_allclose(model.apply(params, {}, X)[0], X @ kernel @ kernel, rtol=1e-4, atol=1e-5)
    grads = jax.jit(jax.grad(lambda p: jnp.sum(model.apply(p, {}, X)[0])))(params)
    expected = jax.grad(lambda k: jnp.sum(X @ k @ k))(kernel)
    np.testing.assert_allclose(grads["inner"]["tied"]["kernel"], expected, rtol=1e-3, atol=1e-3)


def test_very_deep_graphs() -> None:
    x = first = Input((2,))
    for _ in range(300):
        x = Dense(2)(x)
    model = Model(first, x)
    twin = pickle.loads(pickle.dumps(copy.deepcopy(model)))
    assert len(twin.layers) == 301


def test_get_layer_suggests_a_name() -> None:
    with pytest.raises(ValueError, match="Did you mean 'shared'"):
        two_outputs().get_layer("shard")


def test_summary_counts(capsys: pytest.CaptureFixture[str]) -> None:
    model = Sequential([Input((4,)), Dense(3), Dense(2)])
    model.layers[0].trainable = False
    model.summary()
    text = capsys.readouterr().out
    assert "Total params: 23" in text and "Trainable params: 8" in text and "dense_1 (Dense)" in text


# --- subclassing ---------------------------------------------------------------------------------------


def test_a_subclassed_model_is_a_pair() -> None:
    model = Twice()
    params, state = jax.jit(lambda k: model.init(k, X))(jax.random.key(0))
    assert set(params) == {"first", "blocks_0", "blocks_1", "heads_a", "scale"} and set(state) == {"calls"}
    apply = jax.jit(lambda p, s, x: model.apply(p, s, x, training=True))
    y, state = apply(params, state, X)
    _, state = apply(params, state, X)
    assert y.shape == (5, 1) and float(state["calls"]) == 2
    assert model._face.values is None  # the pair left nothing behind


def test_a_subclassed_model_has_a_face() -> None:
    model = Twice()
    model(X, training=True)
    assert float(model.count) == 1 and model.scale.shape == (4,)
    assert [w.path for w in model.weights[:2]] == ["twice/scale", "twice/calls"]
    assert len(model.weights) == 10 and model.blocks[0].kernel.shape == (4, 4)
    params, state = model.values
    np.testing.assert_allclose(model.apply(params, state, X)[0], model(X), rtol=1e-5)


def test_add_loss_reaches_the_state_and_the_loss() -> None:
    class Penalised(Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(0.5 * jnp.sum(x**2))
            return x

    model = Sequential([Input((4,)), Penalised()])
    params, state = model.init(jax.random.key(0), X)
    _, state = model.apply(params, state, X)
    np.testing.assert_allclose(state["penalised"]["aux_loss"], 0.5 * np.sum(X**2), rtol=1e-5)
    model.compile("sgd", None)
    assert model.evaluate(X, verbose=0) == pytest.approx(0.5 * np.sum(X**2), rel=1e-5)


def test_a_keras_style_subclass_of_a_built_in_layer() -> None:
    class Doubled(Dense):
        def call(self, x: Any) -> Any:
            return 2 * super().call(x) + 0 * self.kernel.sum()

    layer = Doubled(3, kernel_initializer="ones")
    params, state = layer.init(jax.random.key(0), X)
    np.testing.assert_allclose(
        layer.apply(params, state, X)[0], np.repeat(2 * X.sum(1, keepdims=True), 3, 1), rtol=1e-5
    )


def test_a_model_made_by_super_of_inputs_and_outputs() -> None:
    class Old(Model):
        def __init__(self) -> None:
            x = Input((4,))
            super().__init__(inputs=x, outputs=Dense(2)(x))

    assert Old()(X).shape == (5, 2) and Old().count_params() == 10


def test_a_layer_in_the_keras_way_inside_a_chain() -> None:
    class Linear(Layer):
        def __init__(self, units: int = 3, **kwargs: Any):
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="kernel")

        def call(self, inputs: Any) -> Any:
            return jnp.matmul(inputs, self.w)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    model = Sequential([Linear(5, input_shape=(4,)), Linear(2)])
    assert model.output_shape == (None, 2) and model.count_params() == 30
    twin = model_from_json(model.to_json(), custom_objects={"Linear": Linear})
    twin.set_weights(model.get_weights())
    np.testing.assert_allclose(twin(X), model(X), rtol=1e-6)


# --- freezing, copies ----------------------------------------------------------------------------------


def test_freezing_reaches_nested_children() -> None:
    inner = Sequential([Input((4,)), Dense(3), Dense(2)])
    model = Sequential([inner, Dense(1)])
    model(X)
    inner.trainable = False
    assert [len(model.trainable_weights), len(model.non_trainable_weights)] == [2, 4]
    assert not inner.layers[0].trainable
    mask = model.trainable_mask(model.values[0])
    assert sum(jax.tree.leaves(mask)) == 2


@pytest.mark.parametrize("make", [two_outputs, Twice, lambda: Sequential([Dense(3), Dense(2)])])
def test_deepcopy_and_pickle(make: Any) -> None:
    model = make()
    x = {"a": X, "b": X} if model.input_names else X
    y = model(x)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), twin(x), y)
        twin.set_weights([w * 0 for w in twin.get_weights()])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), model(x), y)


def test_clones_have_new_layers_and_weights() -> None:
    model = two_outputs()
    twin = clone_model(model)
    assert twin.get_layer("shared") is not model.get_layer("shared") and list(twin.children) == list(model.children)
    wider = clone_model(
        model, clone_function=lambda layer: layer.replace(units=7) if layer.name == "sum" else layer.replace()
    )
    assert wider.get_layer("sum").units == 7


# --- configs ---------------------------------------------------------------------------------------------


def models(k: Any) -> dict[str, Any]:
    x = k.Input((4,), name="x")
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(4, name="in")], name="inner")
    return {
        "chain": k.Sequential(
            [k.Input((4,)), k.layers.Dense(3, "relu", kernel_regularizer="l2"), k.layers.Dense(2)], name="chain"
        ),
        "graph": two_outputs(k),
        "nested": k.Model(x, k.layers.Dense(1, name="top")(inner(inner(x))), name="nested"),
    }


@pytest.mark.parametrize("name", ["chain", "graph", "nested"])
def test_json_of_keras_is_read(name: str) -> None:
    theirs = models(keras)[name]
    ours = model_from_json(theirs.to_json())
    ours.set_weights(theirs.get_weights())
    x = {"a": X, "b": X} if name == "graph" else X
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        ours.predict(x),
        theirs.predict(x, verbose=0),
    )


@pytest.mark.parametrize("name", ["chain", "graph", "nested"])
def test_json_is_read_by_keras(name: str) -> None:
    ours = models(fkeras)[name]
    theirs = keras.models.model_from_json(ours.to_json())
    theirs.set_weights(ours.get_weights())
    x = {"a": X, "b": X} if name == "graph" else X
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        ours.predict(x),
        theirs.predict(x, verbose=0),
    )


@pytest.mark.parametrize("name", ["chain", "graph", "nested"])
def test_json_round_trip_is_stable(name: str) -> None:
    text = models(fkeras)[name].to_json()
    assert json.loads(model_from_json(text).to_json()) == json.loads(text)


def test_json_of_keras_2_is_read() -> None:
    dense = {
        "class_name": "Dense",
        "config": {"name": "d", "units": 2, "activation": "relu", "trainable": True, "dtype": "float32"},
    }
    chain = {
        "class_name": "Sequential",
        "config": {
            "name": "s",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {
                        "batch_input_shape": [None, 4],
                        "dtype": "float32",
                        "sparse": False,
                        "ragged": False,
                        "name": "i",
                    },
                },
                dense,
            ],
        },
    }
    assert model_from_json(json.dumps(chain)).output_shape == (None, 2)
    graph = {
        "class_name": "Functional",
        "config": {
            "name": "m",
            "layers": [
                {
                    "name": "i",
                    "class_name": "InputLayer",
                    "config": {"batch_input_shape": [None, 4], "dtype": "float32", "name": "i"},
                    "inbound_nodes": [],
                },
                {"name": "d", **dense, "inbound_nodes": [[["i", 0, 0, {}]]]},
            ],
            "input_layers": [["i", 0, 0]],
            "output_layers": [["d", 0, 0]],
        },
    }
    assert model_from_json(json.dumps(graph)).outputs[0].shape == (None, 2)


# --- what a graph refuses ------------------------------------------------------------------------------


def test_a_disconnected_graph_is_refused() -> None:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    with pytest.raises(ValueError, match=r"need .* from b>"):
        Model(a, Dense(2)(b))


def test_inputs_of_the_wrong_shape_are_named() -> None:
    with pytest.raises(ValueError, match=r"'a' expects shape \(\?, 4\); got \(5, 3\)"):
        two_outputs()({"a": X[:, :3], "b": X})


def test_a_missing_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"\['b'\] are missing"):
        two_outputs()({"a": X})


def test_symbols_are_no_arrays() -> None:
    with pytest.raises(TypeError, match="does not exist yet"):
        jnp.sum(Input((4,)))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="does not exist yet"):
        bool(Input((4,)))


def test_specs_with_unknown_dimensions() -> None:
    assert Dense(3).output_spec(Spec((None, None, 4))) == Spec((None, None, 3))


def test_masked_values_are_arrays_to_jax() -> None:
    y = fkeras.Masked(jnp.ones((2, 3)), jnp.ones((2,), bool))
    assert float(jnp.sum(y)) == 6 and (y + 1).shape == (2, 3) and np.asarray(y).shape == (2, 3)


class AlwaysOn(fkeras.layers.Dropout):
    def call(self, inputs: Any) -> Any:
        return super().call(inputs, training=True)


@pytest.mark.parametrize("on", [lambda x: fkeras.layers.Dropout(0.5)(x, training=True), AlwaysOn(0.5)])
def test_dropout_may_stay_on_outside_training(on: Any) -> None:
    x = Input((4,))
    model = Model(x, on(x))
    ones = np.ones((50, 4), "float32")
    first, second = model.predict(ones, verbose=0), model.predict(ones, verbose=0)
    assert set(np.unique(first)) == {0.0, 2.0} and not np.array_equal(first, second)
    assert set(np.unique(model(ones))) == {0.0, 2.0}
    model.compile("sgd", "mse")
    assert model.evaluate(ones, ones, verbose=0) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_of_one_input_or_output_is_handed_out_without_the_list(kind: Any) -> None:
    x = Input((4,))
    model = Model(kind([x]), kind([Dense(2)(x)]))
    assert model.predict(X, verbose=0).shape == model([X]).shape == (len(X), 2)
    assert model.input_shape == (None, 4) and model.output_shape == (None, 2) and len(model.outputs) == 1
    assert Model(x, Dense(3)(model(x))).predict(X, verbose=0).shape == (len(X), 3)
    params, state = model.values
    assert jax.jit(lambda p, x: model.apply(p, state, x)[0])(params, X).shape == (len(X), 2)


def test_losses_are_one_entry_for_each_that_there_is() -> None:
    class Penalised(fkeras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(jnp.sum(inputs))
            return inputs

    model = Sequential([Penalised(), Dense(2, kernel_regularizer="l2"), Dense(2)])
    assert model.losses == []
    model(np.ones((1, 3), "float32"))
    added, penalty = model.losses
    np.testing.assert_allclose(added, 3.0)
    np.testing.assert_allclose(penalty, 0.01 * np.sum(np.square(model.layers[1].get_weights()[0])), rtol=1e-5)


def test_a_user_layer_with_compute_mask_passes_masks_on() -> None:
    class Halves(fkeras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return fkeras.ops.split(inputs, 2, axis=1)

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            return None if mask is None else fkeras.ops.split(mask, 2, axis=1)

    first, second = Halves()(fkeras.layers.Embedding(4, 3, mask_zero=True)(np.array([[1, 2, 3, 0]])))
    assert first._keras_mask.tolist() == [[True, True]] and second._keras_mask.tolist() == [[True, False]]


def test_symbols_may_join_the_loss_as_in_a_vae_of_keras_2() -> None:
    x = Input((4,))
    y = Dense(4, name="back")(Dense(2)(x))
    model = Model(x, y)
    model.add_loss(fkeras.ops.mean(fkeras.ops.square(x - y)))
    model.compile("sgd")
    twin = fkeras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    assert model.output_names == ["back"] and twin.count_params() == model.count_params()
    expected = float(np.mean((X - model.predict(X, verbose=0)) ** 2))
    np.testing.assert_allclose(model.evaluate(X, verbose=0), expected, rtol=1e-5)
    model(X)
    np.testing.assert_allclose(model.losses, [expected], rtol=1e-5)
    assert model.fit(X, epochs=20, verbose=0).history["loss"][-1] < expected


def test_a_chain_takes_its_input_in_a_list_as_well() -> None:
    for entry in ([Input((3,))], []):
        model = Sequential([*entry, Dense(2)])
        model.compile("sgd", "mse")
        x, y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
        model.fit([x], [y], verbose=0)
        assert model.predict([x], verbose=0).shape == model([x]).shape == model.predict_on_batch([x]).shape == (4, 2)
        model.train_on_batch([x], [y])
        model.evaluate([x], [y], verbose=0)
    assert Sequential([Input((4, 3)), Dense(2)]).predict([x], verbose=0).shape == (1, 4, 2)  # one example


def test_the_mask_of_a_symbol_is_a_symbol() -> None:
    x = fkeras.Input((3,), dtype="int32")
    embedded = fkeras.layers.Embedding(5, 2, mask_zero=True)(x)
    assert fkeras.layers.Dense(2)(embedded + 1.0)._keras_mask is None
    mask = fkeras.Model(x, embedded._keras_mask)(np.array([[1, 2, 0]]))
    assert np.asarray(mask).tolist() == [[True, True, False]]


def test_symbols_by_hand() -> None:
    a, b = fkeras.KerasTensor((None, 2)), fkeras.KerasTensor((None, 2), dtype="float32")
    f = fkeras.Function([a, b], a + 2 * b)
    assert isinstance(a, fkeras.KerasTensor) and isinstance(f.outputs[0], fkeras.KerasTensor)
    assert not isinstance(np.ones(2), fkeras.KerasTensor)
    assert f.compute_output_shape([(7, 2), (7, 2)]) == (7, 2) and f.compute_output_spec([a, b]).shape == (None, 2)
    assert np.asarray(f([np.ones((1, 2)), np.ones((1, 2))])).tolist() == [[3, 3]]
    with pytest.raises(TypeError, match="'shap'"):
        fkeras.KerasTensor((2,), shap=3)


def branches(k: Any) -> Any:
    x, y = k.Input((4,)), k.Input((3,))
    long = k.layers.Dense(2)(k.layers.Dense(3)(k.layers.Dense(4)(y)))
    return k.Model([x, y], k.layers.Dense(1)(k.layers.Concatenate()([k.layers.Dense(2)(x), long])))


def test_names_are_numbered_in_the_order_in_which_layers_were_made() -> None:
    keras.backend.clear_session()
    theirs, ours = branches(keras), branches(fkeras)
    assert [x.name for x in ours.layers] == [x.name for x in theirs.layers]
    assert ours.input_names == ["input_layer", "input_layer_1"]


def test_layers_are_layers_and_operations_are_apart() -> None:
    def build(k: Any) -> Any:
        x = k.Input((4,))
        y = 2 * k.layers.Dense(3)(x)
        return k.Model(x, k.layers.Dense(2)(y))

    keras.backend.clear_session()
    theirs, ours = build(keras), build(fkeras)
    assert [x.name for x in ours.layers] == [x.name for x in theirs.layers] == ["input_layer", "dense", "dense_1"]
    assert [x.name for x in ours.operations] == [x.name for x in theirs.operations]
