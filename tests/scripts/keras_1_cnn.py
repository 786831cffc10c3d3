"""2016: a convolutional net in the spelling of Keras 1.2, layouts and all."""

import numpy as np
from keras import backend as K
from keras.layers import Activation, Convolution2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.utils import np_utils

batch_size, nb_classes, nb_epoch = 20, 2, 12
img_rows, img_cols, nb_filters = 12, 12, 8
pool_size, kernel_size = (2, 2), (3, 3)

rng = np.random.RandomState(1)
y_train = rng.randint(nb_classes, size=100)
X_train = rng.uniform(0, 60, size=(100, img_rows, img_cols))
X_train[y_train == 1, 3:9, 5:7] += 180
X_train[y_train == 0, 5:7, 3:9] += 180

if K.image_dim_ordering() == "th":
    X_train = X_train.reshape(X_train.shape[0], 1, img_rows, img_cols)
    input_shape = (1, img_rows, img_cols)
else:
    X_train = X_train.reshape(X_train.shape[0], img_rows, img_cols, 1)
    input_shape = (img_rows, img_cols, 1)
X_train = X_train.astype("float32") / 255
Y_train = np_utils.to_categorical(y_train, nb_classes)

model = Sequential()
model.add(Convolution2D(nb_filters, kernel_size[0], kernel_size[1], border_mode="valid", input_shape=input_shape))
model.add(Activation("relu"))
model.add(Convolution2D(nb_filters, kernel_size[0], kernel_size[1]))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=pool_size))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(16))
model.add(Activation("relu"))
model.add(Dense(nb_classes))
model.add(Activation("softmax"))
assert model.output_shape == (None, 2) and model.layers[2].output_shape == (None, 8, 8, nb_filters)

model.compile(loss="categorical_crossentropy", optimizer="adadelta", metrics=["accuracy"])
model.optimizer.lr = 1.0
model.fit(X_train, Y_train, batch_size=batch_size, nb_epoch=nb_epoch, verbose=0, validation_split=0.2)
score = model.evaluate(X_train, Y_train, verbose=0)
print("Train accuracy:", score[1])
assert score[1] > 0.9

layer_output = K.function([model.layers[0].input, K.learning_phase()], [model.layers[3].output])
assert layer_output([X_train[:5], 0])[0].shape == (5, 8, 8, nb_filters)
