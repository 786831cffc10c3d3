"""`FeatureSpace` and `Pipeline`."""

from __future__ import annotations

import json

import jax
import keras
import numpy as np
import pytest
from parity import compare_configs, plain

import fkeras
from fkeras import Input, Model, Sequential, layers
from fkeras.utils import FeatureSpace

RAW = {
    "float_1": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
    "float_2": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
    "float_3": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
    "string_1": ["zero", "one", "two", "three", "four", "five", "six", "seven"],
    "string_2": ["zero", "one", "two", "zero", "one", "two", "three", "four"],
    "int_1": [0, 1, 2, 3, 4, 5, 6, 7],
    "int_2": [0, 1, 2, 0, 1, 2, 3, 4],
    "int_3": [0, 1, 2, 0, 1, 2, 3, 4],
}
ARRAYS = {n: np.array(c) for n, c in RAW.items()}


def space(mode="concat", out="one_hot"):
    return FeatureSpace(
        {
            "float_1": "float",
            "float_2": "float_normalized",
            "float_3": FeatureSpace.float_discretized(3, output_mode=out),
            "string_1": FeatureSpace.string_categorical(output_mode=out),
            "string_2": FeatureSpace.string_hashed(10, output_mode=out),
            "int_1": FeatureSpace.integer_categorical(max_tokens=6, output_mode=out),
            "int_2": FeatureSpace.integer_hashed(7, output_mode=out),
            "int_3": FeatureSpace.integer_categorical(output_mode="int") if out == "int" else "integer_categorical",
        },
        crosses=[("float_3", "string_1"), FeatureSpace.cross(("string_2", "int_2"), 16, output_mode=out)],
        crossing_dim=32,
        output_mode=mode,
    )


def rows():
    yield from ({n: c[i] for n, c in ARRAYS.items()} for i in range(8))


