"""2020: a regressor of scikit-learn around a model of tf.keras, and a residual net of functions."""

import numpy as np
import tensorflow as tf
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from tensorflow.keras.layers import Activation, Add, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Input
from tensorflow.keras.models import Model, Sequential
from tensorflow.keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor

rng = np.random.RandomState(10)
X = rng.normal(size=(60, 4)) * 5 + 3
Y = X[:, 0] * 2 - X[:, 1]


def baseline_model(units=8):
    model = Sequential()
    model.add(Dense(units, input_dim=4, kernel_initializer="normal", activation="relu"))
    model.add(Dense(1, kernel_initializer="normal"))
    model.compile(loss="mean_squared_error", optimizer=tf.keras.optimizers.Adam(lr=0.05))
    return model


estimators = [("standardize", StandardScaler()),
              ("mlp", KerasRegressor(build_fn=baseline_model, epochs=30, batch_size=10, verbose=0))]  # fmt: skip
pipeline = Pipeline(estimators)
results = cross_val_score(pipeline, X, Y, cv=KFold(n_splits=2), error_score="raise")
print("Standardized: %.2f (%.2f) MSE" % (results.mean(), results.std()))
assert results.mean() > -100


def residual(x, filters):
    y = Conv2D(filters, 3, padding="same", use_bias=False)(x)
    y = Activation("relu")(BatchNormalization()(y))
    y = BatchNormalization()(Conv2D(filters, 3, padding="same")(y))
    return Activation("relu")(Add()([x, y]))


def create_net(filters=4):
    inputs = Input(shape=(8, 8, 1))
    x = Conv2D(filters, 3, padding="same")(inputs)
    x = GlobalAveragePooling2D()(residual(x, filters))
    model = Model(inputs=inputs, outputs=Dense(2, activation="softmax")(x))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


labels = rng.randint(2, size=40)
images = rng.rand(40, 8, 8, 1) * (1 + 2 * labels[:, None, None, None])
grid = GridSearchCV(KerasClassifier(create_net, verbose=0, batch_size=10), {"epochs": [2]}, cv=2, error_score="raise")
found = grid.fit(images.reshape(40, 8, 8, 1), labels)
assert found.best_params_ == {"epochs": 2} and set(found.predict(images)) <= {0, 1}
