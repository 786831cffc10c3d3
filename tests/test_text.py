"""`preprocessing.text` and `preprocessing.sequence`: equal to what Keras still carries of them."""

from __future__ import annotations

import hashlib
import json
import random

import numpy as np
import pytest
from keras.src.legacy.preprocessing import sequence as keras_sequence
from keras.src.legacy.preprocessing import text as keras_text

from fkeras import Input, Sequential, layers
from fkeras.preprocessing import sequence, text

TEXTS = ["The cat sat on the mat.", "The dog, the log & the cat!", "Über allen\tGipfeln\nist Ruh", "", "a a a b"]
NEW = ["the cat, the zebra", "a dog sat", "", "zebra"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"num_words": 5},
        {"oov_token": "<OOV>"},
        {"num_words": 4, "oov_token": "<OOV>"},
        {"oov_token": "cat"},
        {"lower": False, "filters": "", "split": "t"},
        {"char_level": True},
        {"char_level": True, "oov_token": "?", "num_words": 6},
        {"analyzer": str.split},
    ],
)
def test_tokenizer(settings):
    ours, theirs = text.Tokenizer(**settings), keras_text.Tokenizer(**settings)
    for tokenizer in (ours, theirs):
        tokenizer.fit_on_texts(TEXTS)
        tokenizer.fit_on_texts([["the", "Own", "words"]])
    for name in ("word_counts", "word_docs", "index_docs", "word_index", "index_word", "document_count"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert list(ours.word_index) == list(theirs.word_index)
    for texts in (TEXTS, NEW, [["the", "cat", "?"]]):
        sequences = ours.texts_to_sequences(texts)
        assert sequences == theirs.texts_to_sequences(texts) == list(ours.texts_to_sequences_generator(texts))
        assert ours.sequences_to_texts(sequences) == theirs.sequences_to_texts(sequences)
        for mode in ("binary", "count", "freq", "tfidf"):
            mine = ours.texts_to_matrix(texts, mode)
            np.testing.assert_allclose(mine, theirs.texts_to_matrix(texts, mode), rtol=1e-12)
            assert mine.dtype == "float64"
    assert ours.sequences_to_texts([[1, 2, 999]]) == theirs.sequences_to_texts([[1, 2, 999]])
    config, its = ours.get_config(), theirs.get_config()
    assert {k: v for k, v in config.items() if k != "word_docs"} == {k: v for k, v in its.items() if k != "word_docs"}
    assert json.loads(config["word_docs"]) == json.loads(its["word_docs"])  # in the order of a set
    if "analyzer" not in settings:
        for again in (text.tokenizer_from_json(theirs.to_json()), keras_text.tokenizer_from_json(ours.to_json())):
            assert again.texts_to_sequences(NEW) == theirs.texts_to_sequences(NEW)
            np.testing.assert_allclose(again.texts_to_matrix(NEW, "tfidf"), theirs.texts_to_matrix(NEW, "tfidf"))


def test_tokenizer_on_sequences():
    ours, theirs = text.Tokenizer(num_words=6), keras_text.Tokenizer(num_words=6)
    sequences = [[1, 2, 2, 5], [2, 3], [9, 1]]
    for tokenizer in (ours, theirs):
        tokenizer.fit_on_sequences(sequences)
    assert ours.index_docs == theirs.index_docs and ours.document_count == 3
    for mode in ("binary", "count", "freq", "tfidf"):
        np.testing.assert_allclose(
            ours.sequences_to_matrix(sequences, mode), theirs.sequences_to_matrix(sequences, mode)
        )


def test_characters_of_one_text_and_a_known_stranger():
    for settings, fitted in (({"char_level": True}, "to be or not"), ({"oov_token": "be"}, ["to be or be"])):
        ours, theirs = text.Tokenizer(**settings), keras_text.Tokenizer(**settings)
        for tokenizer in (ours, theirs):
            tokenizer.fit_on_texts(fitted)
        assert ours.word_index == theirs.word_index and ours.document_count == theirs.document_count
        found = ours.texts_to_sequences(["or be not"])
        assert found == theirs.texts_to_sequences(["or be not"])
        assert ours.sequences_to_texts(found) == theirs.sequences_to_texts(found)


def test_refused_tokens():
    with pytest.raises(ValueError, match="fit on texts"):
        text.Tokenizer().texts_to_matrix(["a"])
    with pytest.raises(ValueError, match="mode must be"):
        text.Tokenizer(3).sequences_to_matrix([[1]], "tf-idf")
    with pytest.raises(ValueError, match="documents"):
        text.Tokenizer(3).sequences_to_matrix([[1]], "tfidf")
    with pytest.raises(ValueError, match="put it into a list"):
        text.Tokenizer().fit_on_texts("a text")
    with pytest.raises(TypeError, match="A text is a str"):
        text.Tokenizer().fit_on_texts([None])
    with pytest.raises(ValueError, match="not the JSON"):
        text.tokenizer_from_json("{}")
    with pytest.warns(UserWarning, match="num_words"):
        assert text.Tokenizer(nb_words=5).num_words == 5


@pytest.mark.parametrize("settings", [{}, {"lower": False}, {"filters": "abc", "split": "t"}])
def test_words(settings):
    for one in TEXTS:
        assert text.text_to_word_sequence(one, **settings) == keras_text.text_to_word_sequence(one, **settings)
        assert text.one_hot(one, 50, **settings) == keras_text.one_hot(one, 50, **settings)
        for hashed in (None, "md5", lambda w: len(w)):
            mine = text.hashing_trick(one, 9, hashed, **settings)
            assert mine == keras_text.hashing_trick(one, 9, hashed, **settings)
    assert text.hashing_trick("a b", 9, "md5", analyzer=list) == [
        int(hashlib.md5(c).hexdigest(), 16) % 8 + 1 for c in (b"a", b" ", b"b")
    ]
    for wrong, said in (({"n": 1}, "2 or more"), ({"n": 5, "hash_function": "sha"}, "'md5'")):
        with pytest.raises(ValueError, match=said):
            text.hashing_trick("a", **wrong)


# --- sequences ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"window_size": 2}, {"categorical": True, "window_size": 1}])
def test_pairs_of_words(settings):
    words = [1, 2, 0, 3, 4, 2, 0, 0, 5]
    settings = {"negative_samples": 0.0, "shuffle": False, **settings}
    assert sequence.skipgrams(words, 6, **settings) == keras_sequence.skipgrams(words, 6, **settings)
    assert sequence.skipgrams([], 6, **settings) == keras_sequence.skipgrams([], 6, **settings)


def test_pairs_at_random():
    np.random.seed(0)
    before, words = (np.random.get_state()[1].tolist(), random.getstate()), list(range(1, 50))
    pairs, labels = sequence.skipgrams(words, 50, negative_samples=0.5, seed=3)
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before
    assert (pairs, labels) == sequence.skipgrams(words, 50, negative_samples=0.5, seed=3)
    assert (pairs, labels) != sequence.skipgrams(words, 50, negative_samples=0.5, seed=4)
    real = {tuple(p) for p in sequence.skipgrams(words, 50, negative_samples=0, seed=0)[0]}
    assert labels.count(1) == len(real) and labels.count(0) == len(real) // 2
    assert {tuple(p) for p, one in zip(pairs, labels, strict=True) if one} == real
    assert all(1 <= a < 50 and 1 <= b < 50 for a, b in pairs)
    kept, _ = sequence.skipgrams(words, 50, sampling_table=np.r_[np.zeros(25), np.ones(25)], negative_samples=0, seed=0)
    assert {a for a, _ in kept} == set(range(25, 50))
    settings = {"window_size": 2, "negative_samples": 0, "seed": 5}
    state = random.getstate()
    assert sequence.skipgrams(words, 50, **settings) == keras_sequence.skipgrams(words, 50, **settings)
    random.setstate(state)
    assert sequence.skipgrams(words, 50, window_size=0) == ([], [])
    np.testing.assert_allclose(sequence.make_sampling_table(100, 1e-3), keras_sequence.make_sampling_table(100, 1e-3))


@pytest.mark.parametrize(
    "settings",
    [
        {"length": 3},
        {"length": 4, "sampling_rate": 2, "stride": 3, "batch_size": 2},
        {"length": 5, "sampling_rate": 2, "reverse": True, "start_index": 4, "end_index": 25, "batch_size": 7},
    ],
)
def test_windows(settings):
    data = np.random.default_rng(0).normal(size=(30, 2))
    ours, theirs = (m.TimeseriesGenerator(data, data[:, 0], **settings) for m in (sequence, keras_sequence))
    assert len(ours) == len(theirs)
    for i in range(len(ours)):
        for mine, its in zip(ours[i], theirs[i], strict=True):
            np.testing.assert_array_equal(mine, its)
    assert len(list(ours)) == len(ours)
    config = json.loads(ours.to_json())["config"]
    assert config == ours.get_config() and json.loads(config["data"]) == data.tolist()
    assert all(v == getattr(theirs, k) for k, v in config.items() if k not in ("data", "targets"))


def test_windows_at_random_and_in_training():
    data = np.arange(40.0)
    one, same, other = (
        sequence.TimeseriesGenerator(data, data, 3, shuffle=True, batch_size=8, seed=s) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one[0][0], same[0][0])
    assert (one[0][1] != other[0][1]).any() and (one[0][0][:, -1] == one[0][1] - 1).all()
    one.on_epoch_end()
    assert (one[0][1] != same[0][1]).any()
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(sequence.TimeseriesGenerator(data / 40, data / 40, 3, batch_size=8), epochs=2, verbose=0)
    for wrong in ({"length": 0}, {"length": 50}, {"length": 3, "end_index": 99}):
        with pytest.raises(ValueError, match="TimeseriesGenerator"):
            sequence.TimeseriesGenerator(data, data, **wrong)
    with pytest.raises(ValueError, match="one length"):
        sequence.TimeseriesGenerator(data, data[:3], 2)


def test_windows_as_json():
    made = sequence.TimeseriesGenerator(np.arange(20), np.arange(20), 3, stride=2, reverse=True, batch_size=4)
    again = sequence.timeseries_generator_from_json(made.to_json())
    assert len(again) == len(made) and again.to_json() == made.to_json()
    np.testing.assert_array_equal(again[1][0], made[1][0])
    with pytest.raises(ValueError, match="not the JSON"):
        sequence.timeseries_generator_from_json("{}")
