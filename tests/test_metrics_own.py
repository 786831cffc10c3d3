"""The pure triples of metrics, exact counts, masks, metrics of the user's own, and errors."""

import copy
import pickle

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from fkeras import losses, metrics
from fkeras.masking import Masked
from fkeras.metrics import exact

rng = np.random.default_rng(0)
B, N, C = 3, 6, 4  # batches, examples, classes


def softmax(x):
    return (np.exp(x) / np.exp(x).sum(-1, keepdims=True)).astype("float32")


LOGITS = rng.normal(size=(B, N, C)).astype("float32")
LABELS = rng.integers(0, C, size=(B, N))
DATA = {  # y_true, y_pred, each with a first axis of batches
    "real": (rng.normal(size=(B, N, C)).astype("float32"), LOGITS),
    "binary": (rng.integers(0, 2, size=(B, N, 1)), softmax(LOGITS)[..., :1]),
    "onehot": (np.eye(C, dtype="float32")[LABELS], softmax(LOGITS)),
    "sparse": (LABELS, softmax(LOGITS)),
    "classes": (LABELS, np.where(rng.uniform(size=(B, N)) < 0.6, LABELS, 1)),
}
WEIGHT = rng.uniform(size=(B, N)).astype("float32")


def close(a, b, rtol=1e-5):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=2e-6)


@pytest.mark.parametrize("name", ["AUC", "Precision", "R2Score", "F1Score", "MeanSquaredError", "CategoricalAccuracy"])
def test_face_agrees_with_triple_and_rows_can_be_left_out(name):
    y, p = DATA["onehot"]
    metric, pure = getattr(metrics, name)(), getattr(metrics, name)()
    for i in range(B):
        metric.update_state(y[i], p[i], sample_weight=WEIGHT[i])
    acc = pure.init(y[0], p[0])
    update = jax.jit(pure.update)
    for i in range(B):
        acc = update(acc, y[i], p[i], sample_weight=WEIGHT[i])
    close(metric.result(), pure.compute(acc))
    values = [v.value for v in metric.variables]
    close(
        pure.stateless_result(values) if metric.variables and pure._acc else metric.stateless_result(values),
        metric.result(),
    )
    rows = np.array([True] * (N - 2) + [False] * 2)
    cut = jax.jit(pure.update)(pure.init(y[0], p[0]), y[0], p[0], mask=rows)
    close(pure.compute(cut), getattr(metrics, name)()(y[0][rows], p[0][rows]))
    metric.reset_state()
    assert all(float(np.abs(v.numpy()).sum()) == 0 for v in metric.variables)
    close(metric(y[0], p[0]), getattr(keras.metrics, name)()(y[0], p[0]))


def test_counts_are_exact_beyond_float32():
    n = 2**24
    total = jax.jit(lambda: jax.lax.fori_loop(0, 100, lambda i, s: exact.add(s, 1.0), exact.whole(n)))()
    assert int(total[0]) + int(total[1]) == n + 100
    mean = metrics.Mean()
    for values in (np.ones(n + 3, "float32"), np.zeros(1), np.ones(1)):
        mean.update_state(values)
    high, low = np.asarray(mean.variables[1].value, "float64")
    assert high + low == n + 5
    assert sum(np.asarray(mean.variables[0].value, "float64")) == n + 4
    step = jax.jit(
        lambda acc: jax.lax.fori_loop(0, 500, lambda i, a: mean.update(a, jnp.ones(7), jnp.full(7, 0.1)), acc)
    )
    acc = step({"total": exact.whole(2**26), "count": exact.whole(2**26)})
    assert abs(sum(np.asarray(acc["count"], "float64")) - 2**26 - 500 * np.float64(np.float32(0.7))) < 1e-3
    count = metrics.TruePositives(thresholds=[0.0, 0.5, 1.0])
    yes, score = np.ones(n + 5, bool), np.full(n + 5, 0.7, "float16")
    count.update_state(yes, score)
    count.update_state(yes[:1], score[:1], sample_weight=[1.0])
    assert np.asarray(count.variables[0].value, "float64").sum(0).tolist() == [n + 6, n + 6, 0]


