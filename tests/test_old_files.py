"""Files of Keras 2: what its versions called things, and the order in which they listed what optimizers remember."""

from __future__ import annotations

import json
import warnings

import h5py
import jax.numpy as jnp
import numpy as np
import pytest

import fkeras
from fkeras import layers, optimizers, saving

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(16, 4)).astype("float32"), RNG.normal(size=(16, 2)).astype("float32")


def trained(optimizer):
    """A model after some steps."""
    fkeras.utils.set_random_seed(0)
    hidden = [layers.Dense(4, "tanh"), layers.BatchNormalization()]
    model = fkeras.Sequential([layers.Input((4,)), *hidden, layers.Dense(2)])
    model.compile(optimizer, "mse", metrics=["mae"])
    train(model)
    return model


def train(model):
    """Some steps."""
    model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)


def listed(model, style):
    """(name, value) of what the optimizer remembers, as a version of Keras listed it."""
    kept = [(v.place.keys, v.path.partition("/")[2], np.asarray(v.value)) for v in model.optimizer.variables]
    count = [("iter:0", v) for keys, _, v in kept if keys == ("iterations",)]
    slots = [(keys[1], path, v) for keys, path, v in kept if keys[0] == "slots" and v.shape]
    kinds = list(dict.fromkeys(kind for kind, _, _ in slots))
    by_kind = [(f"training/{path}/{kind}:0", v) for k in kinds for kind, path, v in slots if kind == k]
    if style == "tf_keras":  # 2.11 and later: weight by weight
        return [("iteration:0", count[0][1]), *((f"Opt/{kind}/{path}:0", v) for kind, path, v in slots)]
    if style == "uncounted":  # Keras 2.0, RMSprop for example
        return [(f"training/Variable_{i}:0", v) for i, (_, v) in enumerate(by_kind)]
    if style == "flags":  # Keras 2.1 to 2.3, Adam
        flags = [(f"training/vhat_{i}:0", np.zeros(1, "f4")) for i in range(len(model.trainable_weights))]
        return [*count, *by_kind, *flags]
    return [*count, *by_kind]


def aged(model, path, style, **settings):
    """Saves a model as Keras 2 would have."""
    model.save(path)
    with h5py.File(path, "a") as file:
        file.attrs["keras_version"] = "2.4.0"
        told = json.loads(file.attrs["training_config"])
        told["optimizer_config"]["config"].update(settings)
        metric = {"name": "mae", "fn": "mean_absolute_error"}
        told["metrics"] = [[{"class_name": "MeanMetricWrapper", "config": metric}]]
        if style == "tf_keras":
            told["optimizer_config"]["class_name"] = f"Custom>{told['optimizer_config']['class_name']}"
        else:
            told["optimizer_config"]["config"]["lr"] = told["optimizer_config"]["config"].pop("learning_rate")
        file.attrs["training_config"] = json.dumps(told)
        del file["optimizer_weights"]
        group = file.create_group("optimizer_weights")
        arrays = listed(model, style)
        group.attrs["weight_names"] = [name.encode() for name, _ in arrays]
        for name, value in arrays:
            group[name] = value


RULES: dict = {
    "adam": (lambda: optimizers.Adam(0.01), ("tf.keras", "tf_keras", "flags")),
    "amsgrad": (lambda: optimizers.Adam(0.01, amsgrad=True), ("tf.keras",)),
    "scheduled": (
        lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(0.01, 3, 0.5)), ("tf.keras", "tf_keras")
    ),
    "momentum": (lambda: optimizers.SGD(0.1, momentum=0.9), ("tf.keras", "tf_keras")),
    "rmsprop": (lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True), ("tf.keras",)),
    "adadelta": (lambda: optimizers.Adadelta(1.0), ("tf.keras", "uncounted")),
    "adafactor": (lambda: optimizers.Adafactor(0.01), ("tf_keras",)),
}