@pytest.mark.parametrize(
    "source", [lambda: RAW, lambda: ARRAYS, rows, lambda: [({n: c[:8] for n, c in ARRAYS.items()}, 1)]]
)
def test_one_vector(source):
    fs = space()
    fs.adapt(source())
    y = fs(RAW)
    assert y.shape == (8, 1 + 1 + 3 + 9 + 10 + 6 + 7 + 6 + 32 + 16) and isinstance(y, jax.Array)
    by_hand = {n: np.asarray(fs.preprocessors[n](ARRAYS[n][:, None])) for n in RAW}
    one = {"float_3": 3, "string_1": 9, "string_2": 10, "int_1": 6, "int_2": 7, "int_3": 6}
    parts = [np.eye(one[n])[by_hand[n][:, 0]] if n in one else by_hand[n] for n in sorted(RAW)]
    parts += [np.eye(32)[layers.HashedCrossing(32)([by_hand["float_3"], by_hand["string_1"]])[:, 0]]]
    parts += [np.eye(16)[layers.HashedCrossing(16)([by_hand["string_2"], by_hand["int_2"]])[:, 0]]]
    np.testing.assert_allclose(y, np.concatenate(parts, -1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fs({n: c[2] for n, c in RAW.items()}), y[2], rtol=1e-5, atol=1e-6)


def test_a_dict_of_vectors():
    fs = space("dict", "int")
    fs.adapt(RAW)
    y = fs(RAW)
    assert set(y) == {*RAW, "float_3_X_string_1", "string_2_X_int_2"}
    assert {v.shape for v in y.values()} == {(8, 1), (8, 32)} and y["int_1"].dtype == "int32"
    one = fs({n: c[0] for n, c in RAW.items()})
    assert one["string_1"].tolist() == y["string_1"][0].tolist()


def test_in_a_model_end_to_end():
    fs = space()
    fs.adapt(ARRAYS)
    model = Model(fs.get_inputs(), layers.Dense(1)(fs.get_encoded_features()))
    model.compile("adam", "mse")
    first, *_, last = model.fit(ARRAYS, np.arange(8.0), epochs=15, verbose=0).history["loss"]
    assert last < first
    on_vectors = Sequential([Input((91,)), model.layers[-1]])
    np.testing.assert_allclose(on_vectors.predict(fs(RAW), verbose=0), model.predict(ARRAYS, verbose=0), rtol=1e-4)


def test_own_layers_and_texts():
    text = layers.TextVectorization(output_mode="tf_idf")
    fs = FeatureSpace({"text": FeatureSpace.feature("string", text, "float")})
    fs.adapt({"text": ["1st string", "2nd string", "3rd string"]})
    assert fs({"text": ["1st string", "2nd string", "3rd string"]}).shape == (3, 5)
    assert fs.preprocessors["text"] is text and text.vocabulary_size() == 5


def test_config_is_that_of_keras():
    def make(k):
        f = k.utils.FeatureSpace
        return f(
            {"a": "float", "b": "float_normalized", "c": f.float_discretized(4), "d": f.float_rescaled(2.0, 1.0)},
            output_mode="dict", crossing_dim=5,
        )  # fmt: skip

    ours, theirs = make(fkeras), make(keras)
    assert plain(ours.get_config()) == plain(theirs.get_config())
    again = FeatureSpace.from_config(json.loads(json.dumps(theirs.get_config())))
    assert plain(again.get_config()) == plain(ours.get_config())
    cross = FeatureSpace.cross(("a", "b"), 3)
    theirs = keras.saving.serialize_keras_object(keras.utils.FeatureSpace.cross(("a", "b"), 3))
    assert plain(fkeras.saving.serialize_keras_object(cross)) == plain(theirs)


def test_refused():
    with pytest.raises(ValueError, match="adapt"):
        FeatureSpace({"a": "float_normalized"})({"a": [1.0]})
    with pytest.raises(ValueError, match="Did you mean 'float_normalized'"):
        FeatureSpace({"a": "float_normalised"})
    with pytest.raises(ValueError, match="no features"):
        FeatureSpace({"a": "float"}, crosses=[("a", "b")])
    with pytest.raises(ValueError, match="no column"):
        FeatureSpace({"a": "float_normalized"}).adapt({"b": [1.0]})
    with pytest.raises(ValueError, match="has not been encoded"):
        FeatureSpace({"a": FeatureSpace.integer_hashed(3, output_mode="int")})({"a": [1]})
    with pytest.raises(ValueError, match="dict"):
        FeatureSpace({"a": "float"})(np.ones(3))
    assert FeatureSpace({"a": "float", "b": "float_rescaled"})({"a": [1.0], "b": 2.0 * np.ones((1, 1))}).tolist() == [
        [1, 2]
    ]


# --- Pipeline -----------------------------------------------------------------------------------------


def test_pipeline():
    x = np.ones((2, 50), "float32")
    pipeline = layers.Pipeline([layers.Rescaling(2.0), layers.Dropout(0.5), layers.Rescaling(1.0, 1.0)])
    assert set(np.unique(pipeline(x))) == {1.0, 5.0} and set(np.unique(pipeline(x, training=False))) == {3.0}
    assert pipeline.layers[1].rate == 0.5
    compare_configs(*(k.Pipeline([k.Rescaling(2.0), k.Dropout(0.5)], name="p") for k in (layers, keras.layers)))
    model = Sequential([Input((50,)), pipeline, layers.Dense(1)])
    np.testing.assert_allclose(model.predict(x, verbose=0), model.layers[1](3 * x), rtol=1e-5)
    params, state = pipeline.init(jax.random.key(0), x)
    run = jax.jit(lambda key: pipeline.apply(params, state, x, rng=key, training=True)[0])
    assert set(np.unique(run(jax.random.key(1)))) == {1.0, 5.0}
    with pytest.raises(ValueError, match="list of layers"):
        layers.Pipeline([np.ones])


def test_pipeline_of_text_and_of_values():
    read = layers.Pipeline([layers.TextVectorization(vocabulary=["a"], output_mode="count"), layers.Rescaling(0.5)])
    assert read(["a b", "b"]).tolist() == [[0.5, 0.5], [0.5, 0]]
    model = Sequential([Input((1,), dtype="string"), read])
    assert model.output_shape == (None, 2) and model.predict(["a b"], verbose=0).tolist() == [[0.5, 0.5]]
    normal = layers.Pipeline([layers.Normalization()])
    normal.layers[0].adapt(np.array([[1.0], [3.0]]))
    assert normal(np.array([[3.0], [5.0]])).tolist() == [[1.0], [3.0]]
    assert Sequential([normal]).predict(np.array([[5.0]]), verbose=0).tolist() == [[3.0]]