def test_score_does_not_lose_what_is_far_from_zero():
    y = (rng.normal(size=(4, 50, 1)) + 2000.0).astype("float32")
    p = (y + 0.1 * rng.normal(size=y.shape)).astype("float32")
    score = metrics.R2Score()
    for a, b in zip(y, p, strict=True):
        score.update_state(a, b)
    flat = y.astype("float64").ravel()
    expected = 1 - np.sum((flat - p.astype("float64").ravel()) ** 2) / np.sum((flat - flat.mean()) ** 2)
    close(score.result(), expected, rtol=1e-4)


def test_equal_settings_share_one_program():
    from fkeras.metrics.metric import programs

    def measure(threshold):
        return metrics.BinaryAccuracy(threshold=threshold)(np.ones((3, 1)), np.full((3, 1), 0.4, "float32"))

    assert float(measure(0.5)) == 0 and float(measure(0.3)) == 1
    before = programs()[0]._cache_size()
    assert float(measure(0.5)) == 0 and programs()[0]._cache_size() == before


def test_mask_of_the_predictions_counts_where_keras_lets_it():
    y, p = DATA["sparse"]
    mask = rng.integers(0, 2, size=N).astype(bool)
    masked = Masked(jnp.asarray(p[0]), jnp.asarray(mask))
    close(
        metrics.SparseCategoricalAccuracy()(y[0], masked), metrics.SparseCategoricalAccuracy()(y[0][mask], p[0][mask])
    )
    onehot = DATA["onehot"][0][0]
    close(metrics.Precision()(onehot, masked), metrics.Precision()(onehot, p[0]))


@pytest.mark.parametrize(
    "shape, weight", [((4,), (4,)), ((4, 3), (4,)), ((4, 3), (4, 1)), ((4, 3), (4, 3)), ((4,), ())]
)
@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_weights_of_mean_and_sum(name, shape, weight):
    values, weights = rng.normal(size=shape).astype("float32"), rng.uniform(size=weight).astype("float32")
    close(getattr(metrics, name)()(values, weights), getattr(keras.metrics, name)()(values, weights))
    close(getattr(metrics, name)()(values), getattr(keras.metrics, name)()(values))
    with pytest.raises(ValueError, match="do not fit"):
        getattr(metrics, name)()(values, np.ones(9))


