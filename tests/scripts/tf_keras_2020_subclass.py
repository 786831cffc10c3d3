"""2020: own layers and an own model under tf.keras, with a few functions of TensorFlow."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

tf.random.set_seed(9)
rng = np.random.RandomState(9)
x = rng.normal(size=(120, 5)).astype("float32")
y = (x[:, :1] * x[:, 1:2] > 0).astype("float32")


class Linear(layers.Layer):
    def __init__(self, units=32, **kwargs):
        super(Linear, self).__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight("w", shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True)
        self.b = self.add_weight("b", shape=(self.units,), initializer="zeros")

    def call(self, inputs):
        return tf.matmul(inputs, self.w) + self.b

    def get_config(self):
        config = super(Linear, self).get_config()
        config.update({"units": self.units})
        return config


class Sampling(layers.Layer):
    def call(self, inputs, training=None):
        if not training:
            return inputs
        return inputs + 0.01 * tf.keras.backend.random_normal(shape=tf.shape(inputs))


class MLP(keras.Model):
    def __init__(self):
        super(MLP, self).__init__()
        self.block_1, self.block_2 = Linear(16), Linear(16)
        self.noise, self.dropout = Sampling(), layers.Dropout(0.1)
        self.out = layers.Dense(1, activation=tf.nn.sigmoid)

    def call(self, inputs, training=False):
        h = tf.nn.relu(self.block_1(self.noise(inputs, training=training)))
        h = tf.nn.relu(self.block_2(h))
        return self.out(self.dropout(h, training=training))


def own_loss(y_true, y_pred):
    return tf.reduce_mean(tf.square(tf.cast(y_true, tf.float32) - y_pred), axis=-1)


model = MLP()
schedule = keras.optimizers.schedules.ExponentialDecay(0.02, decay_steps=100, decay_rate=0.9)
model.compile(optimizer=tf.keras.optimizers.Adam(learning_rate=schedule), loss=own_loss,
              metrics=[tf.keras.metrics.BinaryAccuracy(name="accuracy"), tf.keras.metrics.AUC()])  # fmt: skip
history = model.fit(x, y, epochs=40, batch_size=24, verbose=0, validation_split=0.2,
                    callbacks=[tf.keras.callbacks.EarlyStopping(patience=40)])  # fmt: skip
assert history.history["accuracy"][-1] > 0.85 and "val_auc" in history.history
model.summary()
assert len(model.trainable_weights) == 6 and Linear.from_config(Linear(3).get_config()).units == 3
print("weights", [w.shape for w in model.weights])
