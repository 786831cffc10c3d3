"""Metrics against Keras itself: numbers, with and without weights, names, settings, configs."""

import inspect

import chex
import jax
import keras
import numpy as np
import pytest

from fkeras import losses, metrics

rng = np.random.default_rng(0)
B, N, C = 3, 6, 4  # batches, examples, classes


def softmax(x):
    return (np.exp(x) / np.exp(x).sum(-1, keepdims=True)).astype("float32")


LOGITS = rng.normal(size=(B, N, C)).astype("float32")
LABELS = rng.integers(0, C, size=(B, N))
DATA = {  # y_true, y_pred, each with a first axis of batches
    "real": (rng.normal(size=(B, N, C)).astype("float32"), LOGITS),
    "flat": (rng.normal(size=(B, N)).astype("float32"), LOGITS[..., :1]),
    "positive": (rng.poisson(2.0, size=(B, N, C)).astype("float32"), np.exp(LOGITS)),
    "binary": (rng.integers(0, 2, size=(B, N, 1)), softmax(LOGITS)[..., :1]),
    "binary_flat": (rng.integers(0, 2, size=(B, N)), softmax(LOGITS)[..., 0]),
    "labels": (rng.integers(0, 2, size=(B, N, C)).astype("float32"), softmax(LOGITS)),
    "onehot": (np.eye(C, dtype="float32")[LABELS], softmax(LOGITS)),
    "sparse": (LABELS, softmax(LOGITS)),
    "column": (LABELS[..., None], softmax(LOGITS)),
    "classes": (LABELS, np.where(rng.uniform(size=(B, N)) < 0.6, LABELS, 1)),
    "ids": (LABELS, np.argsort(-LOGITS, axis=-1)),
    "logits": (rng.integers(0, 2, size=(B, N, C)).astype("float32"), LOGITS),
}
ROWS = [  # class, settings, data
    ("Accuracy", {}, "classes"),
    ("BinaryAccuracy", {"threshold": 0.3}, "binary"),
    ("BinaryAccuracy", {}, "labels"),
    ("CategoricalAccuracy", {}, "onehot"),
    ("SparseCategoricalAccuracy", {}, "sparse"),
    ("SparseCategoricalAccuracy", {}, "column"),
    ("TopKCategoricalAccuracy", {"k": 2}, "onehot"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "sparse"),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, "ids"),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, "labels"),
    ("BinaryCrossentropy", {"from_logits": True}, "logits"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "onehot"),
    ("SparseCategoricalCrossentropy", {}, "sparse"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, "sparse"),
    ("KLDivergence", {}, "onehot"),
    ("Poisson", {}, "positive"),
    ("Hinge", {}, "labels"),
    ("SquaredHinge", {}, "labels"),
    ("CategoricalHinge", {}, "onehot"),
    ("MeanSquaredError", {}, "real"),
    ("MeanSquaredError", {}, "flat"),
    ("RootMeanSquaredError", {}, "real"),
    ("RootMeanSquaredError", {}, "flat"),
    ("MeanAbsoluteError", {}, "real"),
    ("MeanAbsolutePercentageError", {}, "real"),
    ("MeanSquaredLogarithmicError", {}, "positive"),
    ("CosineSimilarity", {}, "real"),
    ("LogCoshError", {}, "real"),
    ("PearsonCorrelation", {}, "real"),
    ("ConcordanceCorrelation", {"axis": -1}, "real"),
    ("R2Score", {}, "real"),
    ("R2Score", {}, "flat"),
    ("R2Score", {"class_aggregation": None, "num_regressors": 2}, "real"),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, "real"),
    ("FBetaScore", {"beta": 2.0}, "onehot"),
    ("FBetaScore", {"average": "micro", "threshold": 0.3}, "labels"),
    ("F1Score", {"average": "macro"}, "onehot"),
    ("F1Score", {"average": "weighted", "threshold": 0.3}, "labels"),
    ("TruePositives", {}, "binary"),
    ("TrueNegatives", {"thresholds": [0.2, 0.7]}, "labels"),
    ("FalsePositives", {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}, "labels"),
    ("FalseNegatives", {"thresholds": 0.3}, "binary_flat"),
    ("Precision", {}, "labels"),
    ("Precision", {"top_k": 2}, "labels"),
    ("Precision", {"class_id": 1, "thresholds": [0.1, 0.2]}, "labels"),
    ("Recall", {"thresholds": [0.0, 0.5, 1.0]}, "binary"),
    ("Recall", {"top_k": 1, "class_id": 2}, "onehot"),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, "binary"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6, "num_thresholds": 1}, "binary"),
    ("PrecisionAtRecall", {"recall": 0.5, "num_thresholds": 11}, "binary_flat"),
    ("RecallAtPrecision", {"precision": 0.5, "class_id": 1}, "labels"),
    ("AUC", {}, "binary"),
    ("AUC", {"num_thresholds": 7, "curve": "PR"}, "labels"),
    ("AUC", {"curve": "PR", "summation_method": "majoring", "thresholds": [0.1, 0.4, 0.5]}, "binary_flat"),
    ("AUC", {"curve": "PRGAIN", "summation_method": "minoring"}, "labels"),
    ("AUC", {"multi_label": True, "label_weights": [0.1, 0.2, 0.3, 0.4]}, "labels"),
    ("AUC", {"multi_label": True, "num_labels": C, "thresholds": [0.2, 0.3], "curve": "PR"}, "labels"),
    ("AUC", {"label_weights": [0.1, 0.2, 0.3, 0.4], "from_logits": True}, "logits"),
    ("IoU", {"num_classes": C, "target_class_ids": [0, 2], "ignore_class": 1, "dtype": "float32"}, "classes"),
    ("BinaryIoU", {"threshold": 0.3, "target_class_ids": [1], "dtype": "float32"}, "binary"),
    ("MeanIoU", {"num_classes": C, "sparse_y_pred": False, "dtype": "float32"}, "sparse"),
    ("OneHotIoU", {"num_classes": C, "target_class_ids": [1, 3], "dtype": "float32"}, "onehot"),
    ("OneHotMeanIoU", {"num_classes": C, "dtype": "float32"}, "onehot"),
]
WEIGHT = rng.uniform(size=(B, N)).astype("float32")


