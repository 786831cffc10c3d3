"""Whole scripts on text and tables, as they were written over the years; files and folders of text."""

from __future__ import annotations

import numpy as np
import pytest

import fkeras as keras

GOOD, BAD = "good great fine lovely superb".split(), "bad awful poor dull nasty".split()


def reviews(count: int = 80) -> tuple[list[str], np.ndarray]:
    """Sentences, and whether they praise."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, count)
    words = [rng.choice(GOOD if one else BAD, 4) for one in labels]
    return [f"The film is {', '.join(w[:3])} and {w[3]}!" for w in words], labels


def test_2016_tokenizer_embedding_lstm():
    from fkeras.layers import LSTM, Dense, Embedding
    from fkeras.models import Sequential
    from fkeras.preprocessing import sequence
    from fkeras.preprocessing.text import Tokenizer, tokenizer_from_json

    texts, labels = reviews()
    tokenizer = Tokenizer(num_words=50)
    tokenizer.fit_on_texts(texts)
    x = sequence.pad_sequences(tokenizer.texts_to_sequences(texts), maxlen=10)
    assert x.shape == (80, 10) and x[:, :2].max() == 0
    keras.utils.set_random_seed(0)
    model = Sequential()
    model.add(Embedding(50, 8, input_length=10))
    model.add(LSTM(8))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.05), metrics=["accuracy"])
    model.fit(x, labels, batch_size=16, epochs=8, verbose=0, validation_split=0.2)
    again = tokenizer_from_json(tokenizer.to_json())
    new = sequence.pad_sequences(again.texts_to_sequences(["a great, lovely film", "awful; dull"]), maxlen=10)
    good, bad = model.predict(new, verbose=0).ravel()
    assert good > 0.5 > bad
    bag = Sequential([Dense(1, activation="sigmoid", input_shape=(50,))])
    bag.compile("adam", "binary_crossentropy")
    bag.fit(tokenizer.texts_to_matrix(texts, mode="tfidf"), labels, verbose=0)


def test_2020_strings_end_to_end(tmp_path):
    from fkeras import layers

    texts, labels = reviews()
    for text, label in zip(texts, labels, strict=True):
        folder = tmp_path / "train" / ("pos" if label else "neg")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{len(list(folder.iterdir()))}.txt").write_text(text)
    raw = keras.utils.text_dataset_from_directory(tmp_path / "train", batch_size=16, seed=1, verbose=False)
    vectorize = layers.TextVectorization(max_tokens=40, output_mode="int", output_sequence_length=12)
    vectorize.adapt(raw.map(lambda x, y: x))
    assert vectorize.get_vocabulary()[:2] == ["", "[UNK]"] and "lovely" in vectorize.get_vocabulary()

    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape=(None,), dtype="int64")
    x = layers.Embedding(vectorize.vocabulary_size(), 8)(inputs)
    x = layers.Dropout(0.2)(x)
    x = layers.Conv1D(16, 3, padding="valid", activation="relu")(x)
    x = layers.GlobalMaxPooling1D()(x)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="predictions")(x))
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.02), metrics=["accuracy"])
    model.fit(raw.map(lambda x, y: (vectorize(x), y)), epochs=5, verbose=0)

    strings = keras.Input(shape=(1,), dtype="string")
    end_to_end = keras.Model(strings, model(vectorize(strings)))
    end_to_end.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    assert end_to_end.evaluate(raw, verbose=0)[1] > 0.9
    end_to_end.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    good, bad = loaded.predict(np.array(["a lovely, great film", "a nasty film, poor"]), verbose=0).ravel()
    assert good > 0.5 > bad


def table(rows: int = 64) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Columns of several kinds, and a label that depends on two of them."""
    rng = np.random.default_rng(0)
    columns = {
        "sex": rng.integers(0, 2, rows),
        "age": rng.integers(29, 77, rows).astype("float32"),
        "chol": rng.normal(240, 50, rows).astype("float32"),
        "thal": rng.choice(["fixed", "normal", "reversible"], rows),
    }
    return columns, ((columns["age"] > 50) ^ (columns["thal"] == "normal")).astype("float32")


def test_2022_feature_space(tmp_path):
    from fkeras import layers
    from fkeras.utils import FeatureSpace

    columns, labels = table()
    space = FeatureSpace(
        features={
            "sex": FeatureSpace.integer_categorical(num_oov_indices=0),
            "age": FeatureSpace.float_discretized(num_bins=10),
            "chol": FeatureSpace.float_normalized(),
            "thal": FeatureSpace.string_categorical(num_oov_indices=0),
        },
        crosses=[FeatureSpace.cross(feature_names=("age", "thal"), crossing_dim=64)],
        output_mode="concat",
    )
    space.adapt(columns)
    assert space(columns).shape == (64, 2 + 10 + 1 + 3 + 64)
    keras.utils.set_random_seed(0)
    encoded = space.get_encoded_features()
    x = layers.Dense(16, activation="relu")(encoded)
    predictions = layers.Dense(1, activation="sigmoid")(x)
    training = keras.Model(inputs=encoded, outputs=predictions)
    training.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    training.fit(np.asarray(space(columns)), labels, epochs=12, verbose=0)
    inference = keras.Model(inputs=space.get_inputs(), outputs=predictions)
    guess = inference.predict(columns, verbose=0).ravel()
    assert ((guess > 0.5) == labels).mean() > 0.9
    one = inference.predict({n: c[:1] for n, c in columns.items()}, verbose=0)
    np.testing.assert_allclose(one.ravel(), guess[:1], rtol=1e-5)
    space.save(tmp_path / "space.keras")
    loaded = keras.models.load_model(tmp_path / "space.keras")
    assert type(loaded) is FeatureSpace
    np.testing.assert_allclose(loaded(columns), space(columns))


@pytest.mark.parametrize(
    "settings", [{"output_mode": "tf_idf"}, {"output_sequence_length": 3}, {"vocabulary": ["film"]}]
)
def test_vocabularies_are_saved_with_a_model(settings, tmp_path):
    texts, _ = reviews(10)
    read = keras.layers.TextVectorization(**settings)
    if "vocabulary" not in settings:
        read.adapt(texts)
    model = keras.Sequential([read, keras.layers.Identity()])
    expected = model.predict(texts, verbose=0)
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "model.keras").predict(texts, verbose=0), expected)