@pytest.mark.parametrize(("name", "style"), [(n, s) for n, (_, styles) in RULES.items() for s in styles])
def test_training_goes_on_from_files_of_keras_2(name, style, tmp_path):
    make, _ = RULES[name]
    model = trained(make())
    switches = {"jit_compile": False, "is_legacy_optimizer": False} if style == "tf_keras" else {"decay": 0.0}
    aged(model, tmp_path / "old.h5", style, **switches)
    if name == "scheduled" and style == "tf.keras":  # Keras 2 wrote a schedule under its own name
        with h5py.File(tmp_path / "old.h5", "a") as file:
            told = json.loads(file.attrs["training_config"])
            told["optimizer_config"]["config"]["learning_rate"] = told["optimizer_config"]["config"].pop("lr")
            file.attrs["training_config"] = json.dumps(told)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = saving.load_model(tmp_path / "old.h5")
    if style == "uncounted":
        again.optimizer.iterations.assign(model.optimizer.iterations.value)
    for ours, theirs in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours.value, theirs.value, err_msg=ours.path)
    train(model)
    train(again)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


# --- weights of older layers ---------------------------------------------------------------------


def kept_by(path, version, weights):
    """Writes weights, by the names of layers, as versions of Keras did."""
    with h5py.File(path, "w") as file:
        if version != "1.0":  # which did not tell
            file.attrs["keras_version"] = version
        file.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}_{i}".encode() for i in range(len(arrays))]
            for i, array in enumerate(arrays):
                group[f"{name}_{i}"] = array


def gates(arrays, order):
    """Kernel, recurrent kernel and bias taken apart: all of the first gate, then of the second, ..."""
    parts = [np.split(a, len(order), -1) for a in arrays]
    return [part[gate] for gate in order for part in parts]


def for_cudnn(arrays, count):
    """The same arrays as cuDNN keeps them."""
    kernel, recurrent, bias = arrays
    turned = np.hstack([k.T.reshape(k.shape) for k in np.hsplit(kernel, count)])
    biases = bias.reshape(-1) if bias.ndim == 2 else np.concatenate([bias - 1, np.ones_like(bias)])
    return [turned, np.hstack([k.T for k in np.hsplit(recurrent, count)]), biases]


