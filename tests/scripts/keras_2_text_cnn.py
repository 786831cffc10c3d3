"""2017: a text classifier of Keras 2, from a Tokenizer to a confusion of strings."""

import keras
import numpy as np
from keras.callbacks import EarlyStopping, LambdaCallback
from keras.layers import Conv1D, Dense, Dropout, Embedding, GlobalMaxPooling1D
from keras.models import Sequential, model_from_json
from keras.preprocessing.sequence import pad_sequences
from keras.preprocessing.text import Tokenizer

rng = np.random.RandomState(4)
good, bad, rest = "good great fine lovely".split(), "bad awful poor boring".split(), "the film was a plot with actors".split()
labels = rng.randint(2, size=120)
texts = [" ".join(rng.permutation(list(rng.choice(good if l else bad, 2)) + list(rng.choice(rest, 5)))) for l in labels]

tokenizer = Tokenizer(num_words=30)
tokenizer.fit_on_texts(texts)
sequences = tokenizer.texts_to_sequences(texts)
word_index = tokenizer.word_index
print("Found %s unique tokens." % len(word_index))
data = pad_sequences(sequences, maxlen=8)

model = Sequential()
model.add(Embedding(30, 16, input_length=8))
model.add(Dropout(0.2))
model.add(Conv1D(16, 3, padding="valid", activation="relu", strides=1))
model.add(GlobalMaxPooling1D())
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.RMSprop(lr=0.01), metrics=["acc"])
seen = []
history = model.fit(data, labels, batch_size=20, epochs=30, validation_split=0.25, verbose=0,
                    callbacks=[EarlyStopping(monitor="val_loss", patience=5),
                               LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["val_acc"]))])  # fmt: skip
assert history.history["val_acc"] == seen and max(seen) > 0.9
twin = model_from_json(model.to_json())
twin.set_weights(model.get_weights())
assert np.array_equal(twin.predict(data), model.predict(data))
