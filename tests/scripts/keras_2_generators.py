"""2018: generators, Sequence, schedules by callbacks, and layers for cuDNN."""

import math

import numpy as np
from keras import backend as K
from keras.callbacks import LearningRateScheduler, ReduceLROnPlateau
from keras.layers import Bidirectional, CuDNNLSTM, Dense, Dropout
from keras.models import Sequential
from keras.utils import Sequence

rng = np.random.RandomState(7)


def batches(batch_size):
    while True:
        y = rng.randint(2, size=batch_size)
        x = rng.normal(size=(batch_size, 6, 3))
        x[:, 2:] += 2 * y[:, None, None]
        yield x, y


class Fixed(Sequence):
    def __init__(self, n, batch_size):
        self.data = next(batches(n))
        self.batch_size = batch_size

    def __len__(self):
        return math.ceil(len(self.data[0]) / self.batch_size)

    def __getitem__(self, idx):
        rows = slice(idx * self.batch_size, (idx + 1) * self.batch_size)
        return self.data[0][rows], self.data[1][rows]


model = Sequential()
model.add(Bidirectional(CuDNNLSTM(8), input_shape=(6, 3)))
model.add(Dropout(0.1))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["acc"])
rates = []


def schedule(epoch):
    rates.append(float(K.get_value(model.optimizer.lr)))
    return 0.02 * 0.9**epoch


validation = Fixed(50, 16)
history = model.fit_generator(batches(32), steps_per_epoch=8, epochs=6, verbose=0, validation_data=validation,
                              validation_steps=len(validation), max_queue_size=10, workers=1, use_multiprocessing=False,
                              callbacks=[LearningRateScheduler(schedule), ReduceLROnPlateau(patience=3)])  # fmt: skip
assert {"loss", "acc"} <= set(history.history) and history.history["val_acc"][-1] > 0.8
np.testing.assert_allclose(rates[1:], [0.02 * 0.9**e for e in range(5)], rtol=1e-5)
loss, acc = model.evaluate_generator(validation, steps=len(validation))
again = model.evaluate(*validation.data, verbose=0)
np.testing.assert_allclose([loss, acc], again, rtol=1e-4)
probabilities = model.predict_generator(validation, steps=len(validation))
assert probabilities.shape == (50, 1)

old = model.fit_generator(batches(32), samples_per_epoch=64, nb_epoch=1, verbose=0, validation_data=batches(10),
                          nb_val_samples=20, pickle_safe=False)  # fmt: skip
assert set(old.history) >= {"loss", "val_acc"}
K.clear_session()