def close(a, b, rtol=1e-5):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=2e-6)


def fast(f):
    """`f` compiled with little optimisation, which takes half the time."""
    options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    return jax.jit(f, compiler_options=options)


def keras_results(theirs, y, p):
    """What Keras measures without weights and with them."""
    if len(theirs.variables) < 2:  # some are made at the first data
        theirs.update_state(y[0], p[0])
        theirs.reset_state()

    def measure(weights):
        values = [v.value for v in theirs.variables]
        for batch in zip(y, p, weights, strict=True):
            values = theirs.stateless_update_state(values, *batch)
        return theirs.stateless_result(values)

    uneven = getattr(theirs, "multi_label", False) and not theirs._thresholds_distributed_evenly
    if uneven or getattr(theirs, "num_regressors", 0):  # which Keras cannot trace
        return measure([None] * B), measure(WEIGHT)
    return fast(lambda w: (measure([None] * B), measure(w)))(WEIGHT)


@pytest.mark.parametrize("name, settings, data", ROWS)
def test_equals_keras_and_triple_is_pure(name, settings, data):
    y, p = DATA[data]
    ours = getattr(metrics, name)(**settings)
    acc = ours.init(y[0], p[0])
    plain, weighted = keras_results(getattr(keras.metrics, name)(**settings), y, p)

    def scanned(acc, y, p, w):
        acc, _ = jax.lax.scan(lambda acc, b: (ours.update(acc, b[0], b[1], sample_weight=b[2]), None), acc, (y, p, w))
        return acc, ours.compute(acc)

    new, value = fast(scanned)(acc, y, p, None)
    close(value, plain)
    chex.assert_trees_all_equal_shapes_and_dtypes(new, acc)
    assert not any(x.weak_type for x in jax.tree.leaves(new))
    many = fast(jax.vmap(scanned, in_axes=(None, 0, 0, 0)))
    two = many(acc, *(np.stack([x[::-1], x]) for x in (y, p, WEIGHT)))[1]
    close(two[0], weighted)
    close(two[1], weighted)


REQUIRED = {
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 2},
    "OneHotMeanIoU": {"num_classes": 2},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "MeanMetricWrapper": {"fn": None},
}
CLASSES = [n for n in dir(keras.metrics) if inspect.isclass(getattr(keras.metrics, n))]


def parameters(f):
    return [(p.name, p.default) for p in inspect.signature(f).parameters.values()]


@pytest.mark.parametrize("name", CLASSES)
def test_signature_config_and_names_are_those_of_keras(name):
    ours, theirs = getattr(metrics, name), getattr(keras.metrics, name)
    assert parameters(ours) == parameters(theirs)
    if name == "Metric":
        return
    for settings in [s for n, s, _ in ROWS if n == name] or [REQUIRED.get(name, {})]:
        fns = {"fn": (losses.huber, keras.losses.huber)} if name == "MeanMetricWrapper" else {}
        given = [{**settings, **{k: v[i] for k, v in fns.items()}, "name": "n"} for i in (0, 1)]
        config, expected = ours(**given[0]).get_config(), theirs(**given[1]).get_config()
        expected = {
            k: np.asarray(v).tolist() if k in ("label_weights", "thresholds") else v for k, v in expected.items()
        }
        config = {k: np.asarray(v).tolist() if k in ("label_weights", "thresholds") else v for k, v in config.items()}
        if name != "AUC":
            assert config == expected
        else:
            np.testing.assert_allclose(config.pop("label_weights") or 0, expected.pop("label_weights") or 0, rtol=1e-6)
            assert config == expected
        again = metrics.deserialize(metrics.serialize(ours(**given[0])))
        assert again.get_config() == ours(**given[0]).get_config()
        theirs.from_config(ours(**given[1 if fns else 0]).get_config())
        metrics.deserialize({"module": "keras.metrics", "class_name": name, "config": theirs(**given[1]).get_config()})


def test_every_public_name_of_keras_is_here():
    from keras.src.metrics import ALL_OBJECTS_DICT

    assert {n for n in dir(keras.metrics) if n[0] != "_"} <= set(dir(metrics))
    for name, theirs in ALL_OBJECTS_DICT.items():
        assert metrics.KIND.table[name].__name__ == theirs.__name__
    for name in dir(keras.metrics):
        theirs = getattr(keras.metrics, name)
        if inspect.isfunction(theirs) and name not in ("get", "serialize", "deserialize"):
            assert parameters(getattr(metrics, name)) == parameters(theirs)
    for f in (metrics.binary_accuracy, metrics.pearson_correlation):
        assert metrics.deserialize(metrics.serialize(f)) is f
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        metrics.get("acuracy")
