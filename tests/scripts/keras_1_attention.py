"""Attention over a bidirectional LSTM, as the kernels of 2016 wrote it: `self.init`, `self.trainable_weights`."""

import numpy as np
from keras import backend as K
from keras import initializations
from keras.engine.topology import Layer
from keras.layers import LSTM, Bidirectional, Dense, Embedding
from keras.layers.core import Dropout
from keras.models import Sequential
from keras.utils.np_utils import probas_to_classes

np.random.seed(0)


class AttLayer(Layer):
    def __init__(self, **kwargs):
        self.init = initializations.get("normal")
        self.supports_masking = True
        super(AttLayer, self).__init__(**kwargs)

    def build(self, input_shape):
        assert len(input_shape) == 3
        self.W = self.init((input_shape[-1], 1), name="{}_W".format(self.name))
        self.trainable_weights = [self.W]
        super(AttLayer, self).build(input_shape)

    def compute_mask(self, input, input_mask=None):
        return None

    def call(self, x, mask=None):
        eij = K.tanh(K.squeeze(K.dot(x, self.W), -1))
        ai = K.exp(eij)
        if mask is not None:
            ai *= K.cast(mask, K.floatx())
        weights = ai / K.expand_dims(K.sum(ai, axis=1), 1)
        return K.sum(x * K.expand_dims(weights), axis=1)

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], input_shape[-1])


x = np.random.randint(1, 20, (64, 6))
x[:, 4:] = 0
y = (x[:, 0] > 10).astype("int32")
model = Sequential()
model.add(Embedding(20, 8, input_length=6, mask_zero=True, dropout=0.1))
model.add(Bidirectional(LSTM(6, return_sequences=True, dropout_W=0.1, dropout_U=0.1, consume_less="gpu")))
model.add(AttLayer())
model.add(Dropout(p=0.1))
model.add(Dense(1, activation="sigmoid", init="uniform"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"], class_mode="binary")
history = model.fit(x, y, nb_epoch=12, batch_size=64, verbose=0)
assert history.history["loss"][-1] < history.history["loss"][0]
assert len(model.trainable_weights) == 1 + 6 + 1 + 2
assert probas_to_classes(model.predict(x)).shape == (64,)
