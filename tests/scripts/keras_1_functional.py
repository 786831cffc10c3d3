"""2016: several inputs and outputs, `merge`, and branches of a Sequential, in the spelling of Keras 1."""

import numpy as np
from keras.engine.topology import Layer
from keras.layers import Dense, Input, Lambda, Merge, TimeDistributed, merge
from keras.layers.advanced_activations import PReLU
from keras.layers.normalization import BatchNormalization
from keras.models import Model, Sequential
from keras.regularizers import WeightRegularizer, activity_l2

rng = np.random.RandomState(3)
a_train, b_train = rng.normal(size=(80, 6)), rng.normal(size=(80, 4))
y_train = (a_train[:, :1] + b_train[:, :1] > 0).astype("float32")


class Scale(Layer):
    def __init__(self, **kwargs):
        self.supports_masking = True
        super(Scale, self).__init__(**kwargs)

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), initializer="one", name="{}_scale".format("own"))
        super(Scale, self).build(input_shape)

    def call(self, x, mask=None):
        return x * self.scale

    def get_output_shape_for(self, input_shape):
        return input_shape


a, b = Input(shape=(6,), dtype="float32", name="a"), Input(shape=(4,), name="b")
x = Dense(8, init="he_normal", W_regularizer=WeightRegularizer(l2=1e-4), activity_regularizer=activity_l2(1e-5))(a)
x = PReLU()(BatchNormalization(mode=0, axis=-1)(x))
y = Scale()(Dense(output_dim=8, activation="relu", b_constraint=None)(b))
both = merge([x, y], mode="concat", concat_axis=-1)
summed = merge([x, y], mode="sum")
product = merge([x, y], mode=lambda t: t[0] * t[1], output_shape=(8,))
joined = merge([both, summed, product], mode="concat")
main = Dense(1, activation="sigmoid", name="main")(joined)
aux = Dense(1, activation="sigmoid", name="aux")(Lambda(lambda t: t * 2.0, output_shape=(8,))(x))
model = Model(input=[a, b], output=[main, aux])
model.compile(optimizer="rmsprop", loss={"main": "binary_crossentropy", "aux": "binary_crossentropy"},
              loss_weights={"main": 1.0, "aux": 0.2}, metrics={"main": "accuracy", "aux": "accuracy"})  # fmt: skip
model.optimizer.lr = 0.01
hist = model.fit({"a": a_train, "b": b_train}, {"main": y_train, "aux": y_train}, nb_epoch=25, batch_size=16, verbose=0)
print({k: round(v[-1], 3) for k, v in hist.history.items()})
assert hist.history["main_accuracy"][-1] > 0.85

left, right = Sequential(), Sequential()
left.add(Dense(8, input_dim=6))
right.add(Dense(8, input_dim=4))
merged = Sequential()
merged.add(Merge([left, right], mode="sum"))
merged.add(Dense(1, activation="sigmoid"))
merged.compile("adam", "binary_crossentropy")
before = merged.evaluate([a_train, b_train], y_train, verbose=0)
merged.fit([a_train, b_train], y_train, nb_epoch=20, verbose=0)
assert merged.evaluate([a_train, b_train], y_train, verbose=0) < before

steps = Sequential([TimeDistributed(Dense(3), input_shape=(5, 6))])
assert steps.predict(np.zeros((2, 5, 6))).shape == (2, 5, 3)