class Hits(metrics.Metric):
    """A metric written as for Keras."""

    def __init__(self, name="hits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.most = self.add_variable((2,), "zeros", name="most")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hit = jnp.asarray(y_true == y_pred, self.dtype)
        self.total.assign_add(jnp.sum(hit if sample_weight is None else hit * sample_weight))
        self.most.assign(jnp.maximum(self.most, jnp.stack([jnp.max(y_true), jnp.max(y_pred)]).astype("float32")))

    def result(self):
        return {"total": self.total * 1.0, "most": self.most[1]}


class Root(metrics.Mean):
    """A metric that builds on one of ours."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state((y_true - y_pred) ** 2, sample_weight=sample_weight)

    def result(self):
        return jnp.sqrt(super().result())


class Chosen(metrics.F1Score):
    """One that needs the shapes of its data."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(jax.nn.one_hot(y_true, 4), y_pred, sample_weight=sample_weight)


class Both(metrics.Metric):
    """One that holds others."""

    def __init__(self, name="both"):
        super().__init__(name=name)
        self.parts = [metrics.Mean(), metrics.AUC(num_thresholds=5)]

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.parts[0].update_state(y_pred, sample_weight=sample_weight)
        self.parts[1].update_state(y_true, y_pred, sample_weight=sample_weight)

    def result(self):
        return self.parts[0].result() + self.parts[1].result()


class Pure(metrics.Metric):
    """A triple, and nothing else."""

    scale: float = 2.0

    def init(self):
        return {"sum": jnp.zeros(())}

    def update(self, acc, y_true, y_pred, sample_weight=None, mask=None):
        return {"sum": acc["sum"] + self.scale * jnp.sum(y_pred)}

    def compute(self, acc):
        return acc["sum"]


USER = [
    (Hits, "classes", lambda y, p: {"total": (y == p).sum(), "most": p.max()}),
    (Root, "real", lambda y, p: np.sqrt(np.mean((y - p) ** 2))),
    (Chosen, "sparse", None),
    (Both, "binary", lambda y, p: p.mean() + keras.metrics.AUC(num_thresholds=5)(y.reshape(-1, 1), p.reshape(-1, 1))),
    (Pure, "real", lambda y, p: 2.0 * p.sum()),
]


@pytest.mark.parametrize("cls, data, expected", USER)
def test_user_metrics_both_ways(cls, data, expected):
    y, p = DATA[data]
    metric = cls()
    for a, b in zip(y, p, strict=True):
        metric.update_state(a, b)
    before = [v.numpy() for v in metric.variables]
    fresh = cls()
    acc = fresh.init() if cls is Pure else fresh.init(y[0], p[0])

    @jax.jit
    def run(acc, y, p):
        acc, _ = jax.lax.scan(lambda acc, batch: (fresh.update(acc, *batch), None), acc, (y, p))
        return acc, fresh.compute(acc)

    new, value = run(acc, y, p)
    chex.assert_trees_all_close(value, metric.result(), rtol=1e-6)
    chex.assert_trees_all_equal_shapes_and_dtypes(new, acc)
    if expected is not None:
        chex.assert_trees_all_close(value, expected(y, p), rtol=1e-5)
    both = jax.vmap(run, in_axes=(None, 0, 0))(acc, np.stack([y, y]), np.stack([p, p]))[1]
    chex.assert_trees_all_close(jax.tree.map(lambda x: x[1], both), value, rtol=1e-6)
    chex.assert_trees_all_close(before, [v.numpy() for v in metric.variables])
    assert not any(isinstance(v.value, jax.core.Tracer) for v in fresh.variables)
    values = [v.value for v in metric.variables]
    chex.assert_trees_all_close(metric.stateless_result(values), metric.result())
    values = metric.stateless_update_state(metric.stateless_reset_state(), y[0], p[0])
    metric.reset_state()
    chex.assert_trees_all_close(metric(y[0], p[0]), metric.stateless_result(values), rtol=1e-6)


def test_user_metrics_leave_rows_out_and_keep_their_settings():
    y, p = DATA["classes"]
    rows = np.array([True, False] * (N // 2))
    hits = Hits()
    value = hits.compute(hits.update(hits.init(), y[0], p[0], mask=rows))
    assert float(value["total"]) == (y[0] == p[0])[rows].sum()
    assert metrics.deserialize(metrics.serialize(Hits(name="h"))).get_config() == {"name": "h", "dtype": "float32"}
    assert Pure(scale=3.0, name="p").get_config() == {"name": "p", "dtype": "float32", "scale": 3.0}
    assert Root().name == "mean" and Both().get_config() == {"name": "both"}

    class Forgets(metrics.Metric):
        def __init__(self):
            self.total = self.add_weight()

    with pytest.raises(RuntimeError, match="super"):
        Forgets()
    with pytest.raises(NotImplementedError, match="update_state"):
        metrics.Metric()(1, 2)
    with pytest.raises(ValueError, match="2 variables; 1 values"):
        hits.stateless_result([jnp.zeros(())])


BAD = [
    (lambda: metrics.Precision(thresholds=[0.5, 1.5]), "1.5"),
    (lambda: metrics.AUC(curve="RUC"), "curve must be one of"),
    (lambda: metrics.AUC(summation_method="x"), "summation_method"),
    (lambda: metrics.AUC(num_thresholds=1), "above 1"),
    (lambda: metrics.AUC(num_labels=3), "multi_label=True"),
    (lambda: metrics.RecallAtPrecision(1.2), r"precision must lie in \[0, 1\]"),
    (lambda: metrics.F1Score(average="mean"), "average must be"),
    (lambda: metrics.FBetaScore(beta=1), "beta must be a float"),
    (lambda: metrics.F1Score(threshold=0.0), "threshold"),
    (lambda: metrics.R2Score(num_regressors=-1), "num_regressors"),
    (lambda: metrics.R2Score(class_aggregation="x"), "class_aggregation"),
    (lambda: metrics.IoU(2, [2]), "2 is none of the classes 0 to 1"),
    (lambda: metrics.R2Score().init(), "init needs the shapes"),
    (lambda: metrics.F1Score()(np.zeros(3), np.zeros(3)), "batch, columns"),
    (lambda: metrics.F1Score().result(), "no data yet"),
    (lambda: metrics.Precision(class_id=9)(np.zeros((3, 2)), np.zeros((3, 2))), "class_id=9 is none of the 2"),
    (lambda: metrics.Precision()(np.zeros((3, 2)), np.zeros((3, 4))), "do not fit"),
    (lambda: metrics.Mean(nam="x"), "Did you mean 'name'"),
]


@pytest.mark.parametrize("make, message", BAD)
def test_errors(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def spec(*shape):
    return jax.ShapeDtypeStruct(shape, "float32")


@pytest.mark.parametrize("y, p", [((9,), (9, 1)), ((9, 1), (9, 1)), ((9,), (9, 4)), ((9, 1), (9, 4)), ((9, 4), (9, 4))])
def test_resolve_chooses_by_shape(y, p):
    from keras.src.trainers.compile_utils import get_metric

    for name in ("accuracy", "acc", "mse"):
        ours, theirs = metrics.resolve(name, spec(*y), spec(*p)), get_metric(name, spec(*y), spec(*p))
        assert type(ours).__name__ == type(theirs).__name__ and ours.name == theirs.name
    loss = losses.resolve("ce", spec(*y), spec(*p)).fn
    assert metrics.resolve("ce", spec(*y), spec(*p)).fn is loss
    f = metrics.resolve(losses.huber, spec(*y), spec(*p))
    assert f.name == "huber" and f.fn is losses.huber and f._direction == "down"
    auc = metrics.AUC(name="a")
    assert metrics.resolve(auc, None, None) is auc


def test_half_precision_predictions_are_measured_in_float32():
    p = jnp.linspace(0.0, 1.0, 64, dtype=jnp.bfloat16)[:, None]
    value = metrics.MeanSquaredError()(np.zeros((64, 1)), p)
    assert value.dtype == jnp.float32
    close(value, np.mean(np.asarray(p, "float64") ** 2), rtol=1e-6)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_have_values_of_their_own(copied):
    for metric, data in ((metrics.Mean(), [[1.0, 3.0]]), (Hits(), [np.ones(2), np.ones(2)])):
        metric.update_state(*data)
        twin = copied(metric)
        chex.assert_trees_all_close(twin.result(), metric.result())
        metric.reset_state()
        assert float(jax.tree.leaves(twin.result())[-1]) == 2.0


def test_objects_remember_nothing_of_a_trace():
    metric = metrics.Mean()
    with pytest.raises(RuntimeError, match="inside jit"):
        jax.jit(lambda x: metric.update_state(x))(jnp.ones(3))
    assert float(metric(jnp.ones(3))) == 1.0


def test_sizes_may_be_symbols():
    (n,) = jax.export.symbolic_shape("n")
    x = jax.ShapeDtypeStruct((n, 3), "float32")
    for metric in (
        metrics.MeanSquaredError(),
        metrics.AUC(),
        metrics.F1Score(),
        metrics.R2Score(),
        metrics.IoU(2, [0]),
    ):
        acc = metric.init(np.zeros((1, 3)), np.zeros((1, 3)))
        chex.assert_trees_all_equal_shapes_and_dtypes(jax.eval_shape(metric.update, acc, x, x), acc)