OLDER = {
    "lstm of 1": (lambda: layers.LSTM(3), (5, 4), "1.2.2", lambda w: gates(w, (0, 2, 1, 3))),
    "lstm of 1.0": (lambda: layers.LSTM(3), (5, 4), "1.0", lambda w: gates(w, (0, 2, 1, 3))),
    "gru of 1": (lambda: layers.GRU(3, reset_after=False), (5, 4), "1.2.2", lambda w: gates(w, (0, 1, 2))),
    "cudnn lstm": (lambda: layers.LSTM(3), (5, 4), "2.2.4", lambda w: for_cudnn(w, 4)),
    "cudnn gru": (lambda: layers.GRU(3), (5, 4), "2.2.4", lambda w: for_cudnn(w, 3)),
    "both ways": (
        lambda: layers.Bidirectional(layers.LSTM(3)), (5, 4), "2.1.6",
        lambda w: for_cudnn(w[:3], 4) + for_cudnn(w[3:], 4),
    ),
    "nested": (
        lambda: fkeras.Sequential([layers.Input((5, 4)), layers.LSTM(3), layers.BatchNormalization()]), (5, 4), "2.1.6",
        lambda w: [*for_cudnn(w[:3], 4), *w[3:]],
    ),
    "images": (lambda: layers.Conv2D(4, (3, 2)), (8, 8, 5), "1.2.2", lambda w: w),
    "channels first": (
        lambda: layers.Conv2D(4, (3, 2), data_format="channels_first"), (5, 8, 8), "1.2.2",
        lambda w: [w[0].transpose(3, 2, 0, 1), w[1]],
    ),
    "transposed": (lambda: layers.Conv2DTranspose(4, 2), (8, 8, 5), "1.2.2", lambda w: [w[0].swapaxes(2, 3), w[1]]),
    "sequences": (lambda: layers.Conv1D(4, 3), (8, 5), "1.2.2", lambda w: [w[0][:, None], w[1]]),
    "sequences of 1.0": (
        lambda: layers.Conv1D(4, 3), (8, 5), "1.0", lambda w: [w[0].transpose(2, 1, 0)[..., None], w[1]]
    ),
    "volumes": (
        lambda: layers.TimeDistributed(layers.Conv3D(2, 2, data_format="channels_first")), (2, 3, 4, 4, 4), "1.2.2",
        lambda w: [w[0].transpose(4, 3, 0, 1, 2), w[1]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OLDER)
def test_weights_of_older_layers(name, tmp_path):
    make, shape, version, older = OLDER[name]
    layer = make()
    model = fkeras.Sequential([layers.Input(shape), layer, layers.Flatten(), layers.Dense(2)])
    model.set_weights([RNG.normal(size=w.shape) for w in model.get_weights()])
    want = model.get_weights()
    kept_by(tmp_path / "old.h5", version, {"a": older(layer.get_weights()), "b": model.layers[-1].get_weights()})
    model.set_weights([w * 0 for w in want])
    model.load_weights(tmp_path / "old.h5")
    for got, w in zip(model.get_weights(), want, strict=True):
        np.testing.assert_allclose(got, w, rtol=1e-6, atol=1e-6)


def test_recurrent_layers_of_keras_2_in_configs():
    def layer(kind, **settings):
        told = {"name": "r", "units": 3, "batch_input_shape": [None, 5, 4], **settings}
        config = {"name": "m", "layers": [{"class_name": kind, "config": told}]}
        return fkeras.models.model_from_json(json.dumps({"class_name": "Sequential", "config": config})).layers[0]

    assert layer("GRU", recurrent_activation="sigmoid").reset_after is False  # Keras before 2.1.5 did not say it
    assert layer("GRU", recurrent_activation="sigmoid", reset_after=True).reset_after is True
    assert isinstance(layer("CuDNNLSTM", stateful=False), layers.LSTM)
    assert layer("CuDNNGRU", return_sequences=True).reset_after is True


def test_layers_in_private_attributes(tmp_path):
    x = layers.Input((5, 8))
    model = fkeras.Model(x, layers.MultiHeadAttention(2, 4)(x, x))
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "a") as file:
        group = file["layers/multi_head_attention"]
        for name in ("query_dense", "key_dense", "value_dense", "output_dense"):
            group.move(name, f"_{name}")
    want = model.get_weights()
    model.set_weights([w + 1 for w in want])
    model.load_weights(tmp_path / "m.weights.h5")
    for got, w in zip(model.get_weights(), want, strict=True):
        np.testing.assert_array_equal(got, w)


# --- graphs --------------------------------------------------------------------------------------


def graph(*rows, outputs):
    """The JSON of a graph of Keras 2: rows of (class, name, settings, nodes)."""
    told = [
        {"class_name": kind, "name": name, "config": {"name": name, **settings}, "inbound_nodes": nodes}
        for kind, name, settings, nodes in rows
    ]
    entries = [[row[1], 0, 0] for row in rows if row[0] == "InputLayer"]
    config = {"name": "m", "layers": told, "input_layers": entries, "output_layers": outputs}
    return json.dumps({"class_name": "Functional", "config": config, "keras_version": "2.9.0"})


def entry(*shape, name="x"):
    """An input."""
    settings = {"batch_input_shape": [None, *shape], "dtype": "float32", "sparse": False, "ragged": False}
    return "InputLayer", name, settings, []


def test_calls_of_a_nested_model_that_are_counted_from_one():
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 3, "batch_input_shape": [None, 4]}}
    inner = {"layers": [dense]}
    model = fkeras.models.model_from_json(
        graph(
            entry(4, name="a"), entry(4, name="b"),
            ("Sequential", "inner", inner, [[["a", 0, 0, {}]], [["b", 0, 0, {}]]]),
            ("Subtract", "s", {}, [[["inner", 1, 0, {}], ["inner", 2, 0, {}]]]),
            outputs=[["s", 0, 0]],
        )
    )  # fmt: skip
    inner = model.get_layer("inner")
    want = np.asarray(inner(X)) - np.asarray(inner(X + 1))
    np.testing.assert_allclose(model.predict([X, X + 1], verbose=0), want, rtol=1e-5)


