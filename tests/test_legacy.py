"""Old spellings: each is read as what it is called today, and said once."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings

import jax.numpy as jnp
import numpy as np
import pytest

import fkeras as keras
from fkeras import backend as K
from fkeras import layers, legacy, registry
from fkeras.layers import GRU, LSTM, BatchNormalization, Conv1D, Conv2D, Dense, Dropout, Embedding, MaxPooling1D
from fkeras.legacy import telling
from fkeras.models import Model, Sequential
from fkeras.regularizers import l2

pytestmark = pytest.mark.filterwarnings("ignore::fkeras.legacy.OldSpelling")
RNG = np.random.default_rng(0)

TWINS = {  # old spelling: today's
    "dense": (
        lambda: Dense(output_dim=3, init="he_normal", W_regularizer=l2(0.1), W_constraint="max_norm", bias=False),
        lambda: Dense(3, use_bias=False, kernel_initializer="he_normal", kernel_regularizer=l2(0.1),
                      kernel_constraint="max_norm"),
    ),
    "convolution": (
        lambda: layers.Convolution2D(8, 3, 5, border_mode="same", subsample=(2, 2), dim_ordering="th", init="uniform"),
        lambda: Conv2D(8, (3, 5), (2, 2), "same", "channels_first", kernel_initializer="uniform"),
    ),
    "two ints": (lambda: layers.Convolution2D(8, 3, 5), lambda: Conv2D(8, (3, 5))),
    "activation in the fifth place": (
        lambda: layers.Convolution2D(8, 3, 5, "he_normal", "relu"),
        lambda: Conv2D(8, (3, 5), kernel_initializer="he_normal", activation="relu"),
    ),
    "as today": (lambda: layers.Convolution2D(8, 3, strides=2), lambda: Conv2D(8, 3, 2)),
    "sides by name": (lambda: Conv2D(nb_filter=8, nb_row=3, nb_col=5), lambda: Conv2D(8, (3, 5))),
    "volume": (lambda: layers.Convolution3D(8, 3, 4, 5, border_mode="same"),
               lambda: layers.Conv3D(8, (3, 4, 5), 1, "same")),
    "atrous": (lambda: layers.AtrousConvolution2D(8, 3, 3, atrous_rate=(2, 2)), lambda: Conv2D(8, 3, dilation_rate=2)),
    "deconvolution": (
        lambda: layers.Deconvolution2D(8, 3, 3, (None, None, None, 8), subsample=(2, 2)),
        lambda: layers.Conv2DTranspose(8, 3, 2),
    ),
    "separable": (
        lambda: layers.SeparableConv2D(8, 3, 3, border_mode="same"),
        lambda: layers.SeparableConv2D(8, (3, 3), padding="same"),
    ),
    "separable by its old name": (
        lambda: layers.SeparableConvolution2D(8, 3, 5), lambda: layers.SeparableConv2D(8, (3, 5)),
    ),
    "recurrent convolution": (
        lambda: layers.ConvLSTM2D(nb_filter=4, nb_row=3, nb_col=2), lambda: layers.ConvLSTM2D(4, (3, 2)),
    ),
    "no epsilon": (lambda: keras.optimizers.Adam(lr=0.1, epsilon=None), lambda: keras.optimizers.Adam(0.1)),
    "steps": (
        lambda: Conv1D(nb_filter=4, filter_length=3, border_mode="causal", subsample_length=2),
        lambda: Conv1D(4, 3, 2, "causal"),
    ),
    "pooled steps": (lambda: MaxPooling1D(pool_length=4, stride=2), lambda: MaxPooling1D(4, 2)),
    "lstm": (
        lambda: LSTM(output_dim=4, inner_init="glorot_uniform", forget_bias_init="zero",
                     inner_activation="hard_sigmoid", dropout_W=0.1, dropout_U=0.2, U_regularizer="l2",
                     consume_less="gpu"),
        lambda: LSTM(4, recurrent_initializer="glorot_uniform", unit_forget_bias=False, dropout=0.1,
                     recurrent_activation="hard_sigmoid", recurrent_dropout=0.2, recurrent_regularizer="l2"),
    ),
    "cudnn": (lambda: layers.CuDNNGRU(4, return_sequences=True), lambda: GRU(4, return_sequences=True)),
    "embedding": (
        lambda: Embedding(9, 4, init="he_normal", W_regularizer="l1", dropout=0.2),
        lambda: Embedding(9, 4, "he_normal", "l1"),
    ),
    "dropout": (lambda: Dropout(p=0.3), lambda: Dropout(0.3)),
    "noise": (lambda: layers.GaussianNoise(sigma=0.3), lambda: layers.GaussianNoise(0.3)),
    "normalization": (
        lambda: BatchNormalization(mode=0, axis=1, gamma_init="zero", beta_init="one", fused=True),
        lambda: BatchNormalization(1, gamma_initializer="zeros", beta_initializer="ones"),
    ),
    "threshold": (lambda: layers.ThresholdedReLU(theta=2.0), lambda: layers.ReLU(threshold=2.0)),
    "leaky": (lambda: layers.LeakyReLU(alpha=0.1), lambda: layers.LeakyReLU(0.1)),
    "regularizers": (lambda: Dense(1, W_regularizer=keras.regularizers.WeightRegularizer(l1=0.1, l2=0.2),
                                   activity_regularizer=keras.regularizers.activity_l2(0.3)),
                     lambda: Dense(1, kernel_regularizer=keras.regularizers.L1L2(0.1, 0.2),
                                   activity_regularizer=l2(0.3))),
    "nadam": (lambda: keras.optimizers.Nadam(lr=0.1, schedule_decay=0.004), lambda: keras.optimizers.Nadam(0.1)),
    "epsilon": (lambda: keras.constraints.maxnorm(m=3), lambda: keras.constraints.max_norm(3)),
}  # fmt: skip


@pytest.mark.parametrize("case", TWINS)
@pytest.mark.filterwarnings("ignore:.*old name")
def test_twins(case):
    old, new = (make() for make in TWINS[case])
    assert type(old) is type(new) and old.get_config() == new.get_config()


def test_said_once_with_the_line_of_the_script(monkeypatch):
    monkeypatch.setattr(telling, "_told", set())
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        for _ in range(3):
            Dense(output_dim=3)
    assert [str(w.message) for w in shown] == ["Dense(output_dim=...): write units=... today."]
    assert shown[0].filename == __file__ and shown[0].category is legacy.OldSpelling


REFUSED = {
    "both": (lambda: Dense(3, init="zeros", kernel_initializer="ones"), TypeError, "kernel_initializer or init"),
    "mode": (lambda: BatchNormalization(mode=2), ValueError, "mode=0"),
    "unknown": (lambda: Dense(3, initt="zeros"), TypeError, "initt"),
    "forget": (lambda: LSTM(3, forget_bias_init="uniform"), ValueError, "forget_bias_init"),
    "graph": (lambda: keras.models.Graph(), NotImplementedError, "Model"),
    "gradients": (lambda: K.gradients(1, 2), TypeError, "jax.grad"),
    "session": (lambda: K.get_session().run("x"), NotImplementedError, "K.get_value"),
    "layout": (lambda: Sequential([Conv2D(4, 3, input_shape=(1, 28, 28))]), ValueError, "set_image_data_format"),
    "gpus": (lambda: keras.utils.multi_gpu_model(None, 2), NotImplementedError, "DataParallel"),
    "merge": (lambda: layers.merge([1, 2], mode="plus"), ValueError, "concat"),
    "absent": (lambda: importlib.import_module("fkeras.layers.core").Dens, AttributeError, "Dens"),
    "phase": (lambda: K.set_learning_phase(1), ValueError, "training=True"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    make, error, said = REFUSED[case]
    with pytest.raises(error, match=said):
        make()


def test_own_arguments_of_user_classes_are_left_alone():
    class Mine(layers.Layer):
        def __init__(self, output_dim, init="zeros", **kwargs):
            self.output_dim, self.init_name = output_dim, init
            super().__init__(**kwargs)

        def build(self, shape):
            self.w = self.add_weight("w", shape=(shape[-1], self.output_dim), initializer=self.init_name)
            super().build(shape)

        def call(self, x):
            return K.dot(x, self.w)

    layer = Mine(output_dim=3, init="ones", input_shape=(2,))
    assert np.asarray(layer(np.ones((1, 2)))).tolist() == [[2.0, 2.0, 2.0]]


PATHS = {
    "layers.core": "Dense Dropout Activation Flatten Lambda Reshape Masking",
    "layers.convolutional": "Convolution2D MaxPooling2D ZeroPadding2D UpSampling2D Conv2D",
    "layers.pooling": "MaxPooling2D GlobalAveragePooling2D",
    "layers.recurrent": "LSTM GRU SimpleRNN",
    "layers.embeddings": "Embedding",
    "layers.merge": "concatenate add Concatenate Dot",
    "layers.normalization": "BatchNormalization LayerNormalization",
    "layers.wrappers": "TimeDistributed Bidirectional",
    "layers.advanced_activations": "LeakyReLU PReLU ELU ThresholdedReLU",
    "layers.noise": "GaussianNoise GaussianDropout",
    "layers.local": "LocallyConnected1D LocallyConnected2D",
    "layers.experimental.preprocessing": "Dense",
    "engine.topology": "Layer InputSpec Input",
    "engine.training": "Model",
    "engine": "Layer InputSpec",
    "objectives": "mean_squared_error categorical_crossentropy mse",
    "losses": "mse binary_crossentropy kullback_leibler_divergence",
    "initializations": "glorot_uniform",
    "utils.np_utils": "to_categorical normalize",
    "utils.generic_utils": "get_custom_objects CustomObjectScope",
    "utils.layer_utils": "print_summary",
    "optimizers.legacy": "SGD Adam",
    "optimizers.experimental": "SGD",
    "wrappers.scikit_learn": "KerasClassifier KerasRegressor",
    "wrappers": "SKLearnClassifier SKLearnRegressor SKLearnTransformer",
    "backend.tensorflow_backend": "mean dot",
    "regularizers": "l1l2 activity_l2 WeightRegularizer",
    "constraints": "maxnorm nonneg unitnorm",
}


@pytest.mark.parametrize("path", PATHS)
def test_paths(path):
    module = importlib.import_module(f"fkeras.{path}")
    missing = [name for name in PATHS[path].split() if not hasattr(module, name)]
    assert not missing
    names: dict = {}
    exec(f"from fkeras.{path} import {', '.join(PATHS[path].split())}", names)
    reached = keras
    for part in path.split("."):
        reached = getattr(reached, part)


def test_merge_modes():
    a, b = RNG.random((3, 4)).astype("float32"), RNG.random((3, 4)).astype("float32")
    wanted = {
        "sum": a + b, "mul": a * b, "ave": (a + b) / 2, "max": np.maximum(a, b), "concat": np.concatenate([a, b], -1),
        "dot": (a * b).sum(-1, keepdims=True),
        "cos": ((a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1))[:, None],
    }  # fmt: skip
    for mode, want in wanted.items():
        np.testing.assert_allclose(layers.merge([a, b], mode=mode), want, rtol=1e-5)
    np.testing.assert_allclose(layers.merge([a, b], mode=lambda xs: xs[0] - xs[1]), a - b, rtol=1e-5)


def test_maxout_and_highway_by_hand():
    x = jnp.asarray(RNG.random((5, 4)), "float32")
    maxout, highway = (
        layers.MaxoutDense(output_dim=3, nb_feature=2, init="he_normal"),
        layers.Highway(activation="tanh"),
    )
    y, z = maxout(x), highway(x)
    k, b = (np.asarray(w) for w in maxout.get_weights())
    np.testing.assert_allclose(y, np.max([x @ k[i] + b[i] for i in range(2)], 0), rtol=1e-5)
    p = {n: np.asarray(v) for n, v in highway.values[0].items()}
    assert p["carry_bias"].tolist() == [-2.0] * 4 and p["bias"].tolist() == [0.0] * 4
    t = 1 / (1 + np.exp(-(x @ p["carry_kernel"] - 2)))
    np.testing.assert_allclose(z, t * np.tanh(x @ p["kernel"]) + (1 - t) * x, rtol=1e-5)


def trained(**kwargs):
    model = Sequential([Dense(output_dim=3, input_dim=4, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=["acc"], **kwargs)
    return model


def test_training_in_the_spelling_of_keras_1():
    x, y = RNG.random((20, 4)), np.eye(3)[RNG.integers(3, size=20)]
    model = trained(sample_weight_mode=None, class_mode="categorical")
    history = model.fit(x, y, nb_epoch=2, verbose=0, validation_split=0.2, show_accuracy=True)
    assert list(history.history) == ["acc", "loss", "val_acc", "val_loss"] and len(history.epoch) == 2
    p = model.predict(x)
    np.testing.assert_array_equal(model.predict_classes(x, verbose=0), p.argmax(-1))
    np.testing.assert_array_equal(model.predict_proba(x), p)
    model = Sequential([Dense(1, activation="sigmoid", input_dim=4)])
    model.compile(loss="binary_crossentropy", optimizer="adam")
    assert set(np.unique(model.predict_classes(x))) <= {0, 1}
    assert len(model.evaluate(x, y[:, :1], show_accuracy=True, verbose=0)) == 2
    K.set_value(model.optimizer.lr, 0.5)
    assert float(K.get_value(model.optimizer.lr)) == 0.5
    model.optimizer.lr = 0.25
    assert float(model.optimizer.learning_rate) == 0.25


def test_branches_of_keras_1():
    left, right = (Sequential([Dense(2, input_dim=n)]) for n in (3, 4))
    model = Sequential([layers.Merge([left, right], mode="concat"), Dense(1)])
    model.compile("sgd", "mse")
    data = [RNG.random((8, 3)), RNG.random((8, 4))]
    before = left.get_weights()[0]
    model.fit(data, np.ones((8, 1)), nb_epoch=1, verbose=0)
    assert len(model.get_weights()) == 6 and not np.array_equal(before, left.get_weights()[0])
    graph = Model(input=left.inputs + right.inputs, output=layers.merge([left.output, right.output], mode="concat"))
    assert graph.predict(data).shape == (8, 4)


def test_draws_without_a_seed_are_fresh_in_every_call():
    x = layers.Input((2,))
    noisy = Model(x, layers.Lambda(lambda x: x + K.random_normal(shape=(K.shape(x)[0], 2)))(x))
    data = np.zeros((3, 2))
    first, second = noisy.predict(data), noisy.predict(data)
    assert not np.array_equal(first, second) and len(np.unique(first)) == 6

    class Sampling(layers.Layer):
        def call(self, x):
            return x + K.random_uniform(K.shape(x), 1.0, 2.0) + keras.random.uniform(K.shape(x))

    layer = Sampling()
    first, second = np.asarray(layer(data)), np.asarray(layer(data))
    assert not np.array_equal(first, second) and first.min() >= 1


def test_readers_are_installed_once():
    legacy.open_doors("fkeras")
    assert len(registry.readers) == 1 and not hasattr(layers.Layer.add_weight.__wrapped__, "__wrapped__")


@pytest.mark.long
def test_learners():
    pytest.importorskip("sklearn")
    from fkeras.wrappers.scikit_learn import KerasClassifier, KerasRegressor
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import StandardScaler

    from fkeras.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(60, 3))
    y, t = np.where(x[:, 0] > 0, "up", "down"), 2 * x[:, 1] + 1

    def build(units=8):
        model = Sequential([Dense(units, activation="relu", input_dim=3), Dense(2, activation="softmax")])
        model.compile(keras.optimizers.Adam(0.05), "categorical_crossentropy", metrics=["accuracy"])
        return model

    old = KerasClassifier(build_fn=build, nb_epoch=1, batch_size=20, verbose=0)
    search = GridSearchCV(old, {"units": [2, 8], "epochs": [1]}, cv=2, error_score="raise").fit(x, y)
    assert search.best_params_["units"] in (2, 8) and set(search.predict(x)) <= {"up", "down"}
    assert search.best_estimator_.predict_proba(x).shape == (60, 2)
    regressor = KerasRegressor(lambda: compiled_regressor(), epochs=30, verbose=0)
    regressor.fit(x, t)
    assert regressor.predict(x).shape == (60,) and regressor.score(x, t) > -2

    def bare(meta, hidden=4, compile_kwargs=None):
        assert meta["n_features_in_"] == 3 and meta["n_classes_"] == 2 and "optimizer" in compile_kwargs
        return Sequential([Dense(hidden, activation="relu", input_dim=3), Dense(1, activation="sigmoid")])

    routed = KerasClassifier(
        model=bare, hidden=3, optimizer="adam", optimizer__learning_rate=0.05, loss="binary_crossentropy",
        fit__epochs=5, random_state=1, verbose=0,
    )  # fmt: skip
    grid = {"mlp__model__hidden": [2, 6], "mlp__optimizer__learning_rate": [0.05]}
    search = GridSearchCV(Pipeline([("mlp", routed)]), grid, cv=2, error_score="raise").fit(x, y)
    assert search.best_params_["mlp__model__hidden"] in (2, 6) and search.best_score_ > 0.4
    assert routed.fit(x, y) is routed and len(routed.history_["loss"]) == 5
    assert float(routed.model_.optimizer.learning_rate) == pytest.approx(0.05)
    np.testing.assert_array_equal(routed.predict_proba(x), clone(routed).fit(x, y).predict_proba(x))
    with pytest.raises(ValueError, match="unitz is not a legal parameter"):
        routed.set_params(unitz=3)

    new = SKLearnClassifier(build(), fit_kwargs={"epochs": 15, "verbose": 0})
    scores = cross_val_score(make_pipeline(StandardScaler(), new), x, y, cv=2, error_score="raise")
    assert scores.mean() > 0.7
    fitted = SKLearnRegressor(compiled_regressor(), fit_kwargs={"epochs": 30, "verbose": 0}).fit(x, t)
    assert fitted.predict(x).shape == (60,) and fitted.score(x, t) > 0.5
    features = SKLearnTransformer(compiled_regressor(), fit_kwargs={"verbose": 0}).fit_transform(x, t)
    assert features.shape == (60, 1)


def compiled_regressor():
    model = Sequential([Dense(1, input_dim=3)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


COMPAT = """
import fkeras.compat
fkeras.compat.install()
import keras
from keras.layers.core import Dense
from keras.utils import np_utils
import keras.backend as K
from tensorflow import keras as tfk
import tensorflow as tf
from tensorflow.keras.layers import Dense as D
from tensorflow.python.keras.models import Sequential
import tensorflow.keras.backend
import fkeras
assert keras is tfk is tf.keras is fkeras and D is Dense is fkeras.layers.Dense and K is fkeras.backend
assert fkeras.layers.__spec__.name == "fkeras.layers" and fkeras.layers.__name__ == "fkeras.layers"
assert float(tf.reduce_mean(tf.constant([1.0, 3.0]))) == 2.0
import tensorflow.compat.v1 as tf1
assert tf1 is tf
try:
    import keras.applications.resnet50
