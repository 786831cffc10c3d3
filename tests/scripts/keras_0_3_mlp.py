"""2015: a multilayer perceptron in the spelling of Keras 0.3."""

import numpy as np
from keras.layers.core import Activation, Dense, Dropout
from keras.models import Sequential
from keras.optimizers import SGD
from keras.regularizers import l2
from keras.utils import np_utils

np.random.seed(1337)
rng = np.random.RandomState(0)
nb_classes, nb_epoch, batch_size = 3, 30, 32
centers = rng.normal(size=(nb_classes, 20)) * 2
labels = rng.randint(nb_classes, size=300)
X = (centers[labels] + rng.normal(size=(300, 20))).astype("float32")
Y = np_utils.to_categorical(labels, nb_classes)

model = Sequential()
model.add(Dense(64, input_dim=20, init="uniform"))
model.add(Activation("tanh"))
model.add(Dropout(0.5))
model.add(Dense(output_dim=64, init="glorot_uniform", W_regularizer=l2(1e-4)))
model.add(Activation("tanh"))
model.add(Dropout(p=0.5))
model.add(Dense(nb_classes, init="uniform"))
model.add(Activation("softmax"))

sgd = SGD(lr=0.1, decay=1e-6, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=sgd, class_mode="categorical")
model.fit(X[:200], Y[:200], nb_epoch=nb_epoch, batch_size=batch_size, show_accuracy=True, verbose=0,
          validation_data=(X[200:], Y[200:]))  # fmt: skip
score = model.evaluate(X[200:], Y[200:], batch_size=batch_size, show_accuracy=True, verbose=0)
print("Test score:", score[0])
print("Test accuracy:", score[1])
assert score[1] > 0.9
assert (model.predict_classes(X[200:], verbose=0) == labels[200:]).mean() > 0.9
assert model.predict_proba(X[200:], verbose=0).shape == (100, nb_classes)
