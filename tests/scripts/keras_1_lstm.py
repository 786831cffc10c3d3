"""2016: sentiment of word numbers by a LSTM, in the spelling of Keras 1."""

import numpy as np
from keras.layers import LSTM, Activation, Dense, Embedding
from keras.models import Sequential
from keras.preprocessing import sequence

max_features, maxlen, batch_size = 40, 12, 25
rng = np.random.RandomState(2)
y_train = rng.randint(2, size=150)
X_train = [list(rng.randint(1, 20, size=rng.randint(5, 20)) + 20 * label) for label in y_train]

print("Pad sequences (samples x time)")
X_train = sequence.pad_sequences(X_train, maxlen=maxlen)
print("X_train shape:", X_train.shape)

model = Sequential()
model.add(Embedding(max_features, 16, dropout=0.2, input_length=maxlen))
model.add(LSTM(16, dropout_W=0.2, dropout_U=0.2, inner_activation="hard_sigmoid", forget_bias_init="one"))
model.add(Dense(1))
model.add(Activation("sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(X_train, y_train, batch_size=batch_size, nb_epoch=15, verbose=0, validation_data=(X_train, y_train))
score, acc = model.evaluate(X_train, y_train, batch_size=batch_size, verbose=0)
print("Test accuracy:", acc)
assert acc > 0.9 and len(history.history["val_loss"]) == 15
assert set(model.predict_classes(X_train).ravel()) == {0, 1}