except ImportError as error:
    assert "pretrained" in str(error)
config = tf.ConfigProto()
config.gpu_options.allow_growth = True
K.set_session(tf.compat.v1.Session(config=config))
with tf.device("/cpu:0"):
    assert tf.config.experimental.list_physical_devices("GPU") == []
    assert len(list(tf.data.Dataset.from_tensor_slices(([1, 2, 3], [4, 5, 6])).batch(2))) == 2
try:
    tf.GradientTape
except AttributeError as error:
    assert "jax.grad" in str(error)
else:
    raise AssertionError
from keras.src.layers import Dense as Deep
assert Deep is fkeras.layers.Dense
try:
    import keras.no_such_module
except ModuleNotFoundError:
    pass
fkeras.compat.uninstall()
import sys
assert not [n for n in sys.modules if n.split(".")[0] in ("keras", "tensorflow")]
import keras
assert keras is not fkeras
"""


def test_compat():
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", COMPAT], capture_output=True, text=True, timeout=100)
    assert found.returncode == 0, found.stderr


def test_files_of_keras_2(tmp_path):
    model = Sequential([Dense(3, input_dim=2), Dense(1)])
    twin = Sequential([Dense(3, input_dim=2), Dense(1)])
    for name in ("weights.h5", "weights.hdf5"):
        model.save_weights(tmp_path / name)
        twin.set_weights([0 * w for w in twin.get_weights()])
        twin.load_weights(tmp_path / name)
        for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="must end"):
        model.save_weights(tmp_path / "weights.txt")


def test_initializers_that_draw_through_the_backend():
    def drawn(shape, name=None):
        return K.random_normal(shape, scale=0.01)

    kernel = np.asarray(Sequential([Dense(50, init=drawn, input_dim=20)]).get_weights()[0])
    assert 0.005 < kernel.std() < 0.015 and len(np.unique(kernel)) == 1000


def test_nodes_of_layers():
    dense = Dense(3)
    a, b = layers.Input((2,)), layers.Input((2,))
    dense(a), dense(b)
    assert dense.get_input_at(1) is b and dense.get_output_at(0).shape == (None, 3) and dense.output_shape == (None, 3)
    assert not hasattr(Dense(1), "output_shape")


def test_old_arguments_of_generators_and_checkpoints(tmp_path):
    from fkeras.callbacks import ModelCheckpoint
    from fkeras.preprocessing.image import ImageDataGenerator

    assert ImageDataGenerator(dim_ordering="th").data_format == "channels_first"
    ModelCheckpoint(str(tmp_path / "m.{epoch:02d}.hdf5"), period=1)
    with pytest.raises(ValueError, match="save_freq"):
        ModelCheckpoint(str(tmp_path / "m.h5"), period=2)