def test_states_and_named_inputs_in_nodes():
    x = RNG.normal(size=(2, 5, 8)).astype("float32")
    heads = {"num_heads": 2, "key_dim": 4, "query_shape": [None, 5, 8], "key_shape": None, "value_shape": [None, 5, 8]}
    model = fkeras.models.model_from_json(
        graph(
            entry(5, 8),
            ("LSTM", "first", {"units": 3, "return_state": True, "time_major": False}, [[["x", 0, 0, {}]]]),
            ("LSTM", "second", {"units": 3}, [[["x", 0, 0, {}], ["first", 0, 1, {}], ["first", 0, 2, {}]]]),
            ("GRU", "third", {"units": 3}, [[["x", 0, 0, {}], ["second", 0, 0, {}]]]),
            ("MultiHeadAttention", "heads", heads, [[["x", 0, 0, {"value": ["x", 0, 0], "key": ["x", 0, 0]}]]]),
            outputs=[["second", 0, 0], ["third", 0, 0], ["heads", 0, 0]],
        )
    )
    second, third, attended = model.predict(x, verbose=0)
    layer = model.get_layer
    _, h, c = layer("first")(x)
    np.testing.assert_allclose(second, layer("second")(x, initial_state=[h, c]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(third, layer("third")(x, initial_state=second), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(attended, layer("heads")(x, x, x), rtol=1e-4, atol=1e-5)


def operation(name, function, node, kind="TFOpLambda"):
    """A function of TensorFlow in a graph."""
    return kind, name, {"trainable": True, "dtype": "float32", "function": function}, [node]


def test_functions_of_tensorflow_in_graphs(tmp_path):
    spec = [{"start": None, "stop": None, "step": None}, {"start": 1, "stop": 7, "step": 2}]
    text = graph(
        entry(4),
        operation("scaled", "math.truediv", ["x", 0, 0, {"y": 127.5, "name": None}]),
        operation("moved", "math.subtract", ["scaled", 0, 0, {"y": 1.0, "name": None}]),
        operation("mean", "math.reduce_mean", ["moved", 0, 0, {"axis": -1, "keepdims": True}]),
        operation("left", "__operators__.add", ["_CONSTANT_VALUE", -1, 2.0, {"y": ["mean", 0, 0], "name": None}]),
        operation("sum", "__operators__.add", ["moved", 0, 0, {"y": ["left", 0, 0], "name": None}]),
        operation("both", "concat", [["sum", 0, 0, {"axis": -1}], ["x", 0, 0, {"axis": -1}]]),
        operation("part", "__operators__.getitem", ["both", 0, 0, {"slice_spec": spec}], "SlicingOpLambda"),
        operation("shaped", "reshape", ["part", 0, 0, {"shape": [-1, 3, 1]}]),
        operation("turned", "compat.v1.transpose", ["shaped", 0, 0, {"perm": [0, 2, 1], "conjugate": False}]),
        outputs=[["turned", 0, 0]],
    )
    model = fkeras.models.model_from_json(text)
    moved = X / 127.5 - 1
    total = moved + (2 + moved.mean(-1, keepdims=True))
    want = np.concatenate([total, X], -1)[:, 1:7:2].reshape(-1, 3, 1).transpose(0, 2, 1)
    np.testing.assert_allclose(model.predict(X, verbose=0), want, rtol=1e-5)
    model.save(tmp_path / "m.keras")
    np.testing.assert_allclose(saving.load_model(tmp_path / "m.keras").predict(X, verbose=0), want, rtol=1e-5)
    unknown = graph(entry(4), operation("odd", "math.zeta", ["x", 0, 0, {"y": 2.0}]), outputs=[["odd", 0, 0]])
    with pytest.raises(saving.UnsafeModelError, match="TFOpLambda"):
        fkeras.models.model_from_json(unknown)


def test_settings_that_are_no_more():
    def layers_of(*told, custom_objects=None):
        config = {"name": "m", "layers": [{"class_name": kind, "config": settings} for kind, settings in told]}
        told = {"class_name": "Sequential", "config": config, "keras_version": "2.4.0"}
        return fkeras.models.model_from_json(json.dumps(told), custom_objects).layers

    first = {"filters": 2, "kernel_size": [2, 2], "batch_input_shape": [None, 8, 8, 4]}
    with pytest.warns(UserWarning, match=r"hard_sigmoid.*custom_objects"):
        found = layers_of(
            ("SeparableConv2D", {**first, "groups": 1, "kernel_initializer": None, "kernel_constraint": None}),
            ("Conv2DTranspose", {"filters": 2, "kernel_size": [2, 2], "groups": 1}),
            ("ThresholdedReLU", {"name": "t", "theta": 0.5}),
            ("RandomFlip", {"mode": "horizontal", "rng_type": "stateful"}),
            ("SpatialDropout2D", {"rate": 0.5, "noise_shape": None}),
            ("Flatten", {"data_format": "channels_last"}),
            ("Dense", {"units": 1, "activation": "hard_sigmoid"}),
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_it_was = {"hard_sigmoid": lambda x: jnp.clip(0.2 * x + 0.5, 0, 1)}
        (dense,) = layers_of(
            ("Dense", {"units": 1, "activation": "hard_sigmoid", "batch_input_shape": [None, 1]}),
            custom_objects=as_it_was,
        )
    assert np.allclose(dense.activation(jnp.ones(1)), 0.7)
    assert found[2].threshold == 0.5 and isinstance(found[2], layers.ReLU)
    with pytest.raises(ValueError, match="groups"):
        layers_of(("SeparableConv2D", {**first, "groups": 2}))


@pytest.mark.parametrize(("mode", "width"), [("sum", 2), ("mul", 2), ("concat", 4), ("ave", 2), ("max", 2)])
def test_merges_of_keras_1(mode, width):
    settings = {"mode": mode, "mode_type": "raw", "concat_axis": -1, "dot_axes": -1, "output_shape": None}
    dense = {"output_dim": 2, "input_dim": 4, "init": "uniform", "bias": True, "W_regularizer": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fkeras.models.model_from_json(
            graph(
                entry(4),
                ("Dense", "a", dense, [[["x", 0, 0]]]),
                ("Dense", "b", dense, [[["x", 0, 0]]]),
                ("Merge", "m", settings, [[["a", 0, 0], ["b", 0, 0]]]),
                outputs=[["m", 0, 0]],
            )
        )
    assert model.output_shape == (None, width)


def test_losses_and_metrics_with_their_functions(tmp_path):
    model = trained("sgd")
    model.save(tmp_path / "m.h5")
    loss = {"reduction": "auto", "name": "huber_loss", "fn": "huber", "delta": 2.0}
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file.attrs["keras_version"] = "2.4.0"
        told = json.loads(file.attrs["training_config"])
        told["loss"] = {"class_name": "Huber", "config": loss}
        named = {"module": "builtins", "class_name": "function", "config": "mean_absolute_error"}
        squared = {"class_name": "MeanSquaredError", "config": {"name": "m", "fn": "mean_squared_error"}}
        told["metrics"] = [squared, named]
        file.attrs["training_config"] = json.dumps(told)
    again = saving.load_model(tmp_path / "m.h5")
    assert again.loss.delta == 2.0 and len(again.evaluate(X, Y, verbose=0)) == 3
